import assert from 'node:assert/strict'
import type { Storage, StorageTransaction } from '../../storage.js'
import type { Participant, PendingWrite } from '../../transaction.js'
import { isStorageError } from '../../errors.js'
import { assertCode, assertContents, contentOf, soon, takeTurns } from './assertions.js'
import { type ContractTest, type Fixture, group } from './harness.js'

const WORKERS = 4
const ROUNDS = 5

export const interactiveEnds = group('the end of a transaction', (test) => {
  const transactional: ContractTest = (name, body) =>
    test(name, async (fixture) => {
      if (fixture.supports.interactiveTransactions) await body(fixture)
    })

  transactional('hooks run when it commits, each of its write', async ({ storage, info }) => {
    const told: PendingWrite[] = []
    const transaction = { beforeCommit: async (pending: PendingWrite) => void told.push(pending) }
    await storage.transaction(async (tx) => {
      await tx.putContent(info('a'), 'x', { transaction })
      await tx.putMetaData(info('b'), 'x', { transaction })
      await tx.removeContent(info('none'), { transaction })
      await tx.removeContent(info('a'), { transaction })
      assert.deepEqual(told, [])
    })
    assert.deepEqual(
      told.map(({ info: { resource }, created, emptied }) => [resource, created, emptied]),
      [
        ['a', true, false],
        ['b', true, false],
        ['a', false, true],
      ],
    )
  })

  transactional('a hook or participant that rejects rolls back', async ({ storage, collection, info }) => {
    const boom = new Error('no')
    const reject = async () => Promise.reject(boom)
    const write = async (tx: StorageTransaction) => tx.putContent(info(), 'x')
    const hooked = storage.transaction((tx) =>
      tx.putContent(info(), 'x', { transaction: { beforeCommit: reject } }),
    )
    await assert.rejects(hooked, boom)
    for (const participant of [{ closing: reject }, { beforeCommit: reject }]) {
      const enlisted = storage.transaction(async (tx) => {
        await write(tx)
        tx.enlist(participant)
      })
      await assert.rejects(enlisted, boom)
    }
    const late = storage.transaction(async (tx) => {
      await write(tx)
      tx.enlist({ beforeCommit: async () => ({ commitBefore: performance.now() - 1 }) })
    })
    await assertCode(late, 'E_TIMEOUT')
    await assertContents(storage, collection, {})
    await soon(storage.putContent(info(), 'next'), 'a write after a rollback')
  })

  transactional('participants are called in order', async ({ storage, info }) => {
    const calls: string[] = []
    const call = (what: string) => async () => void calls.push(what)
    const participant: Participant = {
      closing: call('closing'),
      beforeCommit: call('before'),
      afterCommit: async () => calls.push('after') > 0,
      afterRollback: call('rolled back'),
    }
    const { cacheInvalidated } = await storage.transaction(async (tx) => {
      tx.enlist(participant)
      await tx.putContent(info(), 'x', { transaction: { beforeCommit: call('hook') } })
    })
    assert.deepEqual([calls, cacheInvalidated], [['closing', 'hook', 'before', 'after'], true])
    calls.length = 0
    const boom = new Error('no')
    let reason: unknown
    const failing = storage.transaction(async (tx) => {
      tx.enlist({ ...participant, afterRollback: async (why) => void (reason = why) })
      await tx.putContent(info(), 'y')
      throw boom
    })
    await assert.rejects(failing, boom)
    assert.deepEqual([calls, reason], [[], boom])
  })

  transactional('a cache that was not told is no error', async ({ storage, info }) => {
    const untold: (() => Promise<boolean>)[] = [
      async () => false,
      async () => Promise.reject(new Error('nobody there')),
    ]
    for (const afterCommit of untold) {
      const result = await storage.transaction(async (tx) => {
        tx.enlist({ afterCommit })
        await tx.putContent(info(), 'x')
        return { outcome: tx.outcome }
      })
      assert.equal(result.cacheInvalidated, false)
      assert.deepEqual(await result.value.outcome, { status: 'committed', cacheInvalidated: false })
    }
    assert.equal(await contentOf(storage, info()), 'x')
  })

  transactional('a nested one is undone by itself, and committed with all', async (fixture) => {
    const { storage, collection, info } = fixture
    await storage.putContent(info('old'), 'old')
    const hooks: string[] = []
    const hooked = (name: string) => ({ transaction: { beforeCommit: async () => void hooks.push(name) } })
    const boom = new Error('only this one')
    await storage.transaction(async (tx) => {
      await tx.putContent(info('a'), 'a', hooked('a'))
      const undone = tx.transaction(async (inner) => {
        await inner.putContent(info('b'), 'b', hooked('b'))
        await inner.putContent(info('a'), 'never', hooked('a again'))
        await inner.removeContent(info('old'), hooked('old'))
        throw boom
      })
      await assert.rejects(undone, boom)
      assert.equal(await contentOf(tx, info('a')), 'a')
      const { value } = await tx.transaction(async (inner) => {
        await inner.putContent(info('c'), 'c', hooked('c'))
        assert.equal(await contentOf(inner, info('a')), 'a')
        return 'kept'
      })
      assert.equal(value, 'kept')
      assert.equal(await contentOf(tx, info('c')), 'c')
    })
    assert.deepEqual(hooks.sort(), ['a', 'c'])
    await assertContents(storage, collection, { a: 'a', c: 'c', old: 'old' })
    const outer = storage.transaction(async (tx) => {
      await tx.transaction((inner) => inner.putContent(info('d'), 'd'))
      throw boom
    })
    await assert.rejects(outer, boom)
    await assertContents(storage, collection, { a: 'a', c: 'c', old: 'old' })
  })

  transactional('its journal rows stay if it commits', async ({ storage, supports, info }) => {
    if (!supports.journal) return
    const prefix = `interactive-${Math.random()}:`
    const keys = async () => {
      const found: string[] = []
      await storage.claim({ olderThanMs: 0, keyPrefix: prefix }, async (rows) => {
        found.push(...rows.flatMap((row) => row.keys))
        return rows.map(({ id }) => id)
      })
      return found.sort()
    }
    const write = async (tx: StorageTransaction) => {
      await tx.journal([`${prefix}1`])
      const transaction = { journal: [`${prefix}2`], beforeCommit: async () => undefined }
      const { journalId } = await tx.putContent(info(), 'x', { transaction })
      assert.ok(journalId !== undefined)
      return tx.journal([`${prefix}3`])
    }
    const boom = new Error('rolled back')
    const failing = storage.transaction(async (tx) => {
      await write(tx)
      throw boom
    })
    await assert.rejects(failing, boom)
    assert.deepEqual(await keys(), [])
    const { value } = await storage.transaction(write)
    await storage.acknowledge([value])
    assert.deepEqual(await keys(), [`${prefix}1`, `${prefix}2`])
  })

  transactional('transactions that meet lose no update', async (fixture) => {
    const { storage, info } = fixture
    const handles = await handlesOf(fixture)
    await storage.putContent(info('x'), '0')
    await storage.putContent(info('y'), '0')
    const add = async (handle: Storage, names: readonly string[]): Promise<void> => {
      const work = async (tx: StorageTransaction) => {
        for (const name of names) {
          const { bytes, etag } = await tx.getContent(info(name))
          await tx.putContent(info(name), String(Number(bytes) + 1), { ifMatch: etag })
        }
      }
      for (;;) {
        try {
          await handle.transaction(work)
          return
        } catch (error) {
          const again = isStorageError(error, 'E_PRECONDITION_FAILED') || isStorageError(error, 'E_CONFLICT')
          if (!again) throw error
        }
      }
    }
    // Half of them in the other order: they may deadlock, and must be tried again.
    const workers = Array.from({ length: WORKERS }, async (_, i) => {
      for (let round = 0; round < ROUNDS; round++)
        await add(takeTurns(handles, i), i % 2 === 0 ? ['x', 'y'] : ['y', 'x'])
    })
    await soon(Promise.all(workers), 'transactions that meet', 60_000)
    const total = String(WORKERS * ROUNDS)
    assert.deepEqual(
      [await contentOf(storage, info('x')), await contentOf(storage, info('y'))],
      [total, total],
    )
  })

  transactional('its caller sees what it has written at once', async (fixture) => {
    const { info, collection } = fixture
    const [one, two = one] = await handlesOf(fixture)
    assert.ok(one !== undefined && two !== undefined)
    for (let round = 0; round < 10; round++) {
      const text = `round ${round}`
      await two.getMany([info('a'), info('b')])
      await two.ls(collection)
      await one.transaction(async (tx) => {
        await tx.putContent(info('a'), text)
        await tx.putContent(info('b'), text)
        if (round % 2 === 0) await tx.putContent(info(`new ${round}`), text)
        else await tx.removeContent(info(`new ${round - 1}`))
      })
      assert.deepEqual([await contentOf(two, info('a')), await contentOf(two, info('b'))], [text, text])
      assert.equal((await two.ls(collection)).size, round % 2 === 0 ? 3 : 2)
    }
  })
})

async function handlesOf({ storage, reopen }: Fixture): Promise<readonly Storage[]> {
  return reopen === undefined ? [storage] : [storage, await reopen()]
}
