import { MemoryStorage, StorageError } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'vitest'

const boom = new StorageError('E_STORAGE_UNAVAILABLE', 'boom')
const text = ({ bytes }: { bytes: Uint8Array }) => Buffer.from(bytes).toString()

let storage: FaultyStorage
const info = new MemoryStorage().info('c', 'r')

beforeEach(async () => {
  storage = new FaultyStorage(new MemoryStorage())
  await storage.putContent(info, 'old')
  storage.forgetCalls()
})

describe('FaultyStorage', () => {
  test('a paused read holds the bytes that a write has overtaken', async () => {
    const gate = storage.pauseNextRead()
    const slow = storage.getContent(info)
    await gate.reached
    await storage.putContent(info, 'new')
    gate.open()
    assert.equal(text(await slow), 'old')
    assert.equal(text(await storage.getContent(info)), 'new')
  })

  test('a read paused before sees what was written meanwhile', async () => {
    const gate = storage.pauseNextRead({ at: 'before' })
    const slow = storage.getContent(info)
    await gate.reached
    await storage.putContent(info, 'new')
    gate.open()
    assert.equal(text(await slow), 'new')
  })

  test('only the calls of the filter are stopped', async () => {
    const gate = storage.pauseNextRead({ where: ({ method }) => method === 'getMetaData' })
    assert.equal(text(await storage.getContent(info)), 'old')
    const slow = storage.getMetaData(info)
    await assert.rejects(slow, { code: 'E_NOT_FOUND' })
    gate.open()
  })

  test('a write paused inside its transaction is not seen, and one paused after it is', async () => {
    const commit = storage.pauseNextWrite({ at: 'commit' })
    const first = storage.putContent(info, 'one')
    await commit.reached
    assert.equal(text(await storage.getContent(info)), 'old')
    const after = storage.pauseNextWrite({ at: 'after' })
    const second = storage.putContent(info, 'two')
    commit.open()
    await first
    await after.reached
    assert.equal(text(await storage.getContent(info)), 'two')
    after.open()
    assert.equal((await second).changed, true)
  })

  test("the caller's hook runs between locked and commit", async () => {
    const steps: string[] = []
    const locked = storage.pauseNextWrite({ at: 'locked' })
    const commit = storage.pauseNextWrite({ at: 'commit' })
    const writing = storage.putContent(info, 'x', {
      transaction: { beforeCommit: async () => void steps.push('hook') },
    })
    await locked.reached
    assert.deepEqual(steps, [])
    locked.open()
    await commit.reached
    assert.deepEqual(steps, ['hook'])
    commit.fail(boom)
    await assert.rejects(writing, boom)
    assert.equal(text(await storage.getContent(info)), 'old')
  })

  test('calls fail as often as told, before or after the deed', async () => {
    storage.failNextReads(2, boom)
    await assert.rejects(storage.getContent(info), boom)
    await assert.rejects(storage.exists(info), boom)
    assert.equal(text(await storage.getContent(info)), 'old')
    storage.failNextWrites(1, boom)
    await assert.rejects(storage.putContent(info, 'a'), boom)
    assert.equal(text(await storage.getContent(info)), 'old')
    storage.failNextWrites(1, boom, { at: 'after' })
    await assert.rejects(storage.putContent(info, 'b'), boom)
    assert.equal(text(await storage.getContent(info)), 'b')
    storage.failNextListings(1, boom)
    await assert.rejects(storage.ls('c'), boom)
    assert.deepEqual([...(await storage.ls('c')).keys()], ['r'])
  })

  test('a fault that its call did not come to waits for the next', async () => {
    storage.failNextWrites(1, boom)
    const gate = storage.pauseNextWrite({ at: 'commit' })
    await assert.rejects(storage.putContent(info, 'a'), boom)
    const writing = storage.putContent(info, 'b')
    await gate.reached
    gate.open()
    assert.equal((await writing).changed, true)
  })

  test('an aborted call does not stay at its gate', async () => {
    const abort = new AbortController()
    const gates = [storage.pauseNextRead(), storage.pauseNextWrite({ at: 'commit' })]
    const calls = [
      storage.getContent(info, { signal: abort.signal }),
      storage.putContent(info, 'x', { signal: abort.signal }),
    ]
    const settled = Promise.allSettled(calls)
    await Promise.all(gates.map((gate) => gate.reached))
    abort.abort()
    for (const call of await settled) {
      assert.equal(call.status === 'rejected' && (call.reason as StorageError).code, 'E_ABORTED')
    }
    assert.equal(text(await storage.getContent(info)), 'old')
  })

  test('ils stops behind its last pair', async () => {
    const gate = storage.pauseNextListing()
    const names: string[] = []
    const listing = (async () => {
      for await (const [name] of storage.ils('c')) names.push(name)
    })()
    await gate.reached
    assert.deepEqual(names, ['r'])
    gate.open()
    await listing
  })

  test('it counts calls by kind and method', async () => {
    await storage.getContent(info)
    await storage.getMany([info])
    await storage.remove(info)
    await storage.page('c')
    assert.equal(storage.count('read'), 2)
    assert.equal(storage.count('getMany'), 1)
    assert.equal(storage.count('write'), 1)
    assert.equal(storage.count('listing'), 1)
    assert.equal(storage.calls[0]?.infos[0]?.key, info.key)
    storage.forgetCalls()
    assert.equal(storage.count('read'), 0)
  })

  test('clearFaults takes back what no call has met', async () => {
    storage.failNextReads(5, boom)
    storage.clearFaults()
    assert.equal(text(await storage.getContent(info)), 'old')
  })

  test('transaction points are refused without transactions and for reads', () => {
    assert.throws(() => storage.pauseNextRead({ at: 'commit' }), TypeError)
  })
})
