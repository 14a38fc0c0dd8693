import assert from 'node:assert/strict'
import type { JournalRow, ClaimOptions, WriteOptions } from '../../storage.js'
import { contentOf } from './assertions.js'
import { group } from './harness.js'

export const journal = group('journal', (test) => {
  test('a write with keys has a journal row where the storage keeps a journal', async ({
    storage,
    supports,
    info,
  }) => {
    if (!supports.transactions) return
    const put = await storage.putContent(info(), 'x', journaled('key 1', 'key 2'))
    const removal = await storage.removeContent(info(), journaled('key 1'))
    if (!supports.journal) {
      assert.deepEqual([put.journalId, removal.journalId], [undefined, undefined])
      return
    }
    assert.ok(typeof put.journalId === 'string' && typeof removal.journalId === 'string')
    assert.notEqual(put.journalId, removal.journalId)
  })

  test('a write without keys or without a change has no journal row', async ({ storage, supports, info }) => {
    assert.equal((await storage.putContent(info(), 'x')).journalId, undefined)
    if (!supports.transactions) return
    const plain: WriteOptions = { transaction: { beforeCommit: async () => undefined } }
    assert.equal((await storage.putContent(info(), 'x', plain)).journalId, undefined)
    assert.equal((await storage.removeMetaData(info(), journaled('key'))).journalId, undefined)
  })

  test('acknowledge deletes rows and ignores ids that are gone', async ({ storage, supports, info }) => {
    await storage.acknowledge([])
    if (!supports.journal) return
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      const { journalId } = await storage.putContent(
        info(`r${i}`),
        'x',
        journaled(`key ${i}`, `caf\u00e9 ${i}`),
      )
      assert.ok(journalId !== undefined)
      ids.push(journalId)
    }
    await storage.acknowledge(ids.slice(0, 2))
    await storage.acknowledge(ids)
    await storage.acknowledge(ids)
    assert.equal(await contentOf(storage, info('r0')), 'x')
  })

  test('claim hands over rows, oldest first, until they are acknowledged', async ({
    storage,
    supports,
    info,
  }) => {
    if (!supports.journal) return
    const prefix = `unsettled-${Math.random()}:`
    const written: [id: string | undefined, version: number][] = []
    for (let i = 0; i < 3; i++) {
      const put = await storage.putContent(info(`u${i}`), 'x', journaled(`${prefix}${i}"\\%_`, 'caf\u00e9'))
      written.push([put.journalId, put.version])
    }
    const settled = await storage.putContent(info('u3'), 'x', journaled(`${prefix}3`))
    await storage.acknowledge([settled.journalId ?? ''])
    const seen: JournalRow[] = []
    const look = async (rows: readonly JournalRow[]) => {
      seen.push(...rows)
      return rows.slice(0, 1).map(({ id }) => id)
    }
    const mine: ClaimOptions = { olderThanMs: 0, keyPrefix: prefix }
    assert.equal(await storage.claim({ ...mine, limit: 2 }, look), 2)
    assert.deepEqual(
      seen.map(({ id, version }) => [id, version]),
      written.slice(0, 2),
    )
    // A proxy adds keys of its own.
    assert.deepEqual(
      seen.map(({ keys }) => keys.slice(-2)),
      [0, 1].map((i) => [`${prefix}${i}"\\%_`, 'caf\u00e9']),
    )
    assert.equal(await storage.claim(mine, look), 2)
    assert.equal(await storage.claim(mine, look), 1)
    assert.equal(await storage.claim(mine, look), 0)
  })

  test('claim leaves rows that are too young, have other keys or were not acknowledged', async ({
    storage,
    supports,
    info,
  }) => {
    if (!supports.journal) {
      const unasked = () => Promise.reject(new Error('there are no rows'))
      assert.equal(await storage.claim({ olderThanMs: 0 }, unasked), 0)
      return
    }
    const prefix = `unsettled-${Math.random()}:`
    await storage.putContent(info(), 'x', journaled(`${prefix}key`))
    const mine: ClaimOptions = { olderThanMs: 0, keyPrefix: prefix }
    const none = async () => []
    assert.equal(await storage.claim({ ...mine, olderThanMs: 60_000 }, none), 0)
    assert.equal(await storage.claim({ ...mine, keyPrefix: `${prefix}%` }, none), 0)
    assert.equal(await storage.claim(mine, none), 1)
    const failing = () => Promise.reject(new Error('not now'))
    await assert.rejects(storage.claim(mine, failing), { message: 'not now' })
    assert.equal(await storage.claim(mine, async (rows) => rows.map(({ id }) => id)), 1)
    assert.equal(await storage.claim(mine, none), 0)
  })

  test('two concurrent claims never hold the same row', async ({ storage, supports, reopen, info }) => {
    if (!supports.journal) return
    const other = (await reopen?.()) ?? storage
    const prefix = `unsettled-${Math.random()}:`
    for (let i = 0; i < 20; i++) await storage.putContent(info(`w${i}`), 'x', journaled(`${prefix}${i}`))
    const done: string[] = []
    const work = async (rows: readonly JournalRow[]) => {
      const ids = rows.map(({ id }) => id)
      done.push(...ids)
      return ids
    }
    const mine: ClaimOptions = { olderThanMs: 0, keyPrefix: prefix, limit: 3 }
    const drain = async (asked: typeof storage) => {
      while ((await asked.claim(mine, work)) > 0);
    }
    await Promise.all([drain(storage), drain(other), drain(storage)])
    assert.equal(new Set(done).size, 20)
    assert.equal(done.length, 20)
  })

  test('one call acknowledges many rows', async ({ storage, supports, info }) => {
    if (!supports.journal) return
    const { journalId } = await storage.putContent(info(), 'x', journaled('key'))
    assert.ok(journalId !== undefined)
    await storage.acknowledge(Array.from({ length: 2_000 }, () => journalId))
  })
})

function journaled(...keys: readonly string[]): WriteOptions {
  return { transaction: { journal: keys, beforeCommit: async () => undefined } }
}
