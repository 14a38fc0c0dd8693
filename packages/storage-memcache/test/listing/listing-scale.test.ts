import {
  type ListPage,
  MemoryStorage,
  type PageOptions,
  type Storage,
  StorageError,
} from '@larder/storage-core'
import { FaultyStorage, ForwardingStorage } from '@larder/storage-core/testing'
import { type Environment, RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'
import { startMemcached } from '@larder/dev-servers'

const MEMBERS = 20_000
const nameOf = (i: number) => `entries/${String(i).padStart(6, '0')}.${i % 10 === 0 ? 'xhtml' : 'atom'}`
const NAMES = Array.from({ length: MEMBERS }, (_, i) => nameOf(i))
/** Longer than a busy machine takes for anything here. */
const PATIENT = { leaseTtlMs: 600_000, fillWaitMs: 600_000 }
const EVEN = NAMES.filter((_, i) => i % 2 === 0)

let full: MemoryStorage
beforeAll(async () => {
  full = new MemoryStorage()
  for (const name of EVEN) await full.putContent(full.info('c', name), '')
})

async function namesByLs(storage: Storage, ext?: string): Promise<string[]> {
  return [...(await storage.ls('c', ext)).keys()]
}

async function namesByIls(storage: Storage, afterFirst?: () => Promise<void>): Promise<string[]> {
  const names: string[] = []
  for await (const [name] of storage.ils('c')) {
    names.push(name)
    if (names.length === 1) await afterFirst?.()
  }
  return names
}

function play(inner: Storage = full) {
  const server = new CacheServer()
  const durable = new FaultyStorage(inner)
  const storage = new MemcacheStorage({ storage: durable, cache: server.client() })
  return { server, durable, storage }
}

function environmentAt(now: () => number): Environment {
  return {
    now,
    random: Math.random,
    sleep: () => Promise.resolve(),
    idle: () => new Promise(() => undefined),
    wallClock: Date.now,
    uniqueId: () => randomUUID(),
    defer: queueMicrotask,
  }
}

/** The keys of a listing, its head first. */
async function keysOf(server: { get: CacheServer['cache']['get'] }, storage: Storage): Promise<string[]> {
  const head = `${storage.info('c').key}:l`
  const [, logs, chunks, , generation] = (await server.get(head))?.value.toString().split(' ') ?? []
  const logKeys = Array.from({ length: Number(logs) }, (_, i) => `${head}/${generation}/l${i}`)
  return [head, ...logKeys, ...Array.from({ length: Number(chunks) }, (_, i) => `${head}/${generation}/${i}`)]
}

describe('a listing of many members', () => {
  test('is read once, then served from the cache in order with later changes', async () => {
    const inner = new MemoryStorage()
    for (const name of EVEN) await inner.putContent(inner.info('c', name), '')
    const { durable, storage } = play(inner)
    expect(await namesByLs(storage)).toEqual(EVEN)
    durable.forgetCalls()
    const expected = new Set(EVEN)
    // Between, before and behind what is there, and some of it taken away and brought back.
    const created = ['!', '\u{1f600}', ...NAMES.filter((_, i) => i % 97 === 1)]
    for (const name of created) await storage.putContent(storage.info('c', name), '')
    for (const name of created) expected.add(name)
    for (const [i, name] of NAMES.filter((_, i) => i % 89 === 0).entries()) {
      await storage.remove(storage.info('c', name))
      expected.delete(name)
      if (i % 3 === 0) await storage.putContent(storage.info('c', name), '')
      if (i % 3 === 0) expected.add(name)
    }
    const sorted = [...expected].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(await namesByLs(storage)).toEqual(sorted)
    expect(await namesByIls(storage)).toEqual(sorted)
    expect(await namesByLs(storage, 'xhtml')).toEqual(sorted.filter((name) => name.endsWith('.xhtml')))
    expect(durable.count('listing')).toBe(0)
  })

  test('is rebuilt when any one of its items is evicted', async () => {
    const { server, durable, storage } = play()
    expect(await namesByLs(storage)).toEqual(EVEN)
    const { length } = await keysOf(server.cache, storage)
    expect(length).toBeGreaterThan(5)
    for (let i = 0; i < length; i++) {
      const other = new MemcacheStorage({ storage: durable, cache: server.client() })
      await server.evict((await keysOf(server.cache, storage))[i] ?? '')
      durable.forgetCalls()
      expect(await namesByLs(other)).toEqual(EVEN)
      expect(durable.count('listing')).toBeGreaterThan(0)
      durable.forgetCalls()
      expect(await namesByLs(other)).toEqual(EVEN)
      expect(durable.count('listing')).toBe(0)
    }
  })

  test('names each once where items are evicted under a loop', async () => {
    const { server, durable, storage } = play()
    const { length } = await namesByLs(storage).then(() => keysOf(server.cache, storage))
    for (let i = 0; i < length; i++) {
      await namesByLs(storage)
      const other = new MemcacheStorage({ storage: durable, cache: server.client() })
      const keys = await keysOf(server.cache, storage)
      // This one and all behind it.
      const names = await namesByIls(other, async () => {
        for (const key of keys.slice(i)) await server.evict(key)
      })
      expect(names).toEqual(EVEN)
    }
  })

  test('names each once where the cache fails under a loop', async () => {
    const { server, durable } = play()
    const cache = server.client()
    const storage = new MemcacheStorage({ storage: durable, cache })
    await namesByLs(storage)
    cache.failNext('getMulti')
    expect(await namesByLs(storage)).toEqual(EVEN)
    const names = await namesByIls(storage, () => Promise.resolve(void (cache.isDown = true)))
    expect(names).toEqual(EVEN)
  })

  test('is read once for all concurrent readers of all processes', async () => {
    const inner = new MemoryStorage()
    for (const name of NAMES) await inner.putContent(inner.info('c', name), '')
    const server = new CacheServer()
    const durable = new FaultyStorage(inner)
    const storages = [1, 2].map(
      () => new MemcacheStorage({ storage: durable, cache: server.client(), ...PATIENT }),
    )
    const all = await Promise.all([...storages, ...storages, ...storages].map((each) => namesByLs(each)))
    for (const names of all) expect(names).toEqual(NAMES)
    expect(durable.count('page')).toBe(MEMBERS / 10_000)
  })

  test('is waited for while its build makes progress', async () => {
    const inner = new MemoryStorage()
    const names = Array.from({ length: 45_000 }, (_, i) => nameOf(i))
    await Promise.all(names.map((name) => inner.putContent(inner.info('c', name), '')))
    const server = new CacheServer()
    const durable = new FaultyStorage(inner)
    const builder = new MemcacheStorage({ storage: durable, cache: server.client(), ...PATIENT })
    const loop = builder.ils('c')[Symbol.asyncIterator]()
    await loop.next()
    let nowMs = 0
    // Each pause is as long as fillWaitMs all but a bit, and the loop goes a page further meanwhile.
    const sleep = async () => {
      nowMs += 240
      for (let i = 0; i < 10_000; i++) await loop.next()
    }
    const environment = { ...environmentAt(() => nowMs), sleep }
    const waiter = new MemcacheStorage({ storage: durable, cache: server.client(), environment })
    expect(await namesByLs(waiter)).toEqual(names)
    expect(waiter.counters()).toMatchObject({ durableListings: 0, listHits: 1 })
    expect(nowMs).toBeGreaterThan(3 * 240)
  })

  test('is not waited for when its build makes no progress', async () => {
    const { server, durable, storage } = play()
    const gate = durable.pauseNextListing({ at: 'before' })
    const listing = namesByLs(storage)
    await gate.reached
    let nowMs = 0
    const sleep = () => Promise.resolve(void (nowMs += 240))
    const environment = { ...environmentAt(() => nowMs), sleep }
    const other = new MemcacheStorage({ storage: durable, cache: server.client(), environment })
    expect(await namesByLs(other)).toEqual(EVEN)
    expect(nowMs).toBe(2 * 240)
    gate.open()
    expect(await listing).toEqual(EVEN)
  })

  test('can be built by others once a loop over it has ended early', async () => {
    const { durable, storage } = play()
    for await (const _ of storage.ils('c')) break
    expect(await namesByLs(storage)).toEqual(EVEN)
    durable.forgetCalls()
    expect(await namesByLs(storage)).toEqual(EVEN)
    expect(durable.count('listing')).toBe(0)
  })

  test('is left to others to build by a loop that dawdles', async () => {
    const inner = new MemoryStorage()
    for (const name of NAMES) await inner.putContent(inner.info('c', name), '')
    const server = new CacheServer()
    const durable = new FaultyStorage(inner)
    let lateMs = 0
    const environment = environmentAt(() => performance.now() + lateMs)
    const storage = new MemcacheStorage({ storage: durable, cache: server.client(), environment })
    const other = new MemcacheStorage({ storage: durable, cache: server.client(), ...PATIENT, fillWaitMs: 0 })
    const seen: string[] = []
    for await (const [name] of storage.ils('c')) {
      seen.push(name)
      if (seen.length === 10_000) lateMs += 4_000
      if (seen.length !== 10_001) continue
      // Its lease has not expired, and is given up all the same.
      for (let round = 0; round < 2; round++) expect(await namesByLs(other)).toEqual(NAMES)
      expect(other.counters()).toMatchObject({ durableListings: 1, listHits: 1 })
    }
    expect(seen).toEqual(NAMES)
  })

  test('a time-out of the storage behind rejects and is not counted as a cache failure', async () => {
    const { durable, storage } = play()
    const slow = new StorageError('E_TIMEOUT', 'The database took too long')
    durable.failNextListings(1, slow)
    await expect(namesByLs(storage)).rejects.toBe(slow)
    expect(storage.counters().cacheErrors).toBe(0)
    expect(await namesByLs(storage)).toEqual(EVEN)
  })

  test('an abort ends the wait, and lets others build', async () => {
    const { durable, storage } = play()
    const gate = durable.pauseNextListing({ at: 'before' })
    const controller = new AbortController()
    const listing = storage.ls('c', { signal: controller.signal })
    await gate.reached
    controller.abort()
    await expect(listing).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect(await namesByLs(storage)).toEqual(EVEN)
    durable.forgetCalls()
    expect(await namesByLs(storage)).toEqual(EVEN)
    expect(durable.count('listing')).toBe(0)
  })
})

describe('what a process has listed before', () => {
  /** How many items each listing after the first fetches, its head aside. */
  async function fetched(listMemoryBytes: number | undefined): Promise<number[]> {
    const server = new CacheServer()
    const cache = server.client()
    const storage = new MemcacheStorage({ storage: full, cache, listMemoryBytes })
    await namesByLs(storage)
    const counts: number[] = []
    for (let round = 0; round < 2; round++) {
      cache.calls.length = 0
      expect(await namesByLs(storage)).toEqual(EVEN)
      const asked = cache.calls.filter(({ operation }) => operation === 'getMulti')
      counts.push(asked.reduce((sum, { key }) => sum + key.split(' ').length, 0))
    }
    return counts
  }

  test('is fetched again only for names that were created and removed since', async () => {
    const { server, durable, storage } = play()
    const writer = new MemcacheStorage({ storage: durable, cache: server.client() })
    for (let round = 0; round < 2; round++) await namesByLs(storage)
    const chunks = (await keysOf(server.cache, storage)).filter((key) => /\/\d+$/.test(key))
    for (const key of chunks) await server.evict(key)
    durable.forgetCalls()
    const fresh = writer.info('c', 'zz')
    await writer.putContent(fresh, '')
    expect(await namesByLs(storage)).toEqual([...EVEN, 'zz'])
    await writer.remove(fresh)
    expect(await namesByLs(storage)).toEqual(EVEN)
    expect(durable.count('listing')).toBe(0)
    // A process that has not listed before misses them.
    expect(await namesByLs(writer)).toEqual(EVEN)
    expect(durable.count('listing')).toBe(1)
  })

  test('takes the memory that it is given, or none', async () => {
    const [all = 0, logsAlone = 0] = await fetched(undefined)
    expect(all).toBeGreaterThan(logsAlone)
    expect(logsAlone).toBe(2)
    expect(await fetched(0)).toEqual([all, all])
    // Not enough for all of the listing: then none of it is kept.
    expect(await fetched(200_000)).toEqual([all, all])
    expect(() => new MemcacheStorage({ cache: new CacheServer().client(), listMemoryBytes: -1 })).toThrow(
      RangeError,
    )
  })
})

/** Others create and remove before and after everything that is read of the listing. */
class Busy extends ForwardingStorage {
  write: () => Promise<void> = () => Promise.resolve()

  override async page(collection: string, options?: PageOptions): Promise<ListPage> {
    await this.write()
    const page = await super.page(collection, options)
    await this.write()
    return page
  }
}

test('a build under writers that never rest is finished at the first attempt', async () => {
  const inner = new MemoryStorage()
  for (const name of EVEN) await inner.putContent(inner.info('c', name), '')
  const busy = new Busy(inner)
  const { server, durable, storage } = play(busy)
  const writerCache = server.client()
  const writer = new MemcacheStorage({ storage: durable, cache: writerCache })
  let created = 0
  busy.write = async () => {
    for (let i = 0; i < 50; i++) {
      created++
      await writer.putContent(writer.info('c', `new/${created}`), '')
      if (created > 25) await writer.remove(writer.info('c', `new/${created - 25}`))
    }
  }
  await busy.write()
  // Some hold their row's lock from before the build, and go on in the middle of it or after it.
  const late: Promise<unknown>[] = []
  const gates = Array.from({ length: 4 }, (_, i) => {
    const gate = writerCache.pauseNext('set')
    const [even = ''] = EVEN.slice(i)
    late.push(
      i % 2 === 0
        ? writer.putContent(writer.info('c', `late/${i}`), '')
        : writer.removeContent(writer.info('c', even)),
    )
    return gate
  })
  for (const gate of gates) await gate.reached
  const middle = durable.pauseNextListing({ at: 'after' })
  const listing = namesByLs(storage)
  await middle.reached
  for (const gate of gates.slice(0, 2)) gate.open()
  await Promise.all(late.slice(0, 2))
  middle.open()
  await listing
  for (const gate of gates.slice(2)) gate.open()
  await Promise.all(late)
  durable.forgetCalls()
  const expected = [...(await inner.ls('c')).keys()]
  expect(expected).toContain('late/2')
  expect(await namesByLs(storage)).toEqual(expected)
  expect(durable.count('listing')).toBe(0)
})

test('a listing is spread over servers, and outlives the death of one', async () => {
  await using first = await startMemcached()
  await using second = await startMemcached()
  await using third = await startMemcached()
  const all = [first, second, third]
  const addresses = all.map(({ address }) => address)
  const durable = new FaultyStorage(full)
  await using storage = new MemcacheStorage({
    ...{ storage: durable, servers: addresses },
    // Small items, so that there are many: where each lies is drawn by lot.
    client: { deadTimeoutMs: 50, timeoutMs: 20_000, serverItemLimitBytes: 8_192 },
  })
  for (let round = 0; round < 2; round++) expect(await namesByLs(storage)).toEqual(EVEN)
  expect(durable.count('page')).toBe(1)
  await using together = new RemoteCache(addresses)
  const keys = await keysOf(together, storage)
  for (const address of addresses) {
    await using alone = new RemoteCache([address])
    const { items } = await alone.getMulti(keys)
    expect(items.size).toBeGreaterThan(0)
    expect(items.size).toBeLessThan(keys.length)
  }
  for (const server of all) {
    await server.kill()
    expect(await namesByLs(storage)).toEqual(EVEN)
    await server.restart()
    for (let round = 0; round < 2; round++) expect(await namesByLs(storage)).toEqual(EVEN)
  }
})
