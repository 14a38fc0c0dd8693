import { isStorageError, jsonCodec, textCodec } from '@larder/storage-core'
import { EmbeddedCache, systemEnvironment } from '@larder/memcached'
import { InvalidationError, QueryCache, type QueryCacheSettings } from '@larder/storage-memcache'
import { servers } from '@larder/dev-servers/vitest'
import { describe, expect, test, vi } from 'vitest'
import { CacheServer, type FaultyCache } from '../support/faulty-cache.js'
import { Clock } from '../support/clock.js'

/** A database of one number a key, whose reads can be held up. */
class Table {
  reads: string[][] = []
  readonly rows = new Map<string, unknown>()
  #gates: { reached: () => void; opened: Promise<void> }[] = []

  pauseNextRead() {
    let reach: () => void = () => undefined
    let open: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (reach = resolve))
    const opened = new Promise<void>((resolve) => (open = resolve))
    this.#gates.push({ reached: reach, opened })
    return { reached, open }
  }

  readonly one = async (key: string): Promise<unknown> => (await this.many([key])).get(key)

  readonly many = async (keys: readonly string[]): Promise<Map<string, unknown>> => {
    this.reads.push([...keys])
    const found = new Map(keys.filter((key) => this.rows.has(key)).map((key) => [key, this.rows.get(key)]))
    const gate = this.#gates.shift()
    gate?.reached()
    await gate?.opened
    return found
  }
}

function world(options: Partial<QueryCacheSettings> = {}) {
  const server = new CacheServer()
  const clients: FaultyCache[] = []
  const process = () => {
    const cache = server.client()
    clients.push(cache)
    return new QueryCache({ cache, fillWaitMs: 20, ...options })
  }
  return { server, table: new Table(), one: process(), two: process(), clients }
}

describe('what is kept', () => {
  const values: readonly [string, unknown][] = [
    ['rows', [{ id: 1, title: 'ACE GOLDFINGER' }]],
    ['an empty result', []],
    ['null', null],
    ['undefined', undefined],
    ['false', false],
    ['zero', 0],
    ['text with line breaks and quotes', 'a\n"value":\n}'],
    ['text beyond ASCII', 'čaj \u{1f375}'],
  ]
  for (const [what, value] of values) {
    test(`${what}: the loader runs once, and both calls get the same`, async () => {
      const { one, two, table } = world()
      table.rows.set('q', value)
      expect(await one.cached('q', {}, table.one)).toEqual(value)
      expect(await two.cached('q', {}, table.one)).toEqual(value)
      expect(table.reads).toEqual([['q']])
    })
  }

  test('a result over the item limit', async () => {
    const { one, two, table } = world()
    const rows = Array.from({ length: 60_000 }, (_, id) => ({ id, title: `film ${id}, a long title` }))
    table.rows.set('q', rows)
    await one.cached('q', { tags: ['film'] }, table.one)
    expect(await two.cached('q', { tags: ['film'] }, table.one)).toEqual(rows)
    expect(table.reads).toHaveLength(1)
    await one.invalidate({ tag: 'film' })
    table.rows.set('q', [])
    expect(await two.cached('q', { tags: ['film'] }, table.one)).toEqual([])
  })

  test('a Date is a string from the first call on', async () => {
    const { one, table } = world()
    table.rows.set('q', { at: new Date(0) })
    const first = await one.cached('q', {}, table.one)
    expect(first).toEqual({ at: '1970-01-01T00:00:00.000Z' })
    expect(await one.cached('q', {}, table.one)).toEqual(first)
  })

  test('callers that share a load get separate objects', async () => {
    const { one, table } = world()
    table.rows.set('q', { list: [1] })
    const [a, b] = await Promise.all([one.cached('q', {}, table.one), one.cached('q', {}, table.one)])
    expect(table.reads).toHaveLength(1)
    ;(a as { list: number[] }).list.push(2)
    expect(b).toEqual({ list: [1] })
  })

  test('the item is JSON as a whole, with the flags 0, for programs in other languages', async () => {
    const cache = new EmbeddedCache()
    const queries = new QueryCache({ cache })
    await queries.cached('top5films', {}, () => [{ id: 2 }])
    await queries.cached('a:b', { tags: ['film'] }, () => ({ n: 1 }))
    const plain = await cache.get('cached:top5films')
    const tagged = await cache.get('cached:a:b')
    expect(plain?.flags).toBe(0)
    expect(JSON.parse(String(plain?.value))).toEqual({ value: [{ id: 2 }] })
    expect(tagged?.flags).toBe(0)
    expect(JSON.parse(String(tagged?.value))).toMatchObject({
      value: { n: 1 },
      stamps: [expect.any(String), expect.any(String)],
    })
  })

  test('a result that the codec cannot read is loaded and replaced', async () => {
    const { one, server, table } = world()
    const other = new QueryCache({ cache: server.client(), codec: textCodec })
    for (const key of ['a', 'b', 'c']) table.rows.set(key, key)
    for (const key of ['a', 'b']) await other.cached(key, {}, () => 'no JSON')
    expect(await one.cached('a', {}, table.one)).toBe('a')
    expect([...(await one.cachedMany(['a', 'b', 'c'], {}, table.many)).values()]).toEqual(['a', 'b', 'c'])
    expect([...(await one.cachedMany(['a', 'b', 'c'], {}, table.many)).values()]).toEqual(['a', 'b', 'c'])
    expect(table.reads.flat().filter((key) => key === 'c')).toHaveLength(1)
    table.reads = []
    expect(await one.cached('a', {}, table.one)).toBe('a')
    expect(await one.cached('b', {}, table.one)).toBe('b')
    expect(table.reads).toEqual([])
  })

  test('a codec that cannot read its own output rejects', async () => {
    const { server } = world()
    const broken = () => {
      throw new Error('no way back')
    }
    const queries = new QueryCache({ cache: server.client(), codec: { ...jsonCodec(), decode: broken } })
    await expect(queries.cached('q', {}, () => 1)).rejects.toThrow('no way back')
  })

  test('what another program put there is a miss, and is replaced', async () => {
    const { one, server, table } = world()
    table.rows.set('q', 1)
    for (const junk of [
      '',
      'junk',
      '{"value":1}',
      '{"value":\n',
      '{"x":1,"value":\n1}',
      '\n\n\n',
      '{,"value":\n1}',
    ]) {
      await server.cache.set('cached:q', Buffer.from(junk))
      expect(await one.cached('q', {}, table.one)).toBe(1)
      expect(await one.cached('q', {}, table.one)).toBe(1)
    }
    await server.cache.set('cached:q', Buffer.from('{"value":\n1}'), { flags: 7 })
    expect(await one.cached('q', {}, table.one)).toBe(1)
    expect(table.reads.length).toBeLessThanOrEqual(8)
  })

  test('keys of any length and any characters', async () => {
    const { one, table } = world()
    const keys = ['k'.repeat(5_000), 'with space', 'tab\t', '#all', '#', 'é', '\u{1f375}:x', ':', '::']
    for (const key of keys) table.rows.set(key, key.length)
    for (const key of keys) expect(await one.cached(key, { tags: [key] }, table.one)).toBe(key.length)
    for (const key of keys) expect(await one.cached(key, { tags: [key] }, table.one)).toBe(key.length)
    expect(table.reads).toHaveLength(keys.length)
    for (const key of keys) await one.invalidate({ tag: key })
    for (const key of keys) await one.cached(key, { tags: [key] }, table.one)
    expect(table.reads).toHaveLength(2 * keys.length)
  })
})

describe('many keys', () => {
  test('one batch, and one call of the loader for all that missed', async () => {
    const { one, two, table } = world()
    for (const key of ['a', 'b', 'c', 'd']) table.rows.set(key, key.toUpperCase())
    await one.cached('b', {}, table.one)
    const found = await two.cachedMany(['a', 'b', 'c', 'a', 'none'], {}, table.many)
    expect(found).toEqual(
      new Map([
        ['a', 'A'],
        ['b', 'B'],
        ['c', 'C'],
      ]),
    )
    expect(table.reads).toEqual([['b'], ['a', 'c', 'none']])
    expect(await one.cachedMany(['none', 'c', 'a'], {}, table.many)).toEqual(
      new Map([
        ['c', 'C'],
        ['a', 'A'],
      ]),
    )
    expect(table.reads).toHaveLength(2)
    expect(await one.cachedMany([], {}, table.many)).toEqual(new Map())
  })

  test('a loader that fails fails the call, keeps nothing and leaves no lease', async () => {
    const { one, two, table } = world()
    const failing = () => Promise.reject(new Error('the database is down'))
    await expect(one.cachedMany(['a', 'b'], {}, failing)).rejects.toThrow('the database is down')
    table.rows.set('a', 1)
    expect(await two.cachedMany(['a', 'b'], {}, table.many)).toEqual(new Map([['a', 1]]))
    expect(two.counters()).toMatchObject({ fills: 2, bypasses: 0 })
  })

  test('keys that others are loading are waited for, the others loaded at once', async () => {
    const { one, two, table } = world({ fillWaitMs: 60_000 })
    table.rows.set('a', 1).set('b', 2)
    const gate = table.pauseNextRead()
    const slow = one.cached('a', {}, table.one)
    await gate.reached
    const both = two.cachedMany(['a', 'b'], {}, table.many)
    await vi.waitFor(() => expect(table.reads).toContainEqual(['b']))
    gate.open()
    expect(await both).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
    expect(await slow).toBe(1)
    expect(table.reads).toEqual([['a'], ['b']])
  })
})

test('of more than 1,000 keys, 1,000 are asked for at a time', async () => {
  const { one, table } = world()
  const keys = Array.from({ length: 2_500 }, (_, i) => `k${i}`)
  for (const key of keys) table.rows.set(key, key)
  expect([...(await one.cachedMany(keys, {}, table.many)).keys()]).toEqual(keys)
  expect(table.reads.map(({ length }) => length)).toEqual([1_000, 1_000, 500])
  expect((await one.cachedMany(keys, {}, table.many)).size).toBe(2_500)
  expect(table.reads).toHaveLength(3)
})

test('many keys are invalidated in parts, those behind a failure too', async () => {
  const { one, server, clients, table } = world()
  const keys = Array.from({ length: 2_500 }, (_, i) => `k${i}`)
  for (const key of keys) table.rows.set(key, 'old')
  await one.cachedMany(keys, {}, table.many)
  clients[0]!.failNext('delete')
  const failure: unknown = await one.invalidate(...keys).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InvalidationError)
  expect(failure).toMatchObject({ code: 'E_NOT_INVALIDATED', cause: { code: 'E_TIMEOUT' } })
  expect((failure as InvalidationError<string>).targets).toHaveLength(1)
  expect(await server.cache.get('cached:k2499')).toBeUndefined()
  await one.invalidate(...keys)
  expect(await server.cache.get('cached:k0')).toBeUndefined()
})

describe('invalidation', () => {
  const targets = [
    ['its key', 'film:top:5', { key: 'film:top:5' }],
    ['a tag', 'film:top:5', { tag: 'film' }],
    ['a prefix', 'film:top:5', { prefix: 'film:' }],
    ['a longer prefix', 'film:top:5', { prefix: 'film:top:' }],
  ] as const
  for (const [what, key, target] of targets) {
    test(`by ${what}: the next call anywhere runs the loader`, async () => {
      const { one, two, table } = world()
      table.rows.set(key, 'old')
      await one.cached(key, { tags: ['film', 'rental'] }, table.one)
      table.rows.set(key, 'new')
      await two.invalidate(target)
      expect(await one.cached(key, { tags: ['film', 'rental'] }, table.one)).toBe('new')
      expect(await two.cached(key, { tags: ['film', 'rental'] }, table.one)).toBe('new')
      expect(table.reads).toHaveLength(2)
    })

    test(`by ${what}: a loader that was running cannot store what it read before`, async () => {
      const { one, two, table } = world()
      const options = { tags: ['film'] }
      table.rows.set(key, 'old')
      const gate = table.pauseNextRead()
      const slow = one.cached(key, options, table.one)
      await gate.reached
      table.rows.set(key, 'new')
      await two.invalidate(target)
      gate.open()
      expect(await slow).toBe('old')
      expect(await one.cached(key, options, table.one)).toBe('new')
      expect(await two.cached(key, options, table.one)).toBe('new')
    })

    test(`by ${what}: a call in the same process does not share a load from before`, async () => {
      const { one, table } = world({ fillWaitMs: 60_000 })
      const options = { tags: ['film'] }
      table.rows.set(key, 'old')
      const gate = table.pauseNextRead()
      const slow = one.cached(key, options, table.one)
      await gate.reached
      table.rows.set(key, 'new')
      await one.invalidate(target)
      // It does not even wait for it.
      expect(await one.cached(key, options, table.one)).toBe('new')
      gate.open()
      expect(await slow).toBe('old')
      expect(await one.cached(key, options, table.one)).toBe('new')
    })

    test(`by ${what}: an evicted stamp never brings an entry back`, async () => {
      const { one, server, table } = world()
      const options = { tags: ['film'] }
      table.rows.set(key, 'old')
      await one.cached(key, options, table.one)
      table.rows.set(key, 'new')
      await one.invalidate(target)
      for (const stamp of ['cached:#t:film', 'cached:#p:film:', 'cached:#p:film:top:'])
        await server.evict(stamp)
      expect(await one.cached(key, options, table.one)).toBe('new')
    })
  }

  test('others stay', async () => {
    const { one, table } = world()
    const keys = ['film:1', 'film:top:5', 'filmic:1', 'film']
    for (const key of keys) await one.cached(key, { tags: [`only ${key}`] }, table.one)
    table.reads = []
    await one.invalidate('film:1', { tag: 'only film' }, { prefix: 'film:top:' })
    for (const key of keys) await one.cached(key, { tags: [`only ${key}`] }, table.one)
    expect(table.reads).toEqual([['film:1'], ['film:top:5'], ['film']])
  })

  test('of all entries under a key prefix, and of no others', async () => {
    const { server, table } = world()
    const cache = server.client()
    const some = new QueryCache({ cache, keyPrefix: 'some:', clearable: true })
    const others = new QueryCache({ cache, keyPrefix: 'others:', clearable: true })
    for (const queries of [some, others]) await queries.cached('q', {}, table.one)
    await some.clear()
    for (const queries of [some, others]) await queries.cached('q', {}, table.one)
    expect(table.reads).toHaveLength(3)
    await expect(new QueryCache({ cache }).clear()).rejects.toThrow(TypeError)
  })

  test('that a server did not confirm rejects, and works the next time', async () => {
    const { one, two, clients, table } = world()
    table.rows.set('q', 'old')
    await one.cached('q', { tags: ['t'] }, table.one)
    table.rows.set('q', 'new')
    clients[1]!.failNext('delete')
    await expect(two.invalidate('q')).rejects.toMatchObject({
      code: 'E_NOT_INVALIDATED',
      cause: { code: 'E_TIMEOUT' },
    })
    clients[1]!.failNext('set')
    await expect(two.invalidate({ tag: 't' })).rejects.toMatchObject({
      code: 'E_NOT_INVALIDATED',
      cause: { code: 'E_TIMEOUT' },
    })
    await two.invalidate({ tag: 't' })
    expect(await one.cached('q', { tags: ['t'] }, table.one)).toBe('new')
  })
})

describe('one load', () => {
  test('of 1,000 calls in two processes', async () => {
    const { one, two, table } = world({ fillWaitMs: 60_000 })
    table.rows.set('q', 1)
    const gate = table.pauseNextRead()
    const calls = Array.from({ length: 1_000 }, (_, i) =>
      (i % 2 === 0 ? one : two).cached('q', { tags: ['t'] }, table.one),
    )
    await gate.reached
    gate.open()
    expect(new Set(await Promise.all(calls))).toEqual(new Set([1]))
    expect(table.reads).toHaveLength(1)
  })

  test('that fails rejects all callers that share it, and the next call tries again', async () => {
    const { one, table } = world({ fillWaitMs: 60_000 })
    let calls = 0
    const failing = async () => {
      calls++
      throw new Error('down')
    }
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => one.cached('q', {}, failing)))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls).toBe(1)
    table.rows.set('q', 1)
    expect(await one.cached('q', {}, table.one)).toBe(1)
    expect(one.counters()).toMatchObject({ fills: 1, bypasses: 0, loaderErrors: 1 })
  })

  test('that is slow delays others by no more than fillWaitMs, and they share one load', async () => {
    const clock = new Clock()
    const { one, two, table } = world({ fillWaitMs: 1_000, environment: clock.environment })
    table.rows.set('q', 1)
    const gate = table.pauseNextRead()
    const slow = one.cached('q', {}, table.one)
    await gate.reached
    const others = Array.from({ length: 50 }, () => two.cached('q', {}, table.one))
    const own = table.pauseNextRead()
    void own.reached.then(() => own.open())
    while (table.reads.length === 1) await clock.pass(100)
    expect(new Set(await Promise.all(others))).toEqual(new Set([1]))
    expect(table.reads).toHaveLength(2)
    // What they have read is there for all who come later, and what the slow one has read comes too late.
    expect(await two.cached('q', {}, table.one)).toBe(1)
    gate.open()
    expect(await slow).toBe(1)
    expect(table.reads).toHaveLength(2)
    expect(one.counters()).toMatchObject({ fills: 0, fillsRefused: 1 })
    expect(two.counters()).toMatchObject({ fills: 1, bypasses: 50 })
  })

  test('that is slow is not replaced by a result from before an invalidation', async () => {
    const clock = new Clock()
    for (const target of ['q', { tag: 't' }] as const) {
      const { one, two, table } = world({ fillWaitMs: 1_000, environment: clock.environment })
      table.rows.set('q', 1)
      const gate = table.pauseNextRead()
      const slow = one.cached('q', { tags: ['t'] }, table.one)
      await gate.reached
      const own = table.pauseNextRead()
      const other = two.cached('q', { tags: ['t'] }, table.one)
      let isReached = false
      void own.reached.then(() => (isReached = true))
      while (!isReached) await clock.pass(100)
      table.rows.set('q', 2)
      await one.invalidate(target)
      own.open()
      await other
      expect(await two.cached('q', { tags: ['t'] }, table.one)).toBe(2)
      gate.open()
      await slow
      expect(await two.cached('q', { tags: ['t'] }, table.one)).toBe(2)
    }
  })

  test('whose process died is repeated when its lease ends', async () => {
    const { one, two, server, table } = world({ fillWaitMs: 60_000 })
    void one.cached('q', {}, () => new Promise<never>(() => undefined))
    await vi.waitFor(async () => expect(await server.cache.get('cached:q')).toBeDefined())
    const waiting = two.cached('q', {}, table.one)
    await server.evict('cached:q')
    await waiting
    expect(table.reads).toHaveLength(1)
    expect(two.counters().fills).toBe(1)
  })
})

describe('a cache in trouble', () => {
  test('is done without, for reads', async () => {
    const { one, clients, table } = world()
    table.rows.set('q', 1)
    clients[0]!.isDown = true
    expect(await one.cached('q', { tags: ['t'] }, table.one)).toBe(1)
    expect(await one.cachedMany(['q', 'r'], {}, table.many)).toEqual(new Map([['q', 1]]))
    expect(one.counters()).toMatchObject({ bypasses: 3, fills: 0 })
  })

  test('runs at most one load at a time for each key', async () => {
    const { one, clients, table } = world({ fillWaitMs: 60_000 })
    clients[0]!.isDown = true
    const gate = table.pauseNextRead()
    const first = one.cached('q', {}, table.one)
    await gate.reached
    const others = Array.from({ length: 100 }, () => one.cached('q', {}, table.one))
    gate.open()
    await Promise.all([first, ...others])
    expect(table.reads).toHaveLength(2)
  })

  test('a caller that waited fillWaitMs does not share the load of a caller whose server is down', async () => {
    const { one, two, clients, table } = world({ fillWaitMs: 0 })
    table.rows.set('q', 1)
    const held = table.pauseNextRead()
    const slow = two.cached('q', {}, table.one)
    await held.reached
    const lookup = clients[0]!.pauseNext('get')
    const waiting = one.cached('q', {}, table.one)
    await lookup.reached
    clients[0]!.failNext('get')
    const gate = table.pauseNextRead()
    const down = one.cached('q', {}, table.one)
    await gate.reached
    lookup.open()
    expect(await waiting).toBe(1)
    // Its own load fills over the lease of the slow one, which the load of the other would not.
    expect(table.reads).toHaveLength(3)
    expect(await two.cached('q', {}, table.one)).toBe(1)
    expect(table.reads).toHaveLength(3)
    gate.open()
    held.open()
    await Promise.all([down, slow])
    expect(one.counters()).toMatchObject({ bypasses: 2, fills: 1 })
  })

  for (const code of ['E_TOO_LARGE', 'E_SERVER'] as const) {
    test(`a result that a server refuses with ${code} leaves no lease for others to wait for`, async () => {
      const { one, two, clients, table } = world({ fillWaitMs: 60_000 })
      table.rows.set('q', 1)
      clients[0]!.failNext('cas', 1, { code })
      expect(await one.cached('q', {}, table.one)).toBe(1)
      expect(await two.cached('q', {}, table.one)).toBe(1)
      expect(table.reads).toHaveLength(2)
      expect(two.counters().fills).toBe(1)
    })
  }

  for (const operation of ['add', 'cas'] as const) {
    test(`an unanswered ${operation} costs the entry and nothing else`, async () => {
      for (const at of ['before', 'after'] as const) {
        const { one, two, clients, table } = world()
        table.rows.set('q', 1)
        clients[0]!.failNext(operation, 1, { at })
        expect(await one.cached('q', {}, table.one)).toBe(1)
        expect(await two.cached('q', {}, table.one)).toBe(1)
      }
    })
  }
})

describe('grace', () => {
  /** A process whose wall clock can be put forward. */
  function aging(options: Partial<QueryCacheSettings> = {}) {
    let skewMs = 0
    const environment = { ...systemEnvironment, wallClock: () => Date.now() + skewMs }
    const found = world({ environment, ttlMs: 60_000, graceMs: 60_000, ...options })
    return { ...found, age: (ms: number) => (skewMs += ms) }
  }

  test('one caller refreshes, all get the old result at once', async () => {
    const { one, two, table, age } = aging()
    table.rows.set('q', 'old')
    await one.cached('q', {}, table.one)
    expect(await two.cached('q', {}, table.one)).toBe('old')
    age(61_000)
    table.rows.set('q', 'new')
    const gate = table.pauseNextRead()
    expect(await one.cached('q', {}, table.one)).toBe('old')
    await gate.reached
    expect(await two.cached('q', {}, table.one)).toBe('old')
    gate.open()
    await vi.waitFor(() => expect(one.counters().fills).toBe(2))
    expect(await two.cached('q', {}, table.one)).toBe('new')
    expect(table.reads).toHaveLength(2)
    expect(one.counters().staleHits + two.counters().staleHits).toBe(2)
  })

  test('the callers of one process ask for the refresh lease once, and count as hits', async () => {
    const { one, clients, table, age } = aging()
    table.rows.set('q', 'old')
    await one.cached('q', {}, table.one)
    age(61_000)
    const leases = clients[0]!.count('add')
    const gate = table.pauseNextRead()
    const calls = Array.from({ length: 20 }, () => one.cached('q', {}, table.one))
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['old']))
    await gate.reached
    expect(clients[0]!.count('add')).toBe(leases + 1)
    gate.open()
    await vi.waitFor(() => expect(one.counters().fills).toBe(2))
    expect(one.counters()).toMatchObject({ hits: 20, staleHits: 20, misses: 1 })
  })

  test('a caller whose refresh lease gets no answer refreshes anyway', async () => {
    const { one, clients, table, age } = aging({ softTimeoutMs: 60_000 })
    table.rows.set('q', 'old')
    await one.cached('q', {}, table.one)
    age(61_000)
    table.rows.set('q', 'new')
    clients[0]!.failNext('add')
    expect(await one.cached('q', {}, table.one)).toBe('new')
    expect(await one.cached('q', {}, table.one)).toBe('new')
    expect(table.reads).toHaveLength(2)
  })

  test('an invalidated result is not served', async () => {
    const { one, table, age } = aging()
    for (const target of ['q', { tag: 't' }] as const) {
      table.rows.set('q', 'old')
      await one.cached('q', { tags: ['t'] }, table.one)
      age(61_000)
      table.rows.set('q', 'new')
      await one.invalidate(target)
      expect(await one.cached('q', { tags: ['t'] }, table.one)).toBe('new')
    }
  })

  test('a refresh that an invalidation overtook stores nothing', async () => {
    const { one, two, table, age } = aging()
    table.rows.set('q', 'old')
    await one.cached('q', {}, table.one)
    age(61_000)
    const gate = table.pauseNextRead()
    await one.cached('q', {}, table.one)
    await gate.reached
    table.rows.set('q', 'new')
    await two.invalidate('q')
    gate.open()
    await vi.waitFor(() => expect(one.counters().fillsRefused).toBe(1))
    expect(await two.cached('q', {}, table.one)).toBe('new')
  })

  test('softTimeoutMs is how long the refreshing caller waits for the new result', async () => {
    const { one, table, age } = aging({ softTimeoutMs: 60_000 })
    table.rows.set('q', 'old')
    await one.cached('q', {}, table.one)
    age(61_000)
    table.rows.set('q', 'new')
    expect(await one.cached('q', {}, table.one)).toBe('new')

    const impatient = aging({ softTimeoutMs: 10 })
    impatient.table.rows.set('q', 'old')
    await impatient.one.cached('q', {}, impatient.table.one)
    impatient.age(61_000)
    impatient.table.rows.set('q', 'new')
    const gate = impatient.table.pauseNextRead()
    expect(await impatient.one.cached('q', {}, impatient.table.one)).toBe('old')
    gate.open()
    await vi.waitFor(() => expect(impatient.one.counters().fills).toBe(2))
  })

  test('a loader that fails: the error, or the old result where that was asked for', async () => {
    const failing = async () => {
      throw new Error('down')
    }
    const strict = aging({ softTimeoutMs: 60_000 })
    await strict.one.cached('q', {}, () => 'old')
    strict.age(61_000)
    await expect(strict.one.cached('q', {}, failing)).rejects.toThrow('down')
    await expect(strict.one.cached('q', {}, failing)).rejects.toThrow('down')

    const lenient = aging({ softTimeoutMs: 60_000, whenLoaderFails: 'grace' })
    await lenient.one.cached('q', {}, () => 'old')
    lenient.age(61_000)
    expect(await lenient.one.cached('q', {}, failing)).toBe('old')
    expect(await lenient.two.cached('q', {}, failing)).toBe('old')
    expect(lenient.one.counters().loaderErrors + lenient.two.counters().loaderErrors).toBe(1)
  })
})

describe('arguments', () => {
  const bad: readonly [string, (queries: QueryCache) => Promise<unknown>, RegExp][] = [
    ['an empty key', (queries) => queries.cached('', {}, () => 1), /key/],
    ['a key that is no string', (queries) => queries.cached(5 as never, {}, () => 1), /key/],
    ['a loader that is none', (queries) => queries.cached('q', {}, 5 as never), /loader/],
    ['no options', (queries) => queries.cached('q', undefined as never, () => 1), /object of options/],
    ['tags that are no list', (queries) => queries.cached('q', { tags: 'film' as never }, () => 1), /tags/],
    ['keys that are no list', (queries) => queries.cachedMany('ab' as never, {}, () => new Map()), /keys/],
    [
      'null to invalidate',
      (queries) => queries.invalidate(null as never),
      /`key`, `tag` (?:or|and) `prefix`/,
    ],
    ['an empty tag', (queries) => queries.cached('q', { tags: [''] }, () => 1), /tag/],
    ['ttlMs of zero', (queries) => queries.cached('q', { ttlMs: 0 }, () => 1), /ttlMs/],
    [
      'a soft time-out without grace',
      (queries) => queries.cached('q', { softTimeoutMs: 5 }, () => 1),
      /graceMs/,
    ],
    ['a prefix without separator', (queries) => queries.invalidate({ prefix: 'film' }), /prefixSeparator/],
    [
      'nothing to invalidate by',
      (queries) => queries.invalidate({} as never),
      /`key`, `tag` (?:or|and) `prefix`/,
    ],
  ]
  for (const [what, call, message] of bad) {
    test(`${what}: refused before anything is asked`, async () => {
      const { one, clients } = world()
      await expect(call(one)).rejects.toThrow(message)
      expect(clients[0]!.calls).toEqual([])
    })
  }

  test('options that make no sense', () => {
    const cache = new EmbeddedCache()
    expect(() => new QueryCache({ cache, whenLoaderFails: 'grace' })).toThrow(TypeError)
    expect(() => new QueryCache({ cache, prefixSeparator: '' })).toThrow(RangeError)
    expect(() => new QueryCache({ cache, keyPrefix: 'a b' })).toThrow(RangeError)
    expect(() => new QueryCache({} as never)).toThrow(/QueryCache needs `servers` or a `cache`/)
  })

  test('what JSON cannot say is a TypeError, on the first call', async () => {
    const { one, two, table } = world()
    await expect(one.cached('q', {}, () => 5n)).rejects.toThrow(TypeError)
    expect(await two.cached('q', {}, table.one)).toBeUndefined()
  })

  test('a signal settles the call, and the load continues for others', async () => {
    const { one, table } = world({ fillWaitMs: 60_000 })
    table.rows.set('q', 1)
    const gate = table.pauseNextRead()
    const abort = new AbortController()
    const aborted = one.cached('q', { signal: abort.signal }, table.one)
    const other = one.cached('q', {}, table.one)
    await gate.reached
    abort.abort()
    await expect(aborted).rejects.toSatisfy((error) => isStorageError(error, 'E_ABORTED'))
    gate.open()
    expect(await other).toBe(1)
    expect(table.reads).toHaveLength(1)
  })

  test('after close() everything is refused, and a cache of the caller stays open', async () => {
    const cache = new EmbeddedCache()
    const queries = new QueryCache({ cache })
    await queries.close()
    await queries.close()
    await expect(queries.cached('q', {}, () => 1)).rejects.toMatchObject({ code: 'E_CLOSED' })
    await expect(queries.invalidate('q')).rejects.toMatchObject({ code: 'E_CLOSED' })
    expect(await cache.get('x')).toBeUndefined()
  })
})

test('on memcached: kept, shared, invalidated and expired', async () => {
  const address = servers.memcached.servers
  await using one = new QueryCache({ servers: address, keyPrefix: `q${process.pid}:`, ttlMs: 60_000 })
  await using two = new QueryCache({ servers: address, keyPrefix: `q${process.pid}:`, ttlMs: 60_000 })
  const table = new Table()
  table.rows.set('film:1', 'old')
  const options = { tags: ['film'] }
  expect(await one.cached('film:1', options, table.one)).toBe('old')
  expect(await two.cached('film:1', options, table.one)).toBe('old')
  expect(table.reads).toHaveLength(1)
  for (const target of ['film:1', { tag: 'film' }, { prefix: 'film:' }] as const) {
    table.rows.set('film:1', JSON.stringify(target))
    await two.invalidate(target)
    expect(await one.cached('film:1', options, table.one)).toBe(JSON.stringify(target))
    expect(await two.cached('film:1', options, table.one)).toBe(JSON.stringify(target))
  }
  expect(table.reads).toHaveLength(4)
})
