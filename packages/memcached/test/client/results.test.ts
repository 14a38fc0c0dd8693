import { EmbeddedCache, MemcacheClient, RemoteCache } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { addressOf, freePort, startMemcached, type MemcachedServer } from '../support/memcached.js'

let server: MemcachedServer
let nowhere: string
const open: AsyncDisposable[] = []
const keep = <Client extends AsyncDisposable>(client: Client): Client => {
  open.push(client)
  return client
}

beforeAll(async () => {
  server = await startMemcached()
  nowhere = `127.0.0.1:${await freePort()}`
})
afterAll(async () => {
  for (const one of open) await one[Symbol.asyncDispose]()
  await server.stop()
})

const kinds: readonly [string, () => MemcacheClient][] = [
  ['memcached', () => keep(new MemcacheClient({ servers: addressOf(server), timeoutMs: 5000 }))],
  ['an embedded cache', () => new MemcacheClient({ cache: keep(new EmbeddedCache()) })],
]

describe.each(kinds)('a change of a client over %s', (_kind, create) => {
  let client: MemcacheClient
  let count = 0
  const fresh = () => `result-${process.pid}-${++count}`
  beforeAll(() => {
    client = create()
  })

  test('resolves to true where it was made and to false where its condition did not hold', async () => {
    const key = fresh()
    expect([await client.replace(key, 1), await client.touch(key, 1000), await client.delete(key)]).toEqual([
      false,
      false,
      false,
    ])
    expect([await client.add(key, 'a'), await client.add(key, 'b'), await client.set(key, 'c')]).toEqual([
      true,
      false,
      true,
    ])
    expect([await client.append(key, 'd'), await client.prepend(key, 'b')]).toEqual([true, true])
    const { cas } = (await client.gets(key))!
    expect([await client.cas(key, 'e', cas), await client.cas(key, 'f', cas)]).toEqual([true, false])
    expect([
      await client.delete(key, { cas }),
      await client.delete(key),
      await client.cas(key, 1, cas),
    ]).toEqual([false, true, false])
  })

  test('is reported for each key of a batch as for a single key', async () => {
    const [a, b] = [fresh(), fresh()]
    expect((await client.setMulti([[a, 1]])).values).toEqual(new Map([[a, true]]))
    const both = (values: readonly [boolean, boolean]) => new Map([a, b].map((key, i) => [key, values[i]]))
    expect(
      (
        await client.replaceMulti([
          [a, 2],
          [b, 2],
        ])
      ).values,
    ).toEqual(both([true, false]))
    expect(
      (
        await client.addMulti([
          [a, 3],
          [b, 3],
        ])
      ).values,
    ).toEqual(both([false, true]))
    const tokens = (await client.getsMulti([a, b])).values
    await client.set(b, 4)
    const entries = [a, b].map((key) => [key, 5, tokens.get(key)!.cas] as const)
    expect((await client.casMulti(entries)).values).toEqual(both([true, false]))
    await client.delete(a)
    expect((await client.deleteMulti([a, b])).values).toEqual(both([false, true]))
  })

  test('of a counter is a number where that is safe and a bigint where it is asked for', async () => {
    const key = fresh()
    expect(await client.incr(key, 1, { initial: 40 })).toBe(41)
    expect(await client.get(key)).toBe(41)
    expect(await client.incr(key, 1, { bigint: true })).toBe(42n)
    const big = fresh()
    expect(await client.incr(big, 1n, { initial: 2n ** 60n, bigint: true })).toBe(2n ** 60n + 1n)
    expect(await client.get(big)).toBe(2n ** 60n + 1n)
    await expect(client.incr(big)).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      key: big,
      message: expect.stringContaining(`changed to ${2n ** 60n + 2n}`) as string,
    })
    const { values, failed } = await client.offsetMulti([
      [key, 1],
      [big, 1],
    ])
    expect([values, [...failed.keys()]]).toEqual([new Map([[key, 43]]), [big]])
    const asked = await client.offsetMulti(
      [
        [key, 1],
        [big, 1],
      ],
      { bigint: true },
    )
    expect(asked.values).toEqual(
      new Map([
        [key, 44n],
        [big, 2n ** 60n + 4n],
      ]),
    )
  })

  test('reads with a prefix of a single call where a batch stored with it', async () => {
    const key = fresh()
    await client.setMulti([[key, 1]], { keyPrefix: 'p:' })
    expect([await client.get(key, { keyPrefix: 'p:' }), await client.get(`p:${key}`)]).toEqual([1, 1])
    expect([await client.get(key), await client.delete(key, { keyPrefix: 'p:' })]).toEqual([undefined, true])
  })

  test('for ever in spite of a default time to live is an infinite one', async () => {
    const cache = keep(new EmbeddedCache())
    const short = new MemcacheClient({ cache, ttlMs: 1000 })
    await short.setMulti([['a', 1]])
    await short.set('b', 1, { ttlMs: Infinity })
    expect([(await short.peek('a'))?.ttlMs, (await short.peek('b'))?.ttlMs]).toEqual([
      expect.any(Number),
      undefined,
    ])
  })

  test('ends with the client, whose cache stays open where it was given', async () => {
    const cache = keep(new EmbeddedCache())
    const one = new MemcacheClient({ cache })
    await one.set('k', 1)
    await one.close()
    for (const call of [one.get('k'), one.setMulti([['k', 1]]), one.stats()])
      await expect(call).rejects.toMatchObject({ code: 'E_CLOSED' })
    expect(await new MemcacheClient({ cache }).get('k')).toBe(1)
  })

  test('of all keys is for a namespace alone', async () => {
    const prefixed = new MemcacheClient({ cache: keep(new EmbeddedCache()), keyPrefix: 'mine:' })
    expect('flush' in prefixed).toBe(false)
    const space = prefixed.namespace('users')
    await Promise.all([prefixed.set('k', 1), space.set('k', 2)])
    expect(await space.flush()).toBe(true)
    expect([await prefixed.get('k'), await space.get('k')]).toEqual([1, undefined])
  })

  test('counts in the summary, by the names of App Engine', async () => {
    const before = await client.summary()
    const key = fresh()
    await client.set(key, 'x'.repeat(1000))
    await client.get(key)
    await client.get(fresh())
    const after = await client.summary()
    expect([after.hits - before.hits, after.misses - before.misses]).toEqual([1, 1])
    expect(after.items).toBeGreaterThan(0)
    expect(after.bytes).toBeGreaterThan(1000)
    expect(after.byteHits - before.byteHits).toBeGreaterThanOrEqual(1000)
    expect(after.oldestItemAgeMs).toBeGreaterThanOrEqual(0)
    expect(after.failed.size).toBe(0)
  })
})

describe('a server that does not answer', () => {
  test("differs from every refusal with whenUnavailable: 'miss'", async () => {
    const client = keep(new MemcacheClient({ servers: nowhere, whenUnavailable: 'miss' }))
    const changes = {
      set: client.set('k', 1),
      add: client.add('k', 1),
      replace: client.replace('k', 1),
      append: client.append('k', 'x'),
      prepend: client.prepend('k', 'x'),
      delete: client.delete('k'),
      lock: client.delete('k', { lockMs: 1000 }),
      touch: client.touch('k', 1000),
      incr: client.incr('k'),
      flush: client.namespace('n').flush(),
    }
    for (const [name, change] of Object.entries(changes))
      expect([name, await change]).toEqual([name, undefined])
  })

  test.each(['reject', 'miss'] as const)('is in the report of a batch, with %s', async (whenUnavailable) => {
    const client = keep(new MemcacheClient({ servers: nowhere, whenUnavailable }))
    for (const one of [client, client.namespace('n')]) {
      const batches = [
        one.getMulti(['a', 'b']),
        one.getsMulti(['a', 'b']),
        one.setMulti([
          ['a', 1],
          ['b', 1],
        ]),
        one.addMulti([
          ['a', 1],
          ['b', 1],
        ]),
        one.replaceMulti([
          ['a', 1],
          ['b', 1],
        ]),
        one.deleteMulti(['a', 'b']),
        one.offsetMulti([
          ['a', 1],
          ['b', 1],
        ]),
      ]
      for (const batch of batches) {
        const { values, failed } = await batch
        expect([values.size, [...failed.keys()]]).toEqual([0, ['a', 'b']])
        for (const error of failed.values()) expect(isStorageError(error)).toBe(true)
      }
    }
  })

  test('rejects a batch that was aborted or whose client is closed', async () => {
    const client = keep(new MemcacheClient({ servers: addressOf(server), transport: 'meta' }))
    const signal = AbortSignal.abort()
    for (const batch of [
      client.getMulti(['a'], { signal }),
      client.setMulti([['a', 1]], { signal }),
      client.addMulti([['a', 1]], { signal }),
      client.deleteMulti(['a'], { signal }),
    ])
      await expect(batch).rejects.toMatchObject({ code: 'E_ABORTED' })
    const cache = new RemoteCache(addressOf(server), { transport: 'meta' })
    const closed = new MemcacheClient({ cache })
    await cache.close()
    for (const batch of [closed.getMulti(['a']), closed.setMulti([['a', 1]]), closed.addMulti([['a', 1]])])
      await expect(batch).rejects.toMatchObject({ code: 'E_CLOSED' })
  })
})

test('the types describe all answers of a client', () => {
  const strict = () => new MemcacheClient({ servers: nowhere })
  const lenient = () => new MemcacheClient({ servers: nowhere, whenUnavailable: 'miss' })
  expectTypeOf(strict).returns.toEqualTypeOf<MemcacheClient>()
  expectTypeOf(lenient).returns.toEqualTypeOf<MemcacheClient<'miss'>>()
  expectTypeOf<Awaited<ReturnType<MemcacheClient['add']>>>().toEqualTypeOf<boolean>()
  expectTypeOf<Awaited<ReturnType<MemcacheClient['set']>>>().toEqualTypeOf<true>()
  expectTypeOf<Awaited<ReturnType<MemcacheClient<'miss'>['add']>>>().toEqualTypeOf<boolean | undefined>()
  expectTypeOf<Awaited<ReturnType<MemcacheClient<'miss'>['delete']>>>().toEqualTypeOf<boolean | undefined>()
  const counter = (client: MemcacheClient) =>
    [client.incr('n'), client.incr('n', 1, { bigint: true })] as const
  expectTypeOf(counter).returns.toEqualTypeOf<
    readonly [Promise<number | undefined>, Promise<bigint | undefined>]
  >()
  const wrong = (client: MemcacheClient): readonly unknown[] => [
    // @ts-expect-error: a callback
    client.get('k', () => undefined),
    // @ts-expect-error: a default
    client.get('k', 'default'),
    // @ts-expect-error: no token
    client.cas('k', 1),
    // @ts-expect-error: an option of another command
    client.get('k', { ttlMs: 1 }),
    // @ts-expect-error: a client without a namespace flushes nothing
    client.flush,
  ]
  expectTypeOf(wrong).toBeFunction()
  // @ts-expect-error: a lenient client may answer undefined
  const taken: MemcacheClient = undefined as unknown as MemcacheClient<'miss'>
  expect(taken).toBeUndefined()
})
