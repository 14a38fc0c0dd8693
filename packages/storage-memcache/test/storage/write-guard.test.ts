import { MemoryStorage, type Storage } from '@larder/storage-core'
import { FaultyStorage, LimitedStorage } from '@larder/storage-core/testing'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'
import { FILM, textOf } from '../support/races.js'

function setUp(options: ProtocolOptions = {}, inner: Storage = new MemoryStorage()) {
  const server = new CacheServer()
  const durable = new FaultyStorage(inner)
  const cache = server.client()
  const storage = new MemcacheStorage({ storage: durable, cache, relayIntervalMs: 1_000_000_000, ...options })
  const info = storage.info(...FILM)
  return { server, durable, cache, storage, info, key: `${info.key}:c` }
}

test('a rolled back write has removed its mark when it rejects', async () => {
  const { server, cache, storage, info, key } = setUp()
  const release = cache.pauseNext('delete')
  let isOver = false
  const writing = storage
    // Marks are set, and then it is too late.
    .putContent(info, 'x', { transaction: { beforeCommit: async () => ({ commitBefore: 0 }) } })
    .finally(() => (isOver = true))
  const refused = expect(writing).rejects.toMatchObject({ code: 'E_TIMEOUT' })
  await release.reached
  await new Promise((resolve) => setImmediate(resolve))
  expect(isOver).toBe(false)
  release.open()
  await refused
  expect(await server.cache.get(key)).toBeUndefined()
})

test('without transactions, a written value is in the cache', async () => {
  const { durable, storage, info } = setUp({}, new LimitedStorage(new MemoryStorage(), ['transactions']))
  await storage.putContent(info, 'x')
  durable.forgetCalls()
  expect(await textOf(storage, info)).toBe('x')
  expect(durable.count('read')).toBe(0)
})

describe('where writes go on while the cache fails', () => {
  test('a cache that did not answer is asked a second time', async () => {
    const { cache, storage, info, durable } = setUp({ whenCacheFails: 'bypass' })
    cache.failNext('cas')
    await storage.putContent(info, 'x')
    expect(storage.counters().unconfirmedWrites).toBe(0)
    durable.forgetCalls()
    expect(await textOf(storage, info)).toBe('x')
    expect(durable.count('read')).toBe(0)
  })

  test('but not one that is known to be dead', async () => {
    const { cache, storage, info, durable } = setUp({ whenCacheFails: 'bypass' })
    await storage.putContent(info, 'x')
    const answer = durable.pauseNextWrite({ at: 'after' })
    const writing = storage.putContent(info, 'y')
    await answer.reached
    cache.isDown = true
    cache.calls.length = 0
    answer.open()
    await writing
    expect(cache.count('cas')).toBe(1)
    expect(storage.counters().unconfirmedWrites).toBe(1)
  })
})
