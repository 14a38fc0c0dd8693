import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { PATIENT } from '@larder/dev-servers/vitest'
import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError, MemoryStorage } from '@larder/storage-core'
import { MemcacheMaps, MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

// Its own: the shared one evicts what other tests have no room for.
let server: MemcachedServer
beforeAll(async () => {
  server = await startMemcached({ args: ['-m', '256'] })
})
afterAll(() => server.stop())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

let opened = 0
function openCache(options: RemoteCacheOptions): RemoteCache {
  const cache = new RemoteCache(server.address, { ...PATIENT, ...options })
  cleanups.push(() => cache.close())
  return cache
}

function open(options: RemoteCacheOptions = {}): MemcacheStorage {
  return openOn(openCache(options))
}

function openOn(cache: RemoteCache): MemcacheStorage {
  const keyPrefix = `waves-${process.pid}-${opened++}:`
  return new MemcacheStorage({ storage: new MemoryStorage(), cache, keyPrefix })
}

async function checkGetMany(storage: MemcacheStorage, count: number): Promise<void> {
  const infos = Array.from({ length: count }, (_, i) => storage.info('waves', `n${i}.txt`))
  // A cold read takes a lease and fills for each.
  await storage.getMany(infos, { part: 'content' })
  expect(storage.counters()).toMatchObject({ hits: 0, cacheErrors: 0 })
  const found = await storage.getMany(infos, { part: 'content' })
  expect(found.length).toBe(count)
  expect(storage.counters()).toMatchObject({ hits: count, cacheErrors: 0, bypasses: 0 })
}

test('getMany of 20,000 fills the cache, and then all are hits', async () => {
  await checkGetMany(open(), 20_000)
}, 60_000)

test('getMany of more than may wait for a server does the same', async () => {
  await checkGetMany(open({ maxQueuedCommands: 100 }), 2_000)
}, 60_000)

/** Runs `work` while other callers of the cache fill its queue without a gap. */
async function underLoad(cache: RemoteCache, work: () => Promise<void>): Promise<void> {
  let isDone = false
  let refused = 0
  const callers = Array.from({ length: 150 }, async (_, i) => {
    while (!isDone) {
      const [result] = await Promise.allSettled([cache.get(`other${i}`)])
      if (result.status === 'rejected' && isStorageError(result.reason, 'E_OVERLOADED')) refused++
      await nextTurn()
    }
  })
  try {
    while (refused === 0) await nextTurn()
    await work()
  } finally {
    isDone = true
    await Promise.all(callers)
  }
}

test('batches of a storage lose nothing while other callers fill the queue without a gap', async () => {
  const cache = openCache({ maxQueuedCommands: 100 })
  const storage = openOn(cache)
  await underLoad(cache, async () => {
    await checkGetMany(storage, 11_000)
    await checkWriteMany(storage)
  })
}, 60_000)

test('writeMany of more than may wait for a server is confirmed', async () => {
  await checkWriteMany(open({ maxQueuedCommands: 100 }))
}, 60_000)

async function checkWriteMany(storage: MemcacheStorage): Promise<void> {
  const entries = Array.from({ length: 500 }, (_, i) => ({
    info: storage.info('waves', `n${i}.txt`),
    content: 'c',
    metadata: 'm',
  }))
  await storage.writeMany(entries)
  expect(storage.counters()).toMatchObject({ cacheErrors: 0, unconfirmedWrites: 0 })
}

test('a query cache looks up, loads and invalidates many keys under that load', async () => {
  const cache = openCache({ maxQueuedCommands: 100 })
  await underLoad(cache, () => checkQueries(cache))
}, 60_000)

async function checkQueries(cache: RemoteCache): Promise<void> {
  const queries = new QueryCache({ cache, keyPrefix: `waves-${process.pid}:` })
  const keys = Array.from({ length: 2_000 }, (_, i) => `q${i}`)
  const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, 1]))
  await queries.cachedMany(keys, { ttlMs: 60_000, tags: ['t'] }, load)
  const again = await queries.cachedMany(keys, { ttlMs: 60_000, tags: ['t'] }, () => new Map())
  expect(again.size).toBe(2_000)
  expect(queries.counters()).toMatchObject({ cacheErrors: 0, hits: 2_000 })
  await queries.invalidate(...keys.map((key) => ({ key })))
  expect((await queries.cachedMany(keys, { ttlMs: 60_000, tags: ['t'] }, () => new Map())).size).toBe(0)
}

test('a map commits many entries under that load', async () => {
  const cache = openCache({ maxQueuedCommands: 100 })
  const maps = new MemcacheMaps({ plugins: { default: { cache } } })
  const prefix = `waves ${process.pid}/map`
  const map = maps.getMemcacheMap<number>(prefix)
  for (let i = 0; i < 2_000; i++) map.set(`m${i}`, i)
  await underLoad(cache, async () => expect((await map.commit()).size).toBe(0))
  expect(await maps.getMemcacheMap<number>(prefix).get('m1999')).toBe(1999)
}, 60_000)
