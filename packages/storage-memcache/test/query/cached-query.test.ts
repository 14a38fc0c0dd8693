import { EmbeddedCache } from '@larder/memcached'
import { CachedQuery, QueryCache } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'

function films(options: { many?: boolean } = {}) {
  const queries = new QueryCache({ cache: new EmbeddedCache() })
  const asked: unknown[] = []
  const query = new CachedQuery(queries, {
    name: 'films-of',
    tags: ['film'],
    load: async (year: number, rating?: string) => {
      asked.push([year, rating])
      return [{ year, rating: rating ?? null }]
    },
    loadMany:
      options.many === true
        ? async (list) => {
            asked.push(list.map(([year]) => year))
            return list.map(([year, rating]) => [{ year, rating: rating ?? null }])
          }
        : undefined,
  })
  return { queries, query, asked }
}

test('each set of arguments has a separate result', async () => {
  const { query, asked } = films()
  for (let i = 0; i < 2; i++) {
    expect(await query.get(2006)).toEqual([{ year: 2006, rating: null }])
    expect(await query.get(2006, 'PG')).toEqual([{ year: 2006, rating: 'PG' }])
  }
  expect(asked).toEqual([
    [2006, undefined],
    [2006, 'PG'],
  ])
})

test('invalidated one by one, all by name, or by tag', async () => {
  const { queries, query, asked } = films()
  const both = async () => {
    asked.length = 0
    await query.get(2006)
    await query.get(2007)
    return asked.length
  }
  expect(await both()).toBe(2)
  await query.invalidate(2006)
  expect(await both()).toBe(1)
  await queries.invalidate({ prefix: 'films-of:' })
  expect(await both()).toBe(2)
  await queries.invalidate({ tag: 'film' })
  expect(await both()).toBe(2)
  await query.refresh(2007)
  expect(asked).toHaveLength(3)
  expect(await both()).toBe(0)
})

test('getMany answers in order with one load for all misses and for repeated arguments', async () => {
  const { query, asked } = films({ many: true })
  await query.get(2007)
  const results = await query.getMany([[2008], [2007], [2006], [2008]])
  expect(results.map(([film]) => film?.year)).toEqual([2008, 2007, 2006, 2008])
  expect(asked).toEqual([
    [2007, undefined],
    [2008, 2006],
  ])
  const { query: single, asked: each } = films()
  expect(await single.getMany([[1], [2]])).toHaveLength(2)
  expect(each).toHaveLength(2)
})

test('invalid arguments are refused', async () => {
  const queries = new QueryCache({ cache: new EmbeddedCache() })
  expect(() => new CachedQuery(queries, { name: '', load: () => 1 })).toThrow(RangeError)
  expect(() => new CachedQuery(queries, { name: 'x', load: 1 as never })).toThrow(TypeError)
  const short = new CachedQuery(queries, { name: 'x', load: (n: number) => n, loadMany: () => [] })
  await expect(short.getMany([[1]])).rejects.toThrow(/gave 0 results for 1/)
  const tagged = new CachedQuery(queries, { name: 'x', tags: (n) => [`n${n}`], load: (n: number) => n })
  await expect(tagged.getMany([[1]])).rejects.toThrow(TypeError)
  expect(await tagged.get(1)).toBe(1)
})

describe('arguments', () => {
  const keyed = () =>
    new CachedQuery(new QueryCache({ cache: new EmbeddedCache() }), {
      name: 'any',
      load: (...args: readonly unknown[]) => args,
    })

  test('that differ have keys that differ', () => {
    const query = keyed()
    const lists = [
      ...[
        [],
        [null],
        [1],
        ['1'],
        [1, 2],
        [[1, 2]],
        ['a:b'],
        ['a=b'],
        ['a', 'b'],
        ['a\\:b'],
        ['"a":'],
        ['"a"='],
      ],
      ...[
        [{}],
        [{ a: 1 }],
        [{ a: '1' }],
        [{ 'a:1': 1 }],
        ['{"a":1}'],
        [{ a: { b: [1] } }],
        ['\\u003a'],
        [':'],
      ],
    ]
    expect(new Set(lists.map((args) => query.key(...args))).size).toBe(lists.length)
    for (const args of lists) expect(query.key(...args)).toMatch(/^any:[^:]*$/)
  })

  test('undefined at the end is as good as nothing', () => {
    expect(keyed().key(1, undefined)).toBe(keyed().key(1))
  })

  test('that JSON takes for something else are refused', async () => {
    const query = keyed()
    const bad = [
      ...[NaN, Infinity, Symbol('a'), () => 1, 5n, new Map(), { a: new Set() }, [undefined]],
      ...[Promise.resolve(1), { a: Promise.resolve(1) }, new Error('a'), /a/, new Date(NaN)],
    ]
    for (const value of bad) {
      expect(() => query.key(value)).toThrow(TypeError)
      await expect(query.get(value)).rejects.toThrow(TypeError)
      await expect(query.getMany([[value]])).rejects.toThrow(TypeError)
    }
    await expect(query.get(undefined, 1)).rejects.toThrow(/undefined/)
  })

  test('with colons cost no more than others', async () => {
    const cache = new CacheServer().client()
    const query = new CachedQuery(new QueryCache({ cache }), { name: 'any', load: (at: object) => at })
    await query.get({ from: '10:00:00', to: '11:00:00' })
    const asked = cache.calls.filter(({ operation }) => operation === 'get')
    expect(asked.map(({ key }) => key)).toHaveLength(2)
  })
})
