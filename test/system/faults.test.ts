import { startMemcached, startProxy } from '@larder/dev-servers'
import { isStorageError } from '@larder/storage-core'
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage, type MemcacheStorageSettings } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DATABASES } from './databases.js'
import { PATIENT } from '@larder/dev-servers/vitest'

const TIMEOUT_MS = 200
/** Far more than what a read takes when the cache says nothing: its time-out once or twice, and the query. */
const PATIENCE_MS = 100 * TIMEOUT_MS

const text = (part: { bytes: Buffer } | undefined) => part?.bytes.toString()

/** A database, a memcached behind a proxy that can be made to fail, and a storage over both. */
async function setUp({
  timeoutMs = TIMEOUT_MS,
  connectTimeoutMs = timeoutMs,
  ...options
}: MemcacheStorageSettings & {
  readonly timeoutMs?: number
  readonly connectTimeoutMs?: number
} = {}) {
  const place = await DATABASES['SQLite']?.()
  expect.assert(place)
  const memcached = await startMemcached()
  const network = await startProxy({ port: memcached.port })
  const durable = await SqlStorage.open({ url: place.url })
  const client = { timeoutMs, connectTimeoutMs, deadTimeoutMs: 300 }
  const storage = new MemcacheStorage({ servers: network.address, client, storage: durable, ...options })
  return {
    durable,
    memcached,
    network,
    storage,
    [Symbol.asyncDispose]: async () => {
      await storage.shutdown()
      await durable.shutdown()
      await network.stop()
      await memcached.stop()
      await place.drop()
    },
  }
}

/** With the short time-out, a busy machine makes the cache look dead now and then: until it does not. */
async function untilAccepted(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write()
      return
    } catch (error) {
      if (!isStorageError(error, 'E_CACHE_UNAVAILABLE') && !isStorageError(error, 'E_OUTCOME_UNKNOWN'))
        throw error
    }
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const started = performance.now()
  const result = await work
  const took = performance.now() - started
  expect(took, `took ${Math.round(took)} ms`).toBeLessThan(PATIENCE_MS)
  return result
}

type Network = Awaited<ReturnType<typeof startProxy>>

const faults: Readonly<Record<string, (network: Network) => Promise<void> | void>> = {
  'refuses connections': (network) => network.refuse(),
  hangs: (network) => network.blackhole(),
  'resets in the middle of a reply': (network) => network.truncate(3),
  'resets before any reply': (network) => network.truncate(0),
}

describe('a cache that', () => {
  for (const [fault, inflict] of Object.entries(faults)) {
    test(`${fault}: reads are answered by the database in time, and rightly`, async () => {
      await using world = await setUp()
      const { durable, network, storage } = world
      const infos = Array.from({ length: 20 }, (_, i) => storage.info('films', `film ${i}`))
      await Promise.all(infos.map((info) => durable.putContent(info, info.resource ?? '')))
      await storage.getMany(infos.slice(0, 10))
      await inflict(network)
      const one = await inTime(storage.getContent(storage.info('films', 'film 3')))
      expect(text(one)).toBe('film 3')
      const all = await inTime(Promise.all(infos.map((info) => storage.getContent(info))))
      expect(all.map(text)).toEqual(infos.map(({ resource }) => resource))
      expect((await inTime(storage.getMany(infos))).map(text)).toEqual(infos.map(({ resource }) => resource))
      expect((await inTime(storage.ls('films'))).size).toBe(20)
      await network.pass()
      expect(text(await storage.getContent(storage.info('films', 'film 3')))).toBe('film 3')
    })

    test(`${fault}: a write is committed with 'bypass'`, async () => {
      await using world = await setUp()
      const { durable, network, storage } = world
      const info = storage.info('films', 'academy dinosaur')
      await storage.putContent(info, 'old')
      const { unconfirmedWrites } = storage.counters()
      await inflict(network)
      await inTime(storage.putContent(info, 'new'))
      expect(text(await durable.getContent(info))).toBe('new')
      expect(text(await inTime(storage.getContent(info)))).toBe('new')
      expect(storage.counters().unconfirmedWrites).toBe(unconfirmedWrites + 1)
    })

    test(`${fault}: a write is rolled back with 'reject'`, async () => {
      await using world = await setUp({ whenCacheFails: 'reject', confirmTimeoutMs: 500 })
      const { durable, network, storage } = world
      const info = storage.info('films', 'academy dinosaur')
      await untilAccepted(() => storage.putContent(info, 'old'))
      await inflict(network)
      await expect(storage.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
      expect(text(await durable.getContent(info))).toBe('old')
      expect(text(await inTime(storage.getContent(info)))).toBe('old')
      await network.pass()
    })
  }

  test('restarts empty is filled again', async () => {
    await using world = await setUp(PATIENT)
    const { durable, memcached, storage } = world
    const info = storage.info('films', 'academy dinosaur')
    await storage.putContent(info, 'first')
    await storage.ls('films')
    await memcached.kill()
    expect(text(await storage.getContent(info))).toBe('first')
    await storage.putContent(info, 'second')
    await memcached.restart()
    for (const expected of ['third', 'fourth']) {
      await storage.putContent(info, expected)
      expect(text(await storage.getContent(info))).toBe(expected)
      expect(text(await durable.getContent(info))).toBe(expected)
    }
    expect([...(await storage.ls('films')).keys()]).toEqual(['academy dinosaur'])
  })

  test('is suspended and resumed serves nothing old', async () => {
    await using world = await setUp({ whenCacheFails: 'reject' })
    const { memcached, storage } = world
    const info = storage.info('films', 'academy dinosaur')
    await untilAccepted(() => storage.putContent(info, 'first'))
    memcached.pause()
    const during = storage.getContent(info)
    expect(text(await inTime(during))).toBe('first')
    memcached.resume()
    await untilAccepted(() => storage.putContent(info, 'second'))
    expect(text(await storage.getContent(info))).toBe('second')
  })
})

describe('a database that is down', () => {
  test('rejects writes with a clear error, and cached values can still be read', async () => {
    const place = await DATABASES['PostgreSQL']?.()
    expect.assert(place)
    const url = new URL(place.url)
    await using network = await startProxy({ port: Number(url.port) })
    url.port = String(network.port)
    await using memcached = await startMemcached()
    await using durable = await SqlStorage.open({ url: url.href })
    await using cache = new RemoteCache(memcached.address, PATIENT)
    await using storage = new MemcacheStorage({ cache, storage: durable })
    const info = storage.info('films', 'academy dinosaur')
    const missing = storage.info('films', 'ace goldfinger')
    await storage.putContent(info, 'text')
    await network.refuse()
    network.cut()
    expect(text(await storage.getContent(info))).toBe('text')
    await expect(storage.getContent(missing)).rejects.toMatchObject({ code: 'E_STORAGE_UNAVAILABLE' })
    await expect(storage.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_STORAGE_UNAVAILABLE' })
    expect(text(await storage.getContent(info))).toBe('text')
    await network.pass()
    await storage.putContent(info, 'new')
    await storage.putContent(missing, 'there')
    expect(text(await storage.getContent(info))).toBe('new')
    expect(text(await storage.getContent(missing))).toBe('there')
    await place.drop().catch(() => undefined)
  })
})

test('a process that has shut everything down ends by itself', { timeout: 240_000 }, async () => {
  await using memcached = await startMemcached()
  for (const [name, create] of Object.entries(DATABASES)) {
    const place = await create()
    const script = fileURLToPath(new URL('fixtures/use-and-close.mjs', import.meta.url))
    const run = promisify(execFile)(process.execPath, [script, memcached.address, place.url], {
      timeout: 60_000,
    })
    expect((await run).stdout.trim(), name).toBe('closed')
    await place.drop()
  }
})
