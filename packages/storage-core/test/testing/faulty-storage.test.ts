import { MemoryStorage, StorageError } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { beforeEach, describe, expect, test } from 'vitest'

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
    expect(text(await slow)).toBe('old')
    expect(text(await storage.getContent(info))).toBe('new')
  })

  test('a read that is paused before it starts sees later writes', async () => {
    const gate = storage.pauseNextRead({ at: 'before' })
    const slow = storage.getContent(info)
    await gate.reached
    await storage.putContent(info, 'new')
    gate.open()
    expect(text(await slow)).toBe('new')
  })

  test('only the calls of the filter are stopped', async () => {
    const gate = storage.pauseNextRead({ where: ({ method }) => method === 'getMetaData' })
    expect(text(await storage.getContent(info))).toBe('old')
    const slow = storage.getMetaData(info)
    await expect(slow).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    gate.open()
  })

  test('a write paused inside its transaction is not seen, and one paused after it is', async () => {
    const commit = storage.pauseNextWrite({ at: 'commit' })
    const first = storage.putContent(info, 'one')
    await commit.reached
    expect(text(await storage.getContent(info))).toBe('old')
    const after = storage.pauseNextWrite({ at: 'after' })
    const second = storage.putContent(info, 'two')
    commit.open()
    await first
    await after.reached
    expect(text(await storage.getContent(info))).toBe('two')
    after.open()
    expect((await second).changed).toBe(true)
  })

  test("the caller's hook runs between locked and commit", async () => {
    const steps: string[] = []
    const locked = storage.pauseNextWrite({ at: 'locked' })
    const commit = storage.pauseNextWrite({ at: 'commit' })
    const writing = storage.putContent(info, 'x', {
      transaction: { beforeCommit: async () => void steps.push('hook') },
    })
    await locked.reached
    expect(steps).toEqual([])
    locked.open()
    await commit.reached
    expect(steps).toEqual(['hook'])
    commit.fail(boom)
    await expect(writing).rejects.toBe(boom)
    expect(text(await storage.getContent(info))).toBe('old')
  })

  test('calls fail as often as configured, before or after they take effect', async () => {
    storage.failNextReads(2, boom)
    await expect(storage.getContent(info)).rejects.toBe(boom)
    await expect(storage.exists(info)).rejects.toBe(boom)
    expect(text(await storage.getContent(info))).toBe('old')
    storage.failNextWrites(1, boom)
    await expect(storage.putContent(info, 'a')).rejects.toBe(boom)
    expect(text(await storage.getContent(info))).toBe('old')
    storage.failNextWrites(1, boom, { at: 'after' })
    await expect(storage.putContent(info, 'b')).rejects.toBe(boom)
    expect(text(await storage.getContent(info))).toBe('b')
    storage.failNextListings(1, boom)
    await expect(storage.ls('c')).rejects.toBe(boom)
    expect([...(await storage.ls('c')).keys()]).toEqual(['r'])
  })

  test('a fault that its call did not come to waits for the next', async () => {
    storage.failNextWrites(1, boom)
    const gate = storage.pauseNextWrite({ at: 'commit' })
    await expect(storage.putContent(info, 'a')).rejects.toBe(boom)
    const writing = storage.putContent(info, 'b')
    await gate.reached
    gate.open()
    expect((await writing).changed).toBe(true)
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
      expect(call.status === 'rejected' && (call.reason as StorageError).code).toBe('E_ABORTED')
    }
    expect(text(await storage.getContent(info))).toBe('old')
  })

  test('ils stops behind its last pair', async () => {
    const gate = storage.pauseNextListing()
    const names: string[] = []
    const listing = (async () => {
      for await (const [name] of storage.ils('c')) names.push(name)
    })()
    await gate.reached
    expect(names).toEqual(['r'])
    gate.open()
    await listing
  })

  test('it counts calls by kind and method', async () => {
    await storage.getContent(info)
    await storage.getMany([info])
    await storage.remove(info)
    await storage.page('c')
    expect(storage.count('read')).toBe(2)
    expect(storage.count('getMany')).toBe(1)
    expect(storage.count('write')).toBe(1)
    expect(storage.count('listing')).toBe(1)
    expect(storage.calls[0]?.infos[0]?.key).toBe(info.key)
    storage.forgetCalls()
    expect(storage.count('read')).toBe(0)
  })

  test('clearFaults takes back what no call has met', async () => {
    storage.failNextReads(5, boom)
    storage.clearFaults()
    expect(text(await storage.getContent(info))).toBe('old')
  })

  test('transaction points are refused without transactions and for reads', () => {
    expect(() => storage.pauseNextRead({ at: 'commit' })).toThrow(TypeError)
  })
})
