import assert from 'node:assert/strict'
import type { WriteOptions } from '../../storage.js'
import { contentOf } from './assertions.js'
import { group } from './harness.js'

export const journal = group('journal', (test) => {
  test('a write has a journal row where keys are given and the storage keeps one', async ({
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

  test('no keys, no change, no row', async ({ storage, supports, info }) => {
    assert.equal((await storage.putContent(info(), 'x')).journalId, undefined)
    if (!supports.transactions) return
    const plain: WriteOptions = { transaction: { beforeCommit: async () => undefined } }
    assert.equal((await storage.putContent(info(), 'x', plain)).journalId, undefined)
    assert.equal((await storage.removeMetaData(info(), journaled('key'))).journalId, undefined)
  })

  test('settle drops rows and passes over ids that are gone', async ({ storage, supports, info }) => {
    await storage.settle([])
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
    await storage.settle(ids.slice(0, 2))
    await storage.settle(ids)
    await storage.settle(ids)
    assert.equal(await contentOf(storage, info('r0')), 'x')
  })

  test('many rows are settled at once', async ({ storage, supports, info }) => {
    if (!supports.journal) return
    const { journalId } = await storage.putContent(info(), 'x', journaled('key'))
    assert.ok(journalId !== undefined)
    await storage.settle(Array.from({ length: 2_000 }, () => journalId))
  })
})

function journaled(...keys: readonly string[]): WriteOptions {
  return { transaction: { journal: keys, beforeCommit: async () => undefined } }
}
