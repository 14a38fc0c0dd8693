import { EmbeddedCache } from '@larder/memcached'
import { type Codec, compressedCodec, jsonCodec } from '@larder/storage-core'
import { CachedQuery, InvalidResultError, QueryCache, type StandardSchema } from '@larder/storage-memcache'
import { type } from 'arktype'
import * as v from 'valibot'
import { deserialize, serialize } from 'node:v8'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'

class Film {
  readonly id: number
  readonly released: Date
  constructor(id: number, released: Date) {
    this.id = id
    this.released = released
  }
  age(): number {
    return Date.now() - this.released.getTime()
  }
}

const RELEASED = new Date('2006-02-14T22:04:23.000Z')
const load = () => new Film(1, RELEASED)

const v8Codec: Codec<unknown> = {
  encode: (value) => ({ bytes: serialize(value), flags: 0 }),
  decode: (bytes) => deserialize(bytes) as unknown,
}

const SCHEMAS = {
  zod: z.object({ id: z.number(), released: z.iso.datetime().transform((text) => new Date(text)) }),
  valibot: v.object({ id: v.number(), released: v.pipe(v.string(), v.isoTimestamp(), v.toDate()) }),
  arktype: type({ id: 'number', released: 'string.date.iso.parse' }),
}

const open = () => new QueryCache({ cache: new EmbeddedCache() })

describe('a result', () => {
  test('has the type that JSON gives it, on a miss and on a hit', async () => {
    const queries = open()
    for (let i = 0; i < 2; i++) {
      const film = await queries.cached<Film>('film', {}, load)
      expectTypeOf(film).toEqualTypeOf<{ readonly id: number; readonly released: string }>()
      expect(film).toEqual({ id: 1, released: RELEASED.toISOString() })
      // @ts-expect-error: a method does not come back
      expect(film.age).toBeUndefined()
    }
    expectTypeOf(await queries.cached('none', {}, (): Film | undefined => undefined)).toEqualTypeOf<
      { readonly id: number; readonly released: string } | undefined
    >()
    expectTypeOf(await queries.cached('raw', {}, (): unknown => 1)).toEqualTypeOf<unknown>()
    const many = await queries.cachedMany(['film'], {}, () => new Map([['film', load()]]))
    expectTypeOf(many).toEqualTypeOf<Map<string, { readonly id: number; readonly released: string }>>()
  })

  test('keeps its type with a codec that keeps it, for a call and for a cache', async () => {
    const cache = new EmbeddedCache()
    const queries = new QueryCache({ cache })
    const exact = new QueryCache({ cache: new EmbeddedCache(), codec: v8Codec })
    for (let i = 0; i < 2; i++) {
      const row = await exact.cached('row', {}, () => ({ at: RELEASED, seen: new Map([[1, 2n]]) }))
      expectTypeOf(row).toEqualTypeOf<{ at: Date; seen: Map<number, bigint> }>()
      expect(row).toEqual({ at: RELEASED, seen: new Map([[1, 2n]]) })
      const one = await queries.cached('one', { codec: v8Codec }, () => RELEASED)
      expectTypeOf(one).toEqualTypeOf<Date>()
      expect(one).toEqual(RELEASED)
    }
  })

  test('is still JSON when it is compressed', async () => {
    const codec = compressedCodec(jsonCodec(), { minBytes: 1 })
    const queries = new QueryCache({ cache: new EmbeddedCache(), codec })
    expectTypeOf(await queries.cached<Film>('film', {}, load)).toEqualTypeOf<{
      readonly id: number
      readonly released: string
    }>()
  })

  const UNWRITABLE: readonly [unknown, string][] = [
    [{ rows: [{ tags: new Map([[1, 2]]) }] }, '.rows[0].tags of the value is of type Map'],
    [{ rows: [new Set()] }, '.rows[0] of the value is of type Set'],
    [{ failed: new Error('x') }, '.failed of the value is of type Error'],
    [{ f: () => 1 }, '.f of the value is of type function'],
    [[Symbol('x')], '[0] of the value is of type symbol'],
    [{ film: Promise.resolve(1) }, '.film of the value is of type Promise'],
    [{ total: 5n }, '.total of the value is of type bigint'],
    [{ 'a b': NaN }, '["a b"] of the value is NaN'],
  ]

  test('that JSON cannot carry is refused with its path, at any depth, and not kept', async () => {
    const queries = open()
    for (const [value, message] of UNWRITABLE) {
      const call = queries.cached('k', {}, () => value)
      await expect(call).rejects.toThrow(TypeError)
      await expect(call).rejects.toThrow(message)
      await expect(queries.cachedMany(['k'], {}, () => new Map([['k', value]]))).rejects.toThrow(message)
    }
    expect(await queries.cached('k', {}, () => 'good')).toBe('good')
  })

  test('with half a surrogate pair comes back unchanged', async () => {
    const queries = open()
    const value = { '\ud800': '\udfff' }
    for (let i = 0; i < 2; i++) expect(await queries.cached('k', {}, () => value)).toEqual(value)
  })
})

for (const [name, schema] of Object.entries(SCHEMAS) as [
  string,
  StandardSchema<unknown, { released: Date }>,
][]) {
  describe(`a schema of ${name}`, () => {
    test('converts every result, on a miss and on a hit', async () => {
      const queries = open()
      for (let i = 0; i < 2; i++) {
        expect(await queries.cached('film', { schema }, load)).toEqual({ id: 1, released: RELEASED })
        const many = await queries.cachedMany(['film', 'none'], { schema }, () => new Map())
        expect(many).toEqual(new Map([['film', { id: 1, released: RELEASED }]]))
      }
      expect(queries.counters()).toMatchObject({ loads: 2, fills: 2, cacheErrors: 0 })
    })

    test('refuses a new result that does not fit, and keeps nothing', async () => {
      const queries = open()
      const bad = () => ({ id: 'one', released: RELEASED })
      const call = queries.cached('film', { schema }, bad)
      await expect(call).rejects.toThrow(InvalidResultError)
      await expect(call).rejects.toMatchObject({ key: 'film', issues: { length: 1 } })
      await expect(call).rejects.toThrow(/"film" does not fit the schema.*\.id/)
      await expect(
        queries.cachedMany(['film'], { schema }, () => new Map([['film', bad()]])),
      ).rejects.toThrow(InvalidResultError)
      expect(await queries.cached('film', { schema }, load)).toEqual({ id: 1, released: RELEASED })
    })

    test('replaces a cached result that does not fit', async () => {
      const queries = open()
      await queries.cached('film', {}, () => ({ id: 1, title: 'an older form' }))
      expect(await queries.cached('film', { schema }, load)).toEqual({ id: 1, released: RELEASED })
      const loads = queries.counters().loads
      expect(await queries.cached('film', { schema }, load)).toEqual({ id: 1, released: RELEASED })
      expect(queries.counters().loads).toBe(loads)
    })
  })
}

describe('schemas', () => {
  test('give results their types, of a call, of a cache and of a query', async () => {
    const queries = open()
    const { zod, valibot, arktype } = SCHEMAS
    type Valid = { id: number; released: Date }
    expectTypeOf(await queries.cached('z', { schema: zod }, load)).toEqualTypeOf<Valid>()
    expectTypeOf(await queries.cached('v', { schema: valibot }, load)).toEqualTypeOf<Valid>()
    expectTypeOf(await queries.cached('a', { schema: arktype }, load)).toEqualTypeOf<Valid>()

    const films = new QueryCache({ cache: new EmbeddedCache(), schema: zod })
    expectTypeOf(await films.cached('film', {}, load)).toEqualTypeOf<Valid>()
    expect(await films.cached('film', {}, load)).toEqual({ id: 1, released: RELEASED })
    expect(await films.cached('text', { schema: z.string() }, () => 'x')).toBe('x')

    const film = new CachedQuery(queries, {
      name: 'film',
      schema: zod,
      load: (id: number) => new Film(id, RELEASED),
    })
    expectTypeOf(film).toEqualTypeOf<CachedQuery<[id: number], Valid>>()
    expect(await film.getMany([[1], [2]])).toEqual([1, 2].map((id) => ({ id, released: RELEASED })))
    expect(await film.get(2)).toEqual({ id: 2, released: RELEASED })

    const plain = new CachedQuery(queries, { name: 'plain', load: (id: number) => new Film(id, RELEASED) })
    expectTypeOf(await plain.get(1)).toEqualTypeOf<{ readonly id: number; readonly released: string }>()
    // @ts-expect-error: the arguments are those of the loader
    await expect(plain.get('1')).resolves.toBeDefined()
  })

  test('may be asynchronous', async () => {
    const queries = open()
    const schema = z.number().refine(async (n) => Promise.resolve(n > 0))
    expect(await queries.cached('k', { schema }, () => 5)).toBe(5)
    expect(await queries.cached('k', { schema }, () => 6)).toBe(5)
    await expect(queries.cached('bad', { schema }, () => -5)).rejects.toThrow(InvalidResultError)
  })

  test('see undefined as the result of one key, and not of many', async () => {
    const queries = open()
    const schema = z.string()
    await expect(queries.cached('k', { schema }, () => undefined)).rejects.toThrow(InvalidResultError)
    expect(await queries.cachedMany(['k'], { schema }, () => new Map())).toEqual(new Map())
    expect(await queries.cached('d', { schema: z.string().default('none') }, () => undefined)).toBe('none')
  })

  test('of two processes that disagree cost loads and never give either a result that does not fit', async () => {
    const cache = new EmbeddedCache()
    const [older, newer] = [new QueryCache({ cache }), new QueryCache({ cache })]
    for (let i = 0; i < 3; i++) {
      expect(await older.cached('k', { schema: z.object({ a: z.number() }) }, () => ({ a: 1 }))).toEqual({
        a: 1,
      })
      expect(await newer.cached('k', { schema: z.object({ b: z.number() }) }, () => ({ b: 2 }))).toEqual({
        b: 2,
      })
    }
  })

  test('that are none are refused before anything is asked', async () => {
    const cache = new EmbeddedCache()
    expect(() => new QueryCache({ cache, schema: { parse: () => 1 } as never })).toThrow(/Standard Schema/)
    await expect(open().cached('k', { schema: 5 as never }, () => 1)).rejects.toThrow(/Standard Schema/)
  })
})

test('options without a cache, or with two, do not compile', () => {
  const cache = new EmbeddedCache()
  // @ts-expect-error: servers or a cache are needed
  expect(() => new QueryCache({})).toThrow(TypeError)
  // @ts-expect-error: servers and a cache exclude each other
  expect(() => new QueryCache({ servers: '127.0.0.1:1', cache })).toThrow(TypeError)
  // @ts-expect-error: client is for servers
  expect(() => new QueryCache({ cache, client: { timeoutMs: 1 } })).toThrow(TypeError)
})
