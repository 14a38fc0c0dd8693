import { MemoryStorage } from '@larder/storage-core'
import { type Outbox } from '@larder/storage-core/driver'
import { QueryCache, type QueryOutboxOptions } from '@larder/storage-memcache'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { CacheServer, type FaultyCache } from '../support/faulty-cache.js'

const boom = new Error('rolled back')

function play(options: QueryOutboxOptions = {}) {
  const server = new CacheServer()
  const storage = new MemoryStorage()
  const open = (cache: FaultyCache) => new QueryCache({ cache, outbox: storage, ...options })
  const cache = server.client()
  let film = 'old'
  return {
    ...{ storage, cache, server, open },
    queries: open(cache),
    set: (to: string) => (film = to),
    read: (queries: QueryCache) => queries.cached('film:1', { tags: ['film'] }, async () => film),
    rows: () => storage.claim({ olderThanMs: 0, keyPrefix: '? ' }, async () => []),
  }
}

describe('invalidations that are part of a transaction', () => {
  test('happen once it has committed, and leave no row', async () => {
    const { storage, queries, set, read, rows } = play()
    expect(await read(queries)).toBe('old')
    const { cacheInvalidated } = await storage.transaction(async (tx) => {
      await tx.invalidate(queries, { tag: 'film' }, 'other', { prefix: 'film:' })
      set('new')
      expect(await read(queries)).toBe('old')
    })
    expect([cacheInvalidated, await read(queries), await rows()]).toEqual([true, 'new', 0])
  })

  test('do not happen where it is rolled back', async () => {
    const { storage, queries, set, read, rows } = play()
    await read(queries)
    const failing = storage.transaction(async (tx) => {
      await tx.invalidate(queries, { tag: 'film' })
      set('never')
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
    expect([await read(queries), await rows()]).toEqual(['old', 0])
  })

  test('are no error where the cache does not answer, and another process relays them', async () => {
    const { storage, cache, server, open, queries, set, read, rows } = play({
      relayAfterMs: 0,
      relayIntervalMs: 20,
    })
    await using other = open(server.client())
    expect(await read(queries)).toBe('old')
    cache.isDown = true
    const { cacheInvalidated } = await storage.transaction(async (tx) => {
      await tx.invalidate(queries, { tag: 'film' })
      set('new')
    })
    expect(cacheInvalidated).toBe(false)
    await queries.close()
    while ((await read(other)) === 'old') await setImmediate()
    while ((await rows()) > 0) await setImmediate()
  })

  test("with 'reject', nothing is committed where the cache does not answer before", async () => {
    const { storage, cache, queries, rows } = play({ whenCacheFails: 'reject' })
    cache.isDown = true
    const failing = storage.transaction(async (tx) => {
      await tx.putContent(tx.info('c', 'r'), 'x')
      await tx.invalidate(queries, { tag: 'film' })
    })
    await expect(failing).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect([await storage.exists(storage.info('c', 'r')), await rows()]).toEqual([false, 0])
  })

  test('are checked before anything is written, and need an outbox', async () => {
    const { storage, server, queries, rows } = play()
    await using alone = new QueryCache({ cache: server.client() })
    await storage.transaction(async (tx) => {
      await expect(tx.invalidate(queries, { tag: '' })).rejects.toThrow(RangeError)
      await expect(tx.invalidate(queries, { prefix: 'no end' })).rejects.toThrow(RangeError)
      await expect(tx.invalidate(alone, { tag: 'film' })).rejects.toThrow(/outbox/)
      await expect(alone.invalidateWith({}, { tag: 'film' })).rejects.toThrow(/outbox/)
    })
    expect(await rows()).toBe(0)
    const cache = server.client()
    expect(() => new QueryCache({ cache, whenCacheFails: 'reject' })).toThrow(TypeError)
    expect(() => new QueryCache({ cache, outbox: {} as Outbox })).toThrow(TypeError)
    const wrong = { cache, outbox: storage, whenCacheFails: 'panic' as 'reject' }
    expect(() => new QueryCache(wrong)).toThrow(RangeError)
    expect(() => new QueryCache({ cache, outbox: storage, relayIntervalMs: 0 })).toThrow(RangeError)
  })
})
