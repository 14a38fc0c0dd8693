import { EventEmitter } from 'node:events'
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import { EmbeddedCache } from '@larder/memcached'
import type { CacheChoice } from '@larder/storage-memcache'
import { KeyvMemcache, type KeyvMemcacheSettings } from '@larder/storage-memcache/keyv'
import { startMemcached } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { createCache } from 'cache-manager'
import { Cacheable } from 'cacheable'
import Keyv from 'keyv'
import * as vitest from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'

const { afterAll, describe, expect, test, vi } = vitest

let prefixes = 0
const stores: KeyvMemcache[] = []
function open(
  settings: KeyvMemcacheSettings = {},
  choice: CacheChoice = { servers: servers.memcached.servers },
): KeyvMemcache {
  const keyPrefix = `keyv${process.pid}-${++prefixes}:`
  const store = new KeyvMemcache({ keyPrefix, ...settings, ...choice })
  stores.push(store)
  return store
}
afterAll(() => Promise.all(stores.map((store) => store.disconnect())))

describe("Keyv's published tests, on memcached", () => {
  const keyPrefix = `suite${process.pid}:`
  keyvTestSuite(vitest, Keyv, () => open({ keyPrefix }))
  keyvIteratorTests(vitest, Keyv, () => open({ keyPrefix }))
})

describe('a store', () => {
  test('batches are one round trip: every get is sent before the first answer', async () => {
    const server = new CacheServer()
    const cache = server.client()
    const store = open({ iterable: false }, { cache })
    const keyv = new Keyv({ store, namespace: 'n' })
    await keyv.setMany(Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: i })))
    const gate = cache.pauseNext('get')
    const before = cache.count('get')
    const values = keyv.getMany(Array.from({ length: 100 }, (_, i) => `k${i}`))
    await gate.reached
    await vi.waitFor(() => expect(cache.count('get') - before).toBeGreaterThanOrEqual(100))
    gate.open()
    expect(await values).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  test('clear() of one namespace leaves others, and items of other programs', async () => {
    const cache = new EmbeddedCache()
    await cache.set('foreign', Buffer.from('1'))
    const [a, ab, none] = ['a', 'a:b', ''].map(
      (namespace) => new Keyv({ store: open({ keyPrefix: 'k:' }, { cache }), namespace }),
    )
    for (const keyv of [a, ab, none]) await keyv!.set('x', 1)
    await ab!.clear()
    expect([await a!.get('x'), await ab!.get('x'), await none!.get('x')]).toEqual([1, undefined, 1])
    expect(await cache.get('foreign')).toBeDefined()
  })

  test('one store under two namespaces', async () => {
    const store = open()
    const one = new Keyv({ store, namespace: 'one' })
    await one.set('k', 1)
    const two = new Keyv({ store, namespace: 'two' })
    await two.set('k', 2)
    expect([await one.get('k'), await two.get('k')]).toEqual([1, 2])
    expect(await one.delete('k')).toBe(true)
    expect(await two.get('k')).toBe(2)
  })

  test('a time to live past 30 days, long keys, large values', async () => {
    const keyv = new Keyv({ store: open() })
    const key = `${'key '.repeat(300)}é`
    const value = 'x'.repeat(3_000_000)
    await keyv.set(key, value, 45 * 24 * 3_600_000)
    expect(await keyv.get(key)).toBe(value)
    expect(await keyv.has(key)).toBe(true)
    await keyv.set('short', 1, 45 * 24 * 3_600_000)
    expect(await keyv.get('short')).toBe(1)
    expect(await keyv.delete(key)).toBe(true)
    expect(await keyv.delete(key)).toBe(false)
    expect(await keyv.has(key)).toBe(false)
  })

  test('iteration lists each existing key once and forgets deleted ones', async () => {
    const cache = new EmbeddedCache()
    const store = open({}, { cache })
    const keyv = new Keyv({ store, namespace: 'n' })
    const listed = async () => {
      const keys: string[] = []
      for await (const [key] of keyv.iterator!('n')) keys.push(key)
      return keys.sort()
    }
    for (let i = 0; i < 1_200; i++) await keyv.set(`k${String(i).padStart(4, '0')}`, i)
    await keyv.set('k0000', 'again')
    expect(await listed()).toHaveLength(1_200)
    await keyv.delete('k0000')
    await keyv.set('k0001', 'x')
    await keyv.delete('k0001')
    await keyv.set('k0001', 'y')
    const keys = await listed()
    expect(keys).toHaveLength(1_199)
    expect(keys).toContain('k0001')
    await keyv.clear()
    expect(await listed()).toEqual([])
    await expect(open({ iterable: false }).iterator().next()).rejects.toThrow(/iterable/)
  })

  test('a full list forgets the keys without values, then the oldest, and a set never fails for it', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const store = open({}, { cache: new EmbeddedCache({ maxItemBytes: 4_096 }) })
      const listed = async () => {
        const keys: string[] = []
        for await (const [key] of store.iterator()) keys.push(key)
        return keys
      }
      for (let i = 0; i < 100; i++) await store.set(`stays-${i}`, 'v')
      for (let i = 0; i < 10_000; i++) {
        if (i % 1_000 === 0) vi.setSystemTime(Date.now() + 61_000)
        await store.set(`goes-${i}`, 'v')
        await store.delete(`goes-${i}`)
      }
      expect((await listed()).length).toBe(100)
      for (let i = 0; i < 10_000; i++) await store.set(`new-${i}`, 'v')
      const keys = await listed()
      expect(keys).toContain('new-9999')
      expect(keys.length).toBeGreaterThan(1_000)
    } finally {
      vi.useRealTimers()
    }
  })

  test('a key whose set is in flight stays listed, and a late rewrite of the list yields', async () => {
    const server = new CacheServer()
    const cache = server.client()
    const store = open({}, { cache })
    const listed = async () => {
      const keys: string[] = []
      for await (const [key] of store.iterator()) keys.push(key)
      return keys
    }
    const gate = cache.pauseNext('set')
    const set = store.set('k', 'v')
    await gate.reached
    expect(await open({}, { cache: server.client() }).has('k')).toBe(false)
    expect(await listed()).toEqual([])
    gate.open()
    await set
    expect(await listed()).toEqual(['k'])
  })

  test('a server that is down is an error event of Keyv, and its reads find nothing', async () => {
    const keyv = new Keyv({ store: open({}, { servers: '127.0.0.1:1', client: { timeoutMs: 200 } }) })
    const errors: unknown[] = []
    keyv.on('error', (error) => errors.push(error))
    expect(await keyv.set('k', 1)).toBe(false)
    expect(errors).toHaveLength(1)
    await expect(
      open({}, { servers: '127.0.0.1:1', client: { timeoutMs: 200 } }).get('k'),
    ).rejects.toMatchObject({
      code: 'E_CACHE_UNAVAILABLE',
    })
  })

  test('invalid arguments are refused before any I/O', async () => {
    expect(() => new KeyvMemcache({} as never)).toThrow(TypeError)
    expect(open()).toBeInstanceOf(EventEmitter)
    await expect(open().set('k', 5)).rejects.toThrow(TypeError)
    await expect(open().get('')).rejects.toThrow(RangeError)
  })
})

test('cache-manager and cacheable work on it', async () => {
  const manager = createCache({ stores: [new Keyv({ store: open() })] })
  let calls = 0
  const load = async () => ++calls
  expect(await manager.wrap('k', load, 60_000)).toBe(1)
  expect(await manager.wrap('k', load, 60_000)).toBe(1)
  await manager.mset([
    { key: 'a', value: 1 },
    { key: 'b', value: 2 },
  ])
  expect(await manager.mget(['a', 'b', 'c'])).toEqual([1, 2, undefined])
  await manager.clear()
  expect(await manager.get('a')).toBeUndefined()

  const cacheable = new Cacheable({ secondary: new Keyv({ store: open() }) })
  await cacheable.set('k', { n: 1 }, '1h')
  expect(await cacheable.get('k')).toEqual({ n: 1 })
  await cacheable.delete('k')
  expect(await cacheable.get('k')).toBeUndefined()
})

test("cacheable's memory is stale after a write of another process, unless memcached is its first tier", async () => {
  const keyPrefix = `tiers${process.pid}:`
  const read = async (tier: 'primary' | 'secondary') => {
    const [reader, writer] = [1, 2].map(
      () => new Cacheable({ [tier]: new Keyv({ store: open({ keyPrefix }) }) }),
    )
    await writer!.set('k', 'old', '1h')
    expect(await reader!.get('k')).toBe('old')
    await writer!.set('k', 'new', '1h')
    return reader!.get('k')
  }
  expect([await read('secondary'), await read('primary')]).toEqual(['old', 'new'])
})

test('cacheable answers out of memory and loads by itself while memcached is down', async () => {
  await using memcached = await startMemcached()
  const cacheable = new Cacheable({
    secondary: new Keyv({ store: open({}, { servers: memcached.address }) }),
  })
  cacheable.on('error', () => undefined)
  await cacheable.set('k', 'kept', '1h')
  await memcached.kill()
  expect(await cacheable.get('k')).toBe('kept')
  expect(await cacheable.getOrSet('other', async () => 'loaded')).toBe('loaded')
})
