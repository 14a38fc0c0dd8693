import { StorageError } from '@larder/storage-core'
import {
  commandChannel,
  EmbeddedCache,
  MemcacheClient,
  RemoteCache,
  TREAT_AS_MISS,
  ValueFlag,
  type CommandCache,
  type CommandEvent,
} from '@larder/memcached'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { randomBytes } from 'node:crypto'
import * as zlib from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PATIENT } from '@larder/dev-servers/vitest'
import { addressOf, freePort, startMemcached, type MemcachedServer } from '../support/memcached.js'
import { opaqueOf, TextServer } from '../support/text-server.js'

let server: MemcachedServer
let onSocket: MemcachedServer
let others: readonly MemcachedServer[]
const caches: CommandCache[] = []
// Two of the kinds share a server.
let count = 0
beforeAll(async () => {
  const port = await freePort()
  server = await startMemcached({ port, args: ['-U', String(port)] })
  onSocket = await startMemcached({ unixSocket: true })
  others = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
})
afterAll(async () => {
  for (const cache of caches) await cache.close()
  for (const started of [server, onSocket, ...others]) await started.stop()
})

const kinds: readonly [string, () => CommandCache][] = [
  ['embedded', () => new EmbeddedCache()],
  ['memcached', () => new RemoteCache(addressOf(server), PATIENT)],
  [
    'memcached, with reads by UDP',
    () => new RemoteCache(addressOf(server), { ...PATIENT, udp: { waitMs: 400 } }),
  ],
  ['memcached, in binary', () => new RemoteCache(addressOf(onSocket), { ...PATIENT, transport: 'binary' })],
  ['three memcached', () => new RemoteCache(others.map(addressOf), PATIENT)],
]

describe.each(kinds)('client over %s', (kind, create) => {
  const peeks = kind !== 'memcached, in binary'

  let cache: CommandCache
  let client: MemcacheClient
  const fresh = () => `client-${process.pid}-${++count}`
  beforeAll(() => {
    cache = create()
    caches.push(cache)
    client = new MemcacheClient({ cache })
  })

  test.each([
    ['text', 'hällo 😀'],
    ['empty text', ''],
    ['text of digits', '42'],
    ['true', true],
    ['false', false],
    ['zero', 0],
    ['minus zero', -0],
    ['a negative integer', -42],
    ['a fraction', 1.5e-7],
    ['not a number', Number.NaN],
    ['infinity', -Infinity],
    ['a large number', 2 ** 60],
    ['a small big integer', 5n],
    ['a large big integer', -(2n ** 100n)],
    ['null', null],
    ['an object', { a: [1, 'b', null, { c: true }] }],
    ['a list', []],
  ])('%s is read as the type that was stored', async (_name, value) => {
    const key = fresh()
    expect(await client.set(key, value)).toBe(true)
    expect(await client.get(key)).toStrictEqual(value)
    expect((await client.getMulti([key])).values.get(key)).toStrictEqual(value)
  })

  test('bytes come back as bytes', async () => {
    const key = fresh()
    await client.set(key, new Uint8Array([0, 255, 13, 10]))
    expect(await client.get<Buffer>(key)).toEqual(Buffer.from([0, 255, 13, 10]))
  })

  const hasZstd = 'zstdCompressSync' in zlib
  test.each(['zlib', 'brotli', ...(hasZstd ? (['zstd'] as const) : [])] as const)(
    '%s packs at every level, and any client unpacks it',
    async (algorithm) => {
      const key = fresh()
      const text = 'x'.repeat(5000)
      for (const level of [undefined, 1, 9]) {
        const options = level === undefined ? {} : { level }
        const packing = new MemcacheClient({ cache, compression: { algorithm, minBytes: 100, ...options } })
        await packing.set(key, text)
        const item = await cache.get(key)
        expect(item?.flags).toBe(ValueFlag.text | ValueFlag[algorithm])
        expect(item?.value.length).toBeLessThan(100)
        expect(await client.get(key)).toBe(text)
      }
      const off = new MemcacheClient({ cache, compression: { algorithm, minBytes: 1, level: 0 } })
      await off.set(key, text)
      expect((await cache.get(key))?.flags).toBe(ValueFlag.text)
      await cache.set(key, Buffer.from('not packed'), { flags: ValueFlag[algorithm] })
      await expect(client.get(key)).rejects.toMatchObject({ code: 'E_CORRUPT' })
    },
  )

  test('what no compression can do is refused', async () => {
    const create = (compression: object) => () =>
      new MemcacheClient({ cache, compression: { minBytes: 1, ...compression } })
    expect(create({ algorithm: 'brotli', level: 12 })).toThrow(RangeError)
    expect(create({ algorithm: 'lzma' })).toThrow(RangeError)
    expect(create({ algorithm: 'toString' })).toThrow(RangeError)
    expect(create({ minBytes: -1 })).toThrow(RangeError)
    if (!hasZstd) expect(create({ algorithm: 'zstd' })).toThrow(/22\.15/)
    const key = fresh()
    await cache.set(key, Buffer.from('v'), { flags: ValueFlag.zlib | ValueFlag.brotli })
    await expect(client.get(key)).rejects.toMatchObject({ code: 'E_CORRUPT' })
  })

  test('a lock that a deletion left stays as it is, whatever is done to it', async () => {
    const key = fresh()
    await client.set(key, 'old')
    expect(await client.delete(key, { lockMs: 60_000 })).toBe(true)
    const lock = peeks ? await client.peek(key) : undefined
    if (peeks) expect(lock).toMatchObject({ value: undefined })
    if (peeks) expect(lock?.lockMs).toBeGreaterThan(50_000)
    const before = await cache.get(key)
    expect(await client.append(key, 'x')).toBe(false)
    expect(await client.prepend(key, 'x')).toBe(false)
    expect(await client.touch(key, undefined)).toBe(false)
    expect(await client.getAndTouch(key, undefined)).toBeUndefined()
    expect((await cache.get(key))?.cas.equals(before!.cas)).toBe(true)
    if (peeks) expect((await client.peek(key))?.lockMs).toBeLessThanOrEqual(61_000)
    expect(await client.set(key, 'new')).toBe(true)
    expect(await client.append(key, '!')).toBe(true)
    expect(await client.touch(key, 60_000)).toBe(true)
    expect(await client.getAndTouch(key, 60_000)).toBe('new!')
    const found = client.peek(key)
    if (peeks) expect(await found).toMatchObject({ value: 'new!', lockMs: undefined, wasRead: true })
    else await expect(found).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  test('a clone has the same keys, namespaces included', async () => {
    const key = fresh()
    const space = client.namespace(fresh())
    await space.set(key, 'v')
    const clone = space.clone()
    expect(await clone.get(key)).toBe('v')
    await clone.flush()
    expect(await space.get(key)).toBeUndefined()
    await clone.close()
    client.disconnectAll()
    await space.set(key, 'w')
    expect(await space.get(key)).toBe('w')
  })

  test('a stored null differs from a miss', async () => {
    const key = fresh()
    expect(await client.get(key)).toBeUndefined()
    await client.set(key, null)
    expect(await client.get(key)).toBeNull()
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a promise', Promise.resolve(1)],
    ['a Map', new Map([[1, 2]])],
    ['a Set', new Set([1])],
    ['an Error', new Error('e')],
    ['numbers in a row', new Float64Array(2)],
    ['what JSON cannot say', { deep: 1n }],
    ['what says nothing of itself', { toJSON: () => undefined }],
  ])('what would not come back is refused: %s', async (_name, value) => {
    await expect(client.set(fresh(), value)).rejects.toBeInstanceOf(TypeError)
    await expect(client.setMulti([[fresh(), value]])).rejects.toBeInstanceOf(TypeError)
  })

  test('values with a JSON form are read in that form', async () => {
    class Film {
      readonly title = 'Metropolis'
    }
    const key = fresh()
    for (const [value, form] of [
      [new Film(), { title: 'Metropolis' }],
      [new Date(0), '1970-01-01T00:00:00.000Z'],
      [Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ]) {
      await client.set(key, value)
      expect(await client.get(key)).toEqual(form)
    }
  })

  test('what cannot be meant is refused before anything is sent', async () => {
    const key = fresh()
    const wrong = (value: unknown) => value as never
    const calls = [
      client.set(key, 1, { ttlMs: wrong('60') }),
      client.set(key, 1, { ttlMs: wrong(new Date()) }),
      client.touch(key, wrong('60')),
      client.getAndTouch(key, wrong('60')),
      client.delete(key, { lockMs: wrong('60') }),
      client.append(key, wrong(5)),
      client.incr(key, wrong('5')),
      client.incr(key, 1, { initial: wrong('5') }),
      client.getMulti(wrong(key)),
      client.getMulti(wrong({ [key]: 1 })),
      client.setMulti(wrong({ [key]: 1 })),
      client.addMulti(wrong({ [key]: 1 })),
      client.casMulti(wrong(undefined)),
      client.deleteMulti(wrong(key)),
      client.offsetMulti(wrong({ [key]: 1 })),
      client.offsetMulti([[key, wrong('1')]]),
      new MemcacheClient({ cache, serializer: { serialize: () => wrong('v'), deserialize: () => 1 } }).set(
        key,
        1,
      ),
    ]
    for (const call of await Promise.allSettled(calls))
      expect(call.status === 'rejected' && call.reason).toBeInstanceOf(TypeError)
    const ranges = [
      client.incr(key, 1.5),
      client.incr(key, 2n ** 64n),
      client.incr(key, 1, { initial: -1 }),
      client.offsetMulti([[key, -(2n ** 64n)]]),
      client.flushAll(-1),
      client.flushAll(Infinity),
      client.flushAll(31 * 86_400_000),
    ]
    for (const call of await Promise.allSettled(ranges))
      expect(call.status === 'rejected' && call.reason).toBeInstanceOf(
        kind === 'embedded' ? Error : RangeError,
      )
    for (const options of [{ invalidKeys: 'drop' }, { whenUnavailable: 'panic' }, { ttlMs: 0 }])
      expect(() => new MemcacheClient({ cache, ...options } as never)).toThrow(RangeError)
    expect(() => new MemcacheClient('127.0.0.1:11211' as never)).toThrow(
      /takes an object of options, got text/,
    )
    expect(() => new MemcacheClient(cache as never)).toThrow(/new MemcacheClient\({ cache }\)/)
    expect(await client.get(key)).toBeUndefined()
  })

  test('items of other clients read by their flags', async () => {
    const key = fresh()
    const read = async (text: string | Buffer, flags: number) => {
      await cache.set(key, Buffer.from(text), { flags })
      return client.get(key)
    }
    expect(await read('12', ValueFlag.integer)).toBe(12)
    expect(await read('123456789012345678901', ValueFlag.integer)).toBe(123456789012345678901n)
    expect(await read('12', ValueFlag.long)).toBe(12n)
    expect(await read('text', ValueFlag.text)).toBe('text')
    expect(await read(zlib.deflateSync('packed'), ValueFlag.text | ValueFlag.zlib)).toBe('packed')
    await expect(read('(dp0', ValueFlag.pickle)).rejects.toMatchObject({ code: 'E_CORRUPT', key })
    await expect(read('no zlib', ValueFlag.zlib)).rejects.toMatchObject({ code: 'E_CORRUPT' })
    await expect(read('{', ValueFlag.json)).rejects.toMatchObject({ code: 'E_CORRUPT' })
    const batch = await client.getMulti([key])
    expect(batch.failed.get(key)).toMatchObject({ code: 'E_CORRUPT' })
  })

  test('compression keeps the smaller form, and any client reads it', async () => {
    const packing = new MemcacheClient({ cache, compression: { minBytes: 100, level: 9 } })
    const [small, large, noise] = [fresh(), fresh(), fresh()]
    const random = randomBytes(1000)
    await packing.setMulti([
      [small, 'x'.repeat(99)],
      [large, 'x'.repeat(5000)],
      [noise, random],
    ])
    expect((await cache.get(small))?.flags).toBe(ValueFlag.text)
    expect((await cache.get(large))?.flags).toBe(ValueFlag.text | ValueFlag.zlib)
    expect((await cache.get(large))?.value.length).toBeLessThan(100)
    expect((await cache.get(noise))?.flags).toBe(0)
    expect(await client.get(large)).toBe('x'.repeat(5000))
    expect(await client.get(noise)).toEqual(random)
    expect(() => new MemcacheClient({ cache, compression: { minBytes: 1, level: 10 } })).toThrow(RangeError)
  })

  test("a serializer of the user's own, which may call an item a miss", async () => {
    const serializer = {
      serialize: (value: unknown) => ({ bytes: Buffer.from(`v2 ${String(value)}`), flags: 1 << 20 }),
      deserialize: (bytes: Buffer, flags: number) =>
        flags === 1 << 20 && bytes.toString().startsWith('v2 ') ? bytes.toString().slice(3) : TREAT_AS_MISS,
    }
    const own = new MemcacheClient({ cache, serializer })
    const key = fresh()
    await client.set(key, 'old')
    expect(await own.get(key)).toBeUndefined()
    await own.set(key, 'new')
    expect(await own.get(key)).toBe('new')
  })

  test('keys are text, bytes or pairs, and answers come under the keys that were asked', async () => {
    const name = fresh()
    const bytes = Buffer.from(name)
    const pair = [name, name] as const
    await client.set(bytes, 1)
    expect(await client.get(pair)).toBe(1)
    const batch = await client.getMulti<number, string | Buffer | typeof pair>([name, bytes, pair])
    expect([batch.values.get(name), batch.values.get(bytes), batch.values.get(pair)]).toEqual([1, 1, 1])
    for (const bad of ['', 'a b', Buffer.from([0xff]), 'x'.repeat(251)]) {
      await expect(client.get(bad)).rejects.toBeInstanceOf(RangeError)
    }
    await expect(client.get(5 as never)).rejects.toBeInstanceOf(TypeError)
  })

  test('keys that do not fit are hashed where the user wants that, and never collide', async () => {
    const hashing = new MemcacheClient({ cache, invalidKeys: 'hash', keyPrefix: 'p:' })
    const keys = [
      'x'.repeat(249),
      'x'.repeat(1000),
      'x'.repeat(1001),
      'a b',
      'a\r\nb',
      Buffer.from([0xff, 0]),
      'ä'.repeat(200),
    ]
    await hashing.setMulti(keys.map((key, i) => [key, i]))
    const batch = await hashing.getMulti(keys)
    expect(keys.map((key) => batch.values.get(key))).toEqual(keys.map((_key, i) => i))
    await expect(hashing.get('')).rejects.toBeInstanceOf(RangeError)
  })

  test('prefixes keep clients and batches apart', async () => {
    const key = fresh()
    const a = new MemcacheClient({ cache, keyPrefix: 'a:' })
    await a.set(key, 1)
    expect(await client.get(key)).toBeUndefined()
    expect(await client.get(`a:${key}`)).toBe(1)
    await a.setMulti([[key, 2]], { keyPrefix: 'b:' })
    expect(await client.get(`a:b:${key}`)).toBe(2)
    expect((await a.getMulti([key], { keyPrefix: 'b:' })).values.get(key)).toBe(2)
  })

  test('gets and cas', async () => {
    const key = fresh()
    expect(await client.gets(key)).toBeUndefined()
    await client.set(key, { n: 1 })
    const found = (await client.gets<{ n: number }>(key))!
    expect(await client.cas(key, { n: found.value.n + 1 }, found.cas)).toBe(true)
    expect(await client.cas(key, { n: 9 }, found.cas)).toBe(false)
    const many = await client.getsMulti([key])
    const token = many.values.get(key)!.cas
    const results = await client.casMulti([[key, { n: 3 }, token]])
    expect(results.values.get(key)).toBe(true)
    expect(await client.get(key)).toEqual({ n: 3 })
  })

  test('add, replace, append, prepend, touch and getAndTouch', async () => {
    const key = fresh()
    expect(await client.replace(key, 'x')).toBe(false)
    expect(await client.append(key, 'x')).toBe(false)
    expect(await client.add(key, 'b')).toBe(true)
    expect(await client.add(key, 'x')).toBe(false)
    expect(await client.append(key, 'c')).toBe(true)
    expect(await client.prepend(key, Buffer.from('a'))).toBe(true)
    expect(await client.getAndTouch(key, 60_000)).toBe('abc')
    expect(await client.touch(key, undefined)).toBe(true)
    expect(await client.replace(key, 'r')).toBe(true)
    expect(await client.get(key)).toBe('r')
    const other = fresh()
    const added = await client.addMulti([
      [key, 1],
      [other, 2],
    ])
    expect([added.values.get(key), added.values.get(other)]).toEqual([false, true])
    const third = fresh()
    const replaced = await client.replaceMulti([
      [other, 3],
      [third, 4],
    ])
    expect([replaced.values.get(other), replaced.values.get(third)]).toEqual([true, false])
  })

  test('a batch with a value that is too large fails before anything is sent', async () => {
    const [good, bad] = [fresh(), fresh()]
    const large = Buffer.alloc(cache.maxItemBytes + 1)
    for (const store of [client.setMulti.bind(client), client.addMulti.bind(client)]) {
      await expect(
        store([
          [good, 1],
          [bad, large],
        ]),
      ).rejects.toBeInstanceOf(RangeError)
    }
    expect(await client.get(good)).toBeUndefined()
  })

  test('delete, and deletions of many', async () => {
    const [a, b] = [fresh(), fresh()]
    expect(await client.delete(a)).toBe(false)
    await client.set(a, 1)
    const { cas } = (await client.gets(a))!
    await client.set(a, 2)
    expect(await client.delete(a, { cas })).toBe(false)
    const { values, failed } = await client.deleteMulti([a, b])
    expect([values.get(a), values.get(b), failed.size]).toEqual([true, false, 0])
  })

  test('a deletion with a lock: reads miss, add, replace and cas fail, set works', async () => {
    const key = fresh()
    await client.set(key, 1)
    const { cas } = (await client.gets(key))!
    expect(await client.delete(key, { lockMs: 60_000 })).toBe(true)
    expect(await client.get(key)).toBeUndefined()
    expect(await client.gets(key)).toBeUndefined()
    expect((await client.getMulti([key])).values.size).toBe(0)
    expect(await client.add(key, 2)).toBe(false)
    expect(await client.replace(key, 2)).toBe(false)
    expect(await client.cas(key, 2, cas)).toBe(false)
    expect(await client.incr(key)).toBeUndefined()
    expect(await client.delete(key, { lockMs: 60_000 })).toBe(false)
    expect(await client.incr(key, 1, { initial: 5 })).toBe(6)
    expect(await client.get(key)).toBe(6)
    await client.deleteMulti([key], { lockMs: 60_000 })
    expect(await client.set(key, 3)).toBe(true)
    expect(await client.get(key)).toBe(3)
  })

  test('the lock of a deletion expires, and a second deletion renews it', async () => {
    const [short, long] = [fresh(), fresh()]
    await client.deleteMulti([short, long], { lockMs: 100 })
    expect(await client.delete(long, { lockMs: 60_000 })).toBe(false)
    expect(await client.add(short, 1)).toBe(false)
    await expect.poll(() => client.add(short, 1)).toBe(true)
    expect(await client.add(long, 1)).toBe(false)
  })

  test('counters', async () => {
    const key = fresh()
    expect(await client.incr(key)).toBeUndefined()
    expect(await client.incr(key, 2, { initial: 5n })).toBe(7)
    expect(await client.get(key)).toBe(7n)
    expect(await client.incr(key, 1, { initial: 100, bigint: true })).toBe(8n)
    expect(await client.decr(key, 10n)).toBe(0)
    await expect(client.incr(key, -1)).rejects.toBeInstanceOf(RangeError)
    await client.set(key, 10)
    expect(await client.decr(key)).toBe(9)
    expect(await client.get(key)).toBe(9)
    const [up, down, none] = [fresh(), fresh(), fresh()]
    await client.setMulti([
      [up, 1],
      [down, 100n],
    ])
    const { values } = await client.offsetMulti([
      [up, 5],
      [down, -1n],
      [none, 3],
    ])
    expect([values.get(up), values.get(down), values.has(none)]).toEqual([6, 99, false])
    expect(await client.get(down)).toBe(99n)
  })

  test('a boolean that was counted is corrupt, and other values are refused', async () => {
    const [flag, text, object] = [fresh(), fresh(), fresh()]
    await client.setMulti([
      [flag, true],
      [text, 'a'],
      [object, {}],
    ])
    expect(await client.incr(flag)).toBe(2)
    await expect(client.get(flag)).rejects.toMatchObject({ code: 'E_CORRUPT' })
    expect(await client.decr(flag)).toBe(1)
    expect(await client.get(flag)).toBe(true)
    for (const key of [text, object])
      await expect(client.incr(key)).rejects.toMatchObject({ code: 'E_SERVER' })
  })

  test('a namespace is flushed by one store, and an evicted stamp brings nothing back', async () => {
    const name = fresh()
    const users = client.namespace(name)
    const same = client.namespace(name)
    const other = client.namespace(fresh())
    await Promise.all([users.set('k', 1), users.set('l', 2), other.set('k', 3)])
    expect(await same.get('k')).toBe(1)
    expect((await users.getMulti(['k', 'l', 'm'])).values).toEqual(
      new Map([
        ['k', 1],
        ['l', 2],
      ]),
    )
    await same.flush()
    expect(await users.get('k')).toBeUndefined()
    expect(await other.get('k')).toBe(3)
    await users.set('k', 4)
    expect(await cache.delete(`${name}#`)).toBe('deleted')
    expect(await users.get('k')).toBeUndefined()
  })

  test('a command under an outdated stamp is repeated and leaves nothing behind', async () => {
    const name = fresh()
    const one = client.namespace(name)
    const two = client.namespace(name)
    await one.set('k', 'old')
    for (const value of [1, 2]) {
      await two.flush()
      expect(await one.add('k', value)).toBe(true)
      expect([await one.get('k'), await two.get('k')]).toEqual([value, value])
    }
    await two.flush()
    expect(await one.incr('n', 1, { initial: 5 })).toBe(6)
    await two.flush()
    expect(await one.incr('n', 1, { initial: 5 })).toBe(6)
    expect(await two.incr('n')).toBe(7)
    await two.flush()
    expect(await one.delete('n')).toBe(false)
  })

  test('every command is published where somebody listens', async () => {
    const events: CommandEvent[] = []
    const listen = (event: unknown) => void events.push(event as CommandEvent)
    subscribe(commandChannel.asyncEnd.name, listen)
    try {
      await client.setMulti([
        [fresh(), 1],
        [fresh(), 2],
      ])
      await client.get('a b').catch(() => {})
      await client.namespace(fresh()).flush()
      await client.version()
      await client.stats('no such topic').catch(() => {})
      await client.flushAll(-1).catch(() => {})
    } finally {
      unsubscribe(commandChannel.asyncEnd.name, listen)
    }
    expect(events.map(({ operation, items }) => [operation, items])).toEqual([
      ['setMulti', 2],
      ['get', 1],
      ['flush', 0],
      ['version', 0],
      ['stats', 0],
      ['flushAll', 0],
    ])
    expect(events[0]?.error).toBeUndefined()
    expect(events[1]?.error).toBeInstanceOf(RangeError)
    expect(events.map(({ error }) => error === undefined)).toEqual([true, false, true, true, false, false])
    expect(events[0]?.durationMs).toBeGreaterThan(0)
  })
})

describe('a server that does not answer', () => {
  test("differs from a miss by default, and reads as one with whenUnavailable: 'miss'", async () => {
    const cache = new RemoteCache(`127.0.0.1:${await freePort()}`)
    caches.push(cache)
    const strict = new MemcacheClient({ cache })
    await expect(strict.get('k')).rejects.toBeInstanceOf(StorageError)
    expect((await strict.getMulti(['k'])).failed.get('k')).toBeInstanceOf(StorageError)
    const lenient = new MemcacheClient({ cache, whenUnavailable: 'miss' })
    expect(await lenient.get('k')).toBeUndefined()
    expect(await lenient.incr('k')).toBeUndefined()
    expect(await lenient.summary()).toBeUndefined()
    expect((await lenient.stats()).failed.size).toBe(1)
    await expect(strict.namespace('n').flush()).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    await expect(lenient.get('a b')).rejects.toBeInstanceOf(RangeError)
  })
})

test('under a namespace a command leaves with the question for the stamp, once that is known', async () => {
  const held: string[] = []
  const server = await TextServer.start((line, socket) => {
    const reply = `${line.startsWith('mg n# ') ? 'VA 1 f0 c1' : 'VA 1 f16 c2'} ${opaqueOf(line)}\r\nx\r\n`
    held.push(reply)
    // The first two lines come one by one; later ones are answered once there are two of them.
    if (server.lines.length > 2 && held.length < 2) return
    socket.write(held.splice(0).join(''))
  })
  const client = new MemcacheClient({ servers: server.address, transport: 'meta' })
  try {
    const space = client.namespace('n')
    expect([await space.get('k'), await space.get('k')]).toEqual(['x', 'x'])
    expect(server.lines.map((line) => line.split(' ')[1])).toEqual(['n#', 'n#x:k', 'n#x:k', 'n#'])
  } finally {
    await client.close()
    await server.stop()
  }
})
