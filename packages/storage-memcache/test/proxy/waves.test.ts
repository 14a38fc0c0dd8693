import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { PATIENT } from '@larder/dev-servers/vitest'
import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { MemoryStorage } from '@larder/storage-core'
import { MemcacheMaps, MemcacheStorage, QueryCache } from '@larder/storage-memcache'
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
  const namespace = `waves-${process.pid}-${opened++}:`
  return new MemcacheStorage({ storage: new MemoryStorage(), cache: openCache(options), namespace })
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

test('getMany of many does the same while other callers use what is left of the queue', async () => {
  const storage = open({ maxQueuedCommands: 1_000 })
  const infos = Array.from({ length: 5_000 }, (_, i) => storage.info('others', `n${i}.txt`))
  let isDone = false
  const others = Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      while (!isDone) await storage.getMany([storage.info('others', `single${i}.txt`)], { part: 'content' })
    }),
  )
  try {
    await storage.getMany(infos, { part: 'content' })
    expect((await storage.getMany(infos, { part: 'content' })).length).toBe(5_000)
  } finally {
    isDone = true
    await others
  }
  expect(storage.counters()).toMatchObject({ cacheErrors: 0, bypasses: 0 })
}, 60_000)

test('writeMany of more than may wait for a server is confirmed', async () => {
  const storage = open({ maxQueuedCommands: 100 })
  const entries = Array.from({ length: 500 }, (_, i) => ({
    info: storage.info('waves', `n${i}.txt`),
    content: 'c',
    metadata: 'm',
  }))
  await storage.writeMany(entries)
  expect(storage.counters()).toMatchObject({ cacheErrors: 0, unconfirmedWrites: 0 })
}, 60_000)

test('a query cache looks up, loads and invalidates more keys than may wait for a server', async () => {
  const queries = new QueryCache({
    cache: openCache({ maxQueuedCommands: 100 }),
    namespace: `waves-${process.pid}:`,
  })
  const keys = Array.from({ length: 2_000 }, (_, i) => `q${i}`)
  const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, 1]))
  await queries.cachedMany(keys, { ttlMs: 60_000, tags: ['t'] }, load)
  const again = await queries.cachedMany(keys, { ttlMs: 60_000, tags: ['t'] }, () => new Map())
  expect(again.size).toBe(2_000)
  expect(queries.counters()).toMatchObject({ cacheErrors: 0, hits: 2_000 })
  await queries.invalidate(...keys.map((key) => ({ key })))
  expect((await queries.cachedMany(keys, { ttlMs: 60_000, tags: ['t'] }, () => new Map())).size).toBe(0)
}, 60_000)

test('a map commits more entries than may wait for a server', async () => {
  const maps = new MemcacheMaps({ plugins: { default: { cache: openCache({ maxQueuedCommands: 100 }) } } })
  const prefix = `waves ${process.pid}/map`
  const map = maps.getMemcacheMap<number>(prefix)
  for (let i = 0; i < 2_000; i++) map.set(`m${i}`, i)
  expect((await map.commit()).size).toBe(0)
  expect(await maps.getMemcacheMap<number>(prefix).get('m1999')).toBe(1999)
}, 60_000)
