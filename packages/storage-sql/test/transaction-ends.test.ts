import { isStorageError, type TransactionOutcome } from '@larder/storage-core'
import { managerOf } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import type { EntityManager, QueryRunner } from 'typeorm'
import { DATABASE_NAMES, type DatabaseName, errorOf, gate, rawDatabase, SERVER_NAMES } from './databases.js'
import { bill, boom, invoice, Order, Program } from './program.js'

/** The longest time from begin to commit. */
const TIME = { transactionTimeoutMs: 400 }
/** Shorter than any other limit that could end the wait. */
const SOON_MS = 2_500

describe.each(DATABASE_NAMES)('the end of a transaction of the program on %s', (name) => {
  test('a source that stalls does not hold its commit past the time of the transaction', async () => {
    await using program = await Program.open(name, TIME)
    const { storage, dataSource } = program
    const content = stall()
    const failing = dataSource.transaction(async (manager) => {
      const tx = storage.within(manager)
      await bill(tx, manager, 1)
      tx.putContent(invoice(tx, 2), content.source).catch(() => undefined)
    })
    expect((await errorOf(soon(failing))).code).toBe('E_TIMEOUT')
    expect(content.isEnded()).toBeTruthy()
    await assertUsable(program)
  })

  test('a write that waits for its source ends with the time of the transaction', async () => {
    await using program = await Program.open(name, TIME)
    const failing = program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      await tx.putContent(invoice(tx, 1), stall().source)
    })
    expect((await errorOf(soon(failing))).code).toBe('E_TIMEOUT')
    await assertUsable(program)
  })

  test('a rollback waits for no source', async () => {
    await using program = await Program.open(name)
    const content = stall()
    const failing = program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      tx.putContent(invoice(tx, 1), content.source).catch(() => undefined)
      await content.reached
      throw boom
    })
    await expect(soon(failing)).rejects.toBe(boom)
    expect(content.isEnded()).toBeTruthy()
    await assertUsable(program)
  })

  test('no statement of a write in flight follows the rollback', async () => {
    await using program = await Program.open(name)
    const { dataSource, storage } = program
    await storage.createContainer('invoices')
    for (let i = 0; i < 20; i++) {
      const runner = dataSource.createQueryRunner()
      await runner.startTransaction()
      const tx = storage.within(runner.manager)
      const writes = [1, 2, 3].map((id) => tx.put(invoice(tx, id), { content: 'x', metadata: 'y' }))
      for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve))
      const settled = Promise.allSettled(writes)
      await runner.rollbackTransaction()
      await settled
      await runner.release()
      expect(await program.contents(), `after ${i} turns`).toEqual({})
    }
    await assertUsable(program)
  })

  test('a rollback that fails ends it', async () => {
    await using program = await Program.open(name)
    const { storage, dataSource } = program
    if (name === 'sqlite') await dataSource.query(ROLLING_BACK)
    const outcomes: Promise<TransactionOutcome>[] = []
    const reasons: unknown[] = []
    const joined = async (manager: EntityManager): Promise<void> => {
      const tx = storage.within(manager)
      outcomes.push(tx.outcome)
      tx.enlist({ afterRollback: async (reason) => void reasons.push(reason) })
      await bill(tx, manager, 1)
      await endConnection(program, name, manager.queryRunner)
    }
    const runner = dataSource.createQueryRunner()
    await runner.startTransaction()
    await joined(runner.manager)
    await errorOf(runner.rollbackTransaction())
    await storage.putContent(invoice(storage, 3), 'in the same flow')
    await runner.release()
    const failing = dataSource.transaction(async (manager) => {
      await joined(manager)
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
    for (const outcome of outcomes)
      expect(await soon(outcome)).toEqual({ status: 'rolled back', cacheInvalidated: true })
    expect(reasons.map((reason) => isStorageError(reason))).toEqual([true, true])
    await storage.remove(invoice(storage, 3))
    await assertUsable(program)
  })

  test('a nested one that is open does not hide the rollback of all', async () => {
    await using program = await Program.open(name, { pool: 1 })
    const { storage } = program
    const hanging = storage.transaction(
      async (tx) => {
        await bill(tx, managerOf(tx), 1)
        await managerOf(tx).transaction(async (nested) => {
          await nested.insert(Order, { id: 2, total: 2 })
          await new Promise(() => undefined)
        })
      },
      { timeoutMs: 300 },
    )
    expect((await errorOf(soon(hanging))).code).toBe('E_TIMEOUT')
    await assertUsable(program)
  })
})

describe.each(SERVER_NAMES)('a transaction on %s', (name) => {
  test('that is released without its end is rolled back', async () => {
    await using program = await Program.open(name, { pool: 1 })
    const { storage, dataSource } = program
    const runner = dataSource.createQueryRunner()
    await runner.startTransaction()
    const tx = storage.within(runner.manager)
    await bill(tx, runner.manager, 1)
    await runner.release()
    expect((await soon(tx.outcome)).status).toBe('rolled back')
    await storage.putContent(invoice(storage, 9), 'in the same flow')
    await storage.remove(invoice(storage, 9))
    await assertUsable(program)
  })

  test('whose connection breaks before its commit is rolled back', async () => {
    await using program = await Program.open(name)
    const failing = program.storage.transaction(async (tx) => {
      const { queryRunner } = managerOf(tx)
      await bill(tx, managerOf(tx), 1)
      tx.enlist({ beforeCommit: () => endConnection(program, name, queryRunner) })
    })
    // Where the driver has not noticed yet, the commit is sent on the broken connection.
    const error = await errorOf(failing)
    expect(error.code ?? String(error.stack)).toMatch(/^E_(STORAGE_UNAVAILABLE|OUTCOME_UNKNOWN)$/)
    await assertUsable(program)
  })

  test('that could not begin is none', async () => {
    await using program = await Program.open(name, { pool: 1 })
    const { storage, dataSource } = program
    const runner = dataSource.createQueryRunner()
    await runner.connect()
    await endConnection(program, name, runner)
    await errorOf(runner.startTransaction())
    await runner.release()
    await storage.putContent(invoice(storage, 9), 'in the same flow')
    await storage.remove(invoice(storage, 9))
    await assertUsable(program)
  })

  test('that got no connection is none', async () => {
    await using program = await Program.open(name)
    const { storage, dataSource } = program
    const runner = dataSource.createQueryRunner()
    Object.assign(runner, { connect: () => Promise.reject(new Error('refused')) })
    await expect(runner.startTransaction()).rejects.toThrow(/refused/)
    await expect(runner.rollbackTransaction()).rejects.toThrow(/refused/)
    await storage.putContent(invoice(storage, 9), 'in the same flow')
    await storage.remove(invoice(storage, 9))
    await assertUsable(program)
  })

  test('that collides each time is E_CONFLICT after its last attempt', async () => {
    await using program = await Program.open(name)
    const reasons: unknown[] = []
    const colliding = program.storage.transaction(
      async (tx) => {
        tx.enlist({ afterRollback: async (reason) => void reasons.push(reason) })
        await bill(tx, managerOf(tx), 1)
        await managerOf(tx).query(COLLISION[name])
      },
      { attempts: 3 },
    )
    const { code, message } = await errorOf(colliding)
    expect([code, reasons.length]).toEqual(['E_CONFLICT', 3])
    expect(message).toMatch(/3 times/)
    await assertUsable(program)
  })

  test.each(['time', 'signal'] as const)('that waits for a row ends with its %s', async (end) => {
    await using program = await Program.open(name)
    const { storage } = program
    await storage.putContent(invoice(storage, 1), 'locked')
    const locked = gate()
    const done = gate()
    const holding = storage.transaction(async (tx) => {
      await tx.putContent(invoice(tx, 1), 'later')
      locked.open()
      await done.opened
    })
    await locked.opened
    const abort = new AbortController()
    const waiting = storage.transaction(
      (tx) => {
        if (end === 'signal') setTimeout(() => abort.abort(), 200)
        return tx.putContent(invoice(tx, 1), 'never')
      },
      end === 'time' ? { timeoutMs: 200 } : { signal: abort.signal },
    )
    expect((await errorOf(soon(waiting))).code).toBe(end === 'time' ? 'E_TIMEOUT' : 'E_ABORTED')
    done.open()
    await holding
    expect(await program.contents()).toEqual({ 1: 'later' })
    await storage.remove(invoice(storage, 1))
    await assertUsable(program)
  })

  test.each(['time', 'signal'] as const)('whose own statement is slow ends with its %s', async (end) => {
    await using program = await Program.open(name)
    const abort = new AbortController()
    const slow = program.storage.transaction(
      async (tx) => {
        await bill(tx, managerOf(tx), 1)
        if (end === 'signal') setTimeout(() => abort.abort(), 200)
        await managerOf(tx).query(name === 'postgres' ? 'SELECT pg_sleep(2.5)' : 'SELECT SLEEP(2.5)')
      },
      end === 'time' ? { timeoutMs: 200 } : { signal: abort.signal },
    )
    expect((await errorOf(soon(slow))).code).toBe(end === 'time' ? 'E_TIMEOUT' : 'E_ABORTED')
    await assertUsable(program)
  })
})

test('transactions of a program on a SQLite file are not rolled back with each other', async () => {
  await using program = await Program.open('sqlite')
  const { storage, dataSource } = program
  const inside = gate()
  const done = gate()
  const first = dataSource.transaction(async (manager) => {
    await bill(storage.within(manager), manager, 1)
    await manager.transaction((nested) => bill(storage.within(nested), nested, 2))
    await dataSource.transaction((nested) => bill(storage.within(nested), nested, 3))
    inside.open()
    await done.opened
    throw boom
  })
  await Promise.race([inside.opened, first])
  const others = [4, 5].map((id) =>
    dataSource.transaction((manager) => bill(storage.within(manager), manager, id)),
  )
  done.open()
  await expect(first).rejects.toBe(boom)
  await Promise.all(others)
  expect(await program.totals()).toEqual({ 4: 40, 5: 50 })
  expect(await program.contents()).toEqual({ 4: 'invoice 4', 5: 'invoice 5' })
})

test('a transaction that gets no turn on a SQLite file leaves the one that has it alone', async () => {
  await using program = await Program.open('sqlite', { queueTimeoutMs: 200 })
  const { storage, dataSource } = program
  const inside = gate()
  const done = gate()
  const first = dataSource.transaction(async (manager) => {
    await bill(storage.within(manager), manager, 1)
    inside.open()
    await done.opened
    await bill(storage.within(manager), manager, 2)
  })
  await inside.opened
  const second = dataSource.transaction((manager) => bill(storage.within(manager), manager, 3))
  expect((await errorOf(second)).code).toBe('E_TIMEOUT')
  done.open()
  await first
  expect(await program.totals()).toEqual({ 1: 10, 2: 20 })
  expect(await program.contents()).toEqual({ 1: 'invoice 1', 2: 'invoice 2' })
  await storage.putContent(invoice(storage, 3), 'in the same flow')
  expect((await program.contents())['3']).toBe('in the same flow')
})

/** The error of a deadlock. */
const COLLISION = {
  postgres: "DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$",
  mariadb: "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'deadlock'",
}

/** SQLite itself rolls back, and what follows is in no transaction. */
const ROLLING_BACK =
  "CREATE TRIGGER ends_it BEFORE UPDATE ON order_ BEGIN SELECT RAISE(ROLLBACK, 'the trigger ended it'); END"

/** Ends the transaction in the database, so that nothing is left to roll back. */
async function endConnection(program: Program, name: DatabaseName, runner?: QueryRunner): Promise<void> {
  expect.assert(runner !== undefined)
  if (name === 'sqlite') {
    await errorOf(runner.query('UPDATE order_ SET total = 0'))
    return
  }
  const [row] = (await runner.query(
    name === 'postgres' ? 'SELECT pg_backend_pid() AS id' : 'SELECT CONNECTION_ID() AS id',
  )) as { readonly id: unknown }[]
  await using other = await rawDatabase(program.place)
  const id = Number(row?.id)
  await other.query(name === 'postgres' ? `SELECT pg_terminate_backend(${id})` : `KILL ${id}`)
  await errorOf(runner.query('SELECT 1'))
}

/** Nothing is left of what failed, and nothing is held by it. */
async function assertUsable(program: Program): Promise<void> {
  const { storage, dataSource } = program
  expect([await program.totals(), await program.contents()]).toEqual([{}, {}])
  await soon(storage.transaction((tx) => bill(tx, managerOf(tx), 7)))
  await soon(dataSource.transaction((manager) => bill(storage.within(manager), manager, 8)))
  expect(await program.totals()).toEqual({ 7: 70, 8: 80 })
  expect(await program.contents()).toEqual({ 7: 'invoice 7', 8: 'invoice 8' })
}

/** A source whose second chunk never comes. */
function stall() {
  const asked = gate()
  let isEnded = false
  let chunks = 0
  const iterator: AsyncIterator<Uint8Array> = {
    next: async () => {
      if (chunks++ === 0) return { done: false, value: Buffer.from('first') }
      asked.open()
      return new Promise(() => undefined)
    },
    return: async () => {
      isEnded = true
      return { done: true, value: undefined }
    },
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, reached: asked.opened, isEnded: () => isEnded }
}

/** Fails instead of waiting for another limit. */
async function soon<T>(call: Promise<T>): Promise<T> {
  const where = new Error().stack?.split('\n')[2]
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${where}: no answer within ${SOON_MS} ms`)), SOON_MS)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}
