import { isStorageError } from '@larder/storage-core'
import { type Participant } from '@larder/storage-core/driver'
import { managerOf, SqlStorage } from '@larder/storage-sql'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { EntityManager } from 'typeorm'
import { DATABASE_NAMES, errorOf, gate } from './databases.js'
import { bill, boom, invoice, Order, Program } from './program.js'

test('statements of a program that come at once wait for one turn of the SQLite file', async () => {
  await using program = await Program.open('sqlite', { queueTimeoutMs: 60_000 })
  const { storage, dataSource } = program
  await dataSource.getRepository(Order).insert({ id: 1, total: 1 })
  await dataSource.transaction((manager) =>
    Promise.all([manager.insert(Order, { id: 2, total: 2 }), manager.insert(Order, { id: 3, total: 3 })]),
  )
  const failing = dataSource.transaction((manager) =>
    Promise.all([manager.insert(Order, { id: 1, total: 9 }), manager.insert(Order, { id: 4, total: 4 })]),
  )
  await expect(failing).rejects.toThrow(/UNIQUE/)
  await storage.putContent(invoice(storage, 1), 'not locked out')
  expect(await program.contents()).toEqual({ 1: 'not locked out' })
})

describe.each(DATABASE_NAMES)('a transaction with tables of the program on %s', (name) => {
  test('the storage begins one, and both commit or neither does', async () => {
    await using program = await Program.open(name)
    const { storage } = program
    const { value } = await storage.transaction(async (tx) => {
      await bill(tx, managerOf(tx), 1)
      expect(await managerOf(tx).countBy(Order, { id: 1 })).toBe(1)
      return 'billed'
    })
    expect(value).toBe('billed')
    const failing = storage.transaction(async (tx) => {
      await bill(tx, managerOf(tx), 2)
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
    expect(await program.totals()).toEqual({ 1: 10 })
    expect(await program.contents()).toEqual({ 1: 'invoice 1' })
  })

  test('a write beside a nested one keeps its hooks with its statements', async () => {
    await using program = await Program.open(name)
    const { storage } = program
    const hooked: number[] = []
    const { value } = await storage.transaction(async (tx) => {
      const write = tx.putContent(invoice(tx, 1), 'x'.repeat(100_000), {
        transaction: {
          beforeCommit: async ({ version }) => {
            hooked.push(version)
          },
        },
      })
      const nested = tx.transaction(async () => {
        throw boom
      })
      const [written, failed] = await Promise.allSettled([write, nested])
      expect(failed.status).toBe('rejected')
      return written.status === 'fulfilled' ? written.value.version : undefined
    })
    expect(hooked).toEqual([value])
    expect((await storage.getContent(invoice(storage, 1))).bytes.length).toBe(100_000)
  })

  test('an error of a statement of the program rolls both back', async () => {
    await using program = await Program.open(name)
    const { storage } = program
    await program.dataSource.getRepository(Order).insert({ id: 1, total: 7 })
    let runs = 0
    const twice = storage.transaction(async (tx) => {
      runs++
      await tx.putContent(invoice(tx, 1), 'never')
      await managerOf(tx).insert(Order, { id: 1, total: 8 })
    })
    const { message } = await errorOf(twice)
    expect(message).toMatch(/unique|duplicate/i)
    expect(runs, 'a duplicate of the program was taken for a collision').toBe(1)
    expect(await program.contents()).toEqual({})
  })

  test('the storage joins one that the program has opened', async () => {
    await using program = await Program.open(name)
    const { storage, dataSource } = program
    const outcomes: unknown[] = []
    const told: string[] = []
    const participant: Participant = {
      beforeCommit: async () => void told.push('before'),
      afterCommit: async () => told.push('after') > 0,
      afterRollback: async () => void told.push('rolled back'),
    }
    await dataSource.transaction(async (manager) => {
      const tx = storage.within(manager)
      expect(storage.within(manager)).toBe(tx)
      expect(managerOf(tx)).toBe(manager)
      tx.enlist(participant)
      await bill(tx, manager, 1)
      expect((await tx.getContent(invoice(tx, 1))).bytes.toString()).toBe('invoice 1')
      void tx.outcome.then((outcome) => outcomes.push(outcome))
    })
    const failing = dataSource.transaction(async (manager) => {
      const tx = storage.within(manager)
      tx.enlist(participant)
      await bill(tx, manager, 2)
      void tx.outcome.then((outcome) => outcomes.push(outcome))
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
    expect(await program.totals()).toEqual({ 1: 10 })
    expect(await program.contents()).toEqual({ 1: 'invoice 1' })
    expect(told).toEqual(['before', 'after', 'rolled back'])
    expect(outcomes).toEqual([
      { status: 'committed', cacheInvalidated: true },
      { status: 'rolled back', cacheInvalidated: true },
    ])
  })

  test('the storage joins one of a query runner, again and again', async () => {
    await using program = await Program.open(name)
    const runner = program.dataSource.createQueryRunner()
    await runner.connect()
    for (const id of [1, 2, 3]) {
      await runner.startTransaction()
      const tx = program.storage.within(runner.manager)
      await bill(tx, runner.manager, id)
      if (id === 2) await runner.rollbackTransaction()
      else await runner.commitTransaction()
      expect((await errorOf(tx.putContent(invoice(tx, id), 'late'))).code).toBe('E_CLOSED')
    }
    await runner.release()
    expect(await program.totals()).toEqual({ 1: 10, 3: 30 })
    expect(await program.contents()).toEqual({ 1: 'invoice 1', 3: 'invoice 3' })
  })

  test('a write that a savepoint rolled back is no write any more', async () => {
    await using program = await Program.open(name)
    const hooks: string[] = []
    const hooked = (id: string) => ({ transaction: { beforeCommit: async () => void hooks.push(id) } })
    await program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      await tx.putContent(invoice(tx, 1), 'kept', hooked('1'))
      const undone = manager.transaction(async (nested) => {
        const inner = program.storage.within(nested)
        await inner.putContent(invoice(tx, 1), 'never', hooked('1 again'))
        await inner.putContent(invoice(tx, 2), 'never', hooked('2'))
        throw boom
      })
      await expect(undone).rejects.toBe(boom)
      await manager.transaction(async (nested) => {
        await bill(program.storage.within(nested), nested, 3)
      })
      await tx.transaction((inner) => inner.putContent(invoice(tx, 4), 'four', hooked('4')))
    })
    expect(hooks.sort()).toEqual(['1', '4'])
    expect(await program.contents()).toEqual({ 1: 'kept', 3: 'invoice 3', 4: 'four' })
    expect(await program.totals()).toEqual({ 3: 30 })
  })

  test('a hook that rejects makes the commit of the program fail', async () => {
    await using program = await Program.open(name)
    const failing = program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      await bill(tx, manager, 1)
      await tx.putMetaData(invoice(tx, 1), 'x', { transaction: { beforeCommit: () => Promise.reject(boom) } })
    })
    await expect(failing).rejects.toBe(boom)
    expect([await program.totals(), await program.contents()]).toEqual([{}, {}])
  })

  test('a write that was not awaited makes the commit wait, and fail with it', async () => {
    await using program = await Program.open(name)
    await program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      await manager.insert(Order, { id: 1, total: 10 })
      void tx.putContent(invoice(tx, 1), 'one')
    })
    const failing = program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      await manager.insert(Order, { id: 2, total: 20 })
      tx.putContent(invoice(tx, 1), 'two', { ifNoneMatch: '*' }).catch(() => undefined)
    })
    expect((await errorOf(failing)).code).toBe('E_PRECONDITION_FAILED')
    expect(await program.totals()).toEqual({ 1: 10 })
    expect(await program.contents()).toEqual({ 1: 'one' })
  })

  test('a statement that ends the transaction past TypeORM is refused', async () => {
    await using program = await Program.open(name)
    const statements = ['COMMIT', ' rollback', 'ROLLBACK TO SAVEPOINT x', "SELECT ';'; COMMIT"]
    if (name === 'mariadb') statements.push('CREATE TABLE other (id integer)', 'TRUNCATE order_')
    for (const sql of statements) {
      const failing = program.dataSource.transaction(async (manager) => {
        await bill(program.storage.within(manager), manager, 1)
        await manager.query(sql)
      })
      expect((await errorOf(failing)).code, sql).toBe('E_UNSUPPORTED')
    }
    expect([await program.totals(), await program.contents()]).toEqual([{}, {}])
    await program.dataSource.transaction(async (manager) => {
      await bill(program.storage.within(manager), manager, 1)
      await manager.query("UPDATE order_ SET total = total WHERE 'commit;' <> ''")
    })
    expect(await program.contents()).toEqual({ 1: 'invoice 1' })
  })

  test('one that was ended past TypeORM and unseen is found out before the commit', async () => {
    await using program = await Program.open(name)
    const reasons: unknown[] = []
    const failing = program.dataSource.transaction(async (manager) => {
      const tx = program.storage.within(manager)
      tx.enlist({ afterRollback: async (reason) => void reasons.push(reason) })
      await bill(tx, manager, 1)
      await pastTypeOrm(manager, 'COMMIT')
    })
    expect((await errorOf(failing)).code).toBe('E_OUTCOME_UNKNOWN')
    expect(isStorageError(reasons[0], 'E_OUTCOME_UNKNOWN')).toBeTruthy()
    expect(await program.contents()).toEqual({ 1: 'invoice 1' })
    await program.dataSource.transaction((manager) => bill(program.storage.within(manager), manager, 2))
    expect(await program.totals()).toEqual({ 1: 10, 2: 20 })
  })

  test('managers of other databases and without a transaction are refused', async () => {
    await using program = await Program.open(name)
    await using other = await Program.open(name)
    const { storage, dataSource } = program
    expect(() => storage.within(dataSource.manager)).toThrow(TypeError)
    expect(() => storage.within({})).toThrow(TypeError)
    const runner = dataSource.createQueryRunner()
    expect(() => storage.within(runner.manager)).toThrow(TypeError)
    await runner.release()
    await other.dataSource.transaction(async (manager) => {
      expect(() => storage.within(manager)).toThrow(/data source/)
    })
    await using alone = await SqlStorage.open({ url: program.place.url })
    await dataSource.transaction(async (manager) => {
      expect(() => alone.within(manager)).toThrow(TypeError)
    })
  })

  test('a write beside a transaction of the program fails at once', async () => {
    await using program = await Program.open(name, { pool: 3 })
    const { storage, dataSource } = program
    const begun = performance.now()
    const beside = Array.from({ length: 12 }, (_, i) =>
      dataSource.transaction(async (manager) => {
        if (name !== 'sqlite') await manager.insert(Order, { id: i, total: i })
        await storage.putContent(invoice(storage, i), 'beside')
      }),
    )
    // Not a part of any of them.
    const plain = storage.putContent(invoice(storage, 99), 'plain')
    for (const each of await Promise.allSettled(beside)) {
      expect(each.status).toBe('rejected')
      expect(String(each.status === 'rejected' && each.reason)).toMatch(/within\(manager\)/)
    }
    await plain
    expect(performance.now() - begun).toBeLessThan(3_000)
    const runner = dataSource.createQueryRunner()
    await runner.startTransaction()
    expect((await errorOf(storage.putContent(invoice(storage, 1), 'x'))).code).toBe('E_UNSUPPORTED')
    await runner.commitTransaction()
    await runner.release()
    await storage.putContent(invoice(storage, 1), 'after')
    expect(await program.contents()).toEqual({ 1: 'after', 99: 'plain' })
  })

  test('transactions of the program and writes of the storage wait for each other', async () => {
    await using program = await Program.open(name, { pool: 4 })
    const { storage, dataSource } = program
    const inside = gate()
    const open = gate()
    const slow = dataSource.transaction(async (manager) => {
      await bill(storage.within(manager), manager, 1)
      inside.open()
      await open.opened
    })
    await inside.opened
    const waiting = [
      storage.putContent(invoice(storage, 1), 'later'),
      storage.transaction((tx) => bill(tx, managerOf(tx), 2)),
      storage.putContent(invoice(storage, 3), 'three'),
    ]
    await sleep(20)
    open.open()
    await Promise.all([slow, ...waiting])
    expect(await program.contents()).toEqual({ 1: 'later', 2: 'invoice 2', 3: 'three' })
    expect(await program.totals()).toEqual({ 1: 10, 2: 20 })
  })

  test('a manager is of no use after the end', async () => {
    await using program = await Program.open(name)
    let late: EntityManager | undefined
    const hanging = program.storage.transaction(
      async (tx) => {
        late = managerOf(tx)
        await bill(tx, late, 1)
        await new Promise(() => undefined)
      },
      { timeoutMs: 300 },
    )
    expect((await errorOf(hanging)).code).toBe('E_TIMEOUT')
    await errorOf(Promise.resolve(late?.insert(Order, { id: 9, total: 9 })))
    expect([await program.totals(), await program.contents()]).toEqual([{}, {}])
  })

  test('large contents and removals are part of it', async () => {
    await using program = await Program.open(name)
    const { storage } = program
    const large = Buffer.alloc(1_500_000, 'larder')
    await storage.putContent(invoice(storage, 1), large)
    const failing = storage.transaction(async (tx) => {
      await tx.putContent(invoice(tx, 2), large)
      await tx.removeContent(invoice(tx, 1))
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
    await storage.transaction(async (tx) => {
      await tx.putContent(invoice(tx, 3), large)
      const read = await tx.getContent(invoice(tx, 3))
      expect(large.equals(read.bytes)).toBeTruthy()
      await tx.remove(invoice(tx, 1))
    })
    expect(large.equals((await storage.getContent(invoice(storage, 3))).bytes)).toBeTruthy()
    expect([...(await storage.ls('invoices')).keys()]).toEqual(['3'])
    const rows = await program.dataSource.query<{ n: unknown }[]>(
      'SELECT COUNT(*) AS n FROM larder_body WHERE expires_ms IS NULL',
    )
    expect(Number(rows[0]?.n)).toBe(1)
  })
})

/** By the driver's own client. */
async function pastTypeOrm(manager: EntityManager, sql: string): Promise<void> {
  const client = (await manager.queryRunner?.connect()) as {
    readonly query?: (text: string, done?: (error: unknown) => void) => unknown
    readonly exec?: (text: string) => void
  }
  if (client.exec !== undefined) client.exec(sql)
  else if (manager.dataSource.options.type === 'postgres') await client.query?.(sql)
  else
    await new Promise<void>((resolve, reject) => {
      client.query?.(sql, (error) => (error instanceof Error ? reject(error) : resolve()))
    })
}
