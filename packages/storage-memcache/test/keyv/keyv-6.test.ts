import { EmbeddedCache } from '@larder/memcached'
import { KeyvMemcache } from '@larder/storage-memcache/keyv'
import { servers } from '@larder/dev-servers/vitest'
import Keyv5 from 'keyv'
import Keyv, { detectKeyvStorage, KeyvBridgeAdapter } from 'keyv-6'
import { afterAll, describe, expect, test, vi } from 'vitest'

let prefixes = 0
const stores: KeyvMemcache[] = []
function open(): KeyvMemcache {
  const keyPrefix = `keyv6-${process.pid}-${++prefixes}:`
  const store = new KeyvMemcache({ servers: servers.memcached.servers, keyPrefix })
  stores.push(store)
  return store
}
afterAll(() => Promise.all(stores.map((store) => store.disconnect())))

/** Keyvs with a store each, over one cache. */
function over(cache: EmbeddedCache, ...namespaces: (string | undefined)[]): Keyv[] {
  return namespaces.map((namespace) => {
    const keyv = new Keyv({
      store: new KeyvMemcache({ cache }),
      ...(namespace === undefined ? {} : { namespace }),
    })
    keyv.on('error', (error: unknown) => {
      throw error
    })
    return keyv
  })
}

async function listed(keyv: Keyv): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for await (const [key, value] of keyv.iterator()) found[key] = value
  return found
}

describe('Keyv 6', () => {
  test('takes the store as it is, without a bridge', () => {
    const store = open()
    expect(new Keyv({ store }).store).toBe(store)
    expect(new Keyv({ store }).store).not.toBeInstanceOf(KeyvBridgeAdapter)
    expect(detectKeyvStorage(store).store).toBe('keyvStorage')
  })

  test('namespaces do not mix, even where one contains a colon or there is none', async () => {
    const keyvs = over(new EmbeddedCache(), 'a', 'b', 'a:b', 'a%3Ab', undefined)
    for (const [i, keyv] of keyvs.entries()) {
      await keyv.set('1', i)
      await keyv.set('b:1', `${i} b`)
      await keyv.set('a:1', `${i} a`)
    }
    for (const [i, keyv] of keyvs.entries()) {
      expect(await keyv.getMany(['1', 'b:1', 'a:1', '2'])).toEqual([i, `${i} b`, `${i} a`, undefined])
      expect(await keyv.hasMany(['1', '2'])).toEqual([true, false])
      expect(await listed(keyv)).toEqual({ '1': i, 'b:1': `${i} b`, 'a:1': `${i} a` })
    }
  })

  test('clear() voids one namespace, and everything of the adapter without one', async () => {
    const [a, b, none] = over(new EmbeddedCache(), 'a', 'b', undefined) as [Keyv, Keyv, Keyv]
    for (const keyv of [a, b, none]) await keyv.set('1', 1)
    await a.clear()
    expect(await Promise.all([a, b, none].map((keyv) => keyv.get('1')))).toEqual([undefined, 1, 1])
    expect(await listed(a)).toEqual({})
    await none.clear()
    expect(await Promise.all([b, none].map((keyv) => keyv.get('1')))).toEqual([undefined, undefined])
  })

  test('delete and deleteMany say for each key whether there was a value', async () => {
    const keyv = new Keyv({ store: open(), namespace: 'n' })
    await keyv.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ])
    expect(await keyv.deleteMany(['a', 'missing', 'b'])).toEqual([true, false, true])
    expect(await keyv.delete('a')).toBe(false)
    expect(await keyv.getMany(['a', 'b'])).toEqual([undefined, undefined])
  })

  test('times to live are kept to the millisecond, also without Keyv in front', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const store = new KeyvMemcache({ cache: new EmbeddedCache() })
      const keyv = new Keyv({ store })
      await keyv.set('short', 1, 300)
      await store.setMany([
        { key: 'direct', value: 'x', expires: Date.now() + 300 },
        { key: 'stays', value: 'x' },
      ])
      vi.setSystemTime(Date.now() + 299)
      expect(await keyv.get('short')).toBe(1)
      expect(await store.getMany(['direct', 'stays'])).toEqual(['x', 'x'])
      vi.setSystemTime(Date.now() + 1)
      expect(await keyv.get('short')).toBeUndefined()
      expect(await store.has('direct')).toBe(false)
      expect(await store.getMany(['direct', 'stays'])).toEqual([undefined, 'x'])
    } finally {
      vi.useRealTimers()
    }
  })

  test('an expired value removes the key', async () => {
    const store = open()
    await store.set('k', 'v')
    expect(await store.set('k', 'w', Date.now() - 1)).toBe(true)
    expect(await store.get('k')).toBeUndefined()
    await expect(store.set('k', 'v', NaN)).rejects.toThrow(RangeError)
  })

  test('long keys, large values and large batches are stored in memcached', async () => {
    const keyv = new Keyv({ store: open(), namespace: 'films and others' })
    const key = `${'key '.repeat(300)}é`
    const value = 'x'.repeat(3_000_000)
    await keyv.set(key, value, 45 * 24 * 3_600_000)
    expect(await keyv.get(key)).toBe(value)
    const entries = Array.from({ length: 3_000 }, (_, i) => ({ key: `k${i}`, value: { i } }))
    expect(await keyv.setMany(entries)).toEqual(entries.map(() => true))
    expect(await keyv.getMany(entries.map((entry) => entry.key))).toEqual(entries.map((entry) => entry.value))
  })
})

describe('Keyv 5', () => {
  test('a negative time to live removes the key', async () => {
    const keyv = new Keyv5({ store: open() })
    for (const remove of [
      () => keyv.set('k', 2, -1),
      () => keyv.setMany([{ key: 'k', value: 2, ttl: -5_000 }]),
    ]) {
      await keyv.set('k', 1)
      await remove()
      expect(await keyv.get('k')).toBeUndefined()
      expect(await keyv.delete('k')).toBe(false)
    }
  })

  test('a store that was set later is used by the contract of Keyv 5 too', async () => {
    const cache = new EmbeddedCache()
    const [a, b] = ['a', 'b'].map((namespace) => {
      const keyv = new Keyv5({ namespace })
      keyv.store = new KeyvMemcache({ cache })
      return keyv
    }) as [Keyv5, Keyv5]
    await a.set('1', 'of a', 3_600_000)
    await b.set('1', 'of b', 3_600_000)
    expect(await Promise.all([a.get('1'), b.get('1')])).toEqual(['of a', 'of b'])
    await a.clear()
    expect(await Promise.all([a.get('1'), b.get('1')])).toEqual([undefined, 'of b'])
  })
})

test('a process with Keyv 6 never reads what a process with Keyv 5 deleted or replaced', async () => {
  const cache = new EmbeddedCache()
  const five = new Keyv5({ store: new KeyvMemcache({ cache }), namespace: 'n' })
  const six = new Keyv({ store: new KeyvMemcache({ cache }), namespace: 'n' })
  await six.set('k', 'old')
  await five.set('k', 'new')
  expect(await six.get('k')).toBeUndefined()
  await six.set('k', 'newer')
  expect(await five.get('k')).toBeUndefined()
  await five.delete('k')
  expect(await six.get('k')).toBeUndefined()
})
