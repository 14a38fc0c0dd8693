import { EmbeddedCache, RemoteCache } from '@larder/memcached'
import { MemcacheMaps } from '@larder/storage-memcache'
import { servers } from '@larder/dev-servers/vitest'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { PATIENT } from '@larder/dev-servers/vitest'

const remote = new RemoteCache(servers.memcached.servers, PATIENT)
const maps = new MemcacheMaps({
  plugins: { default: { cache: remote }, session: { cache: remote, expires: 3_600 } },
})
afterAll(() => remote.close())

let prefixes = 0
const fresh = () => `map ${process.pid}/${++prefixes}`

describe('a map', () => {
  test("ERP5's first program: read, add one, write", async () => {
    const prefix = fresh()
    for (const expected of [undefined, 1, 2]) {
      const map = maps.getMemcacheMap<number>(prefix)
      const value = await map.get('some_key')
      expect(value).toBe(expected)
      map.set('some_key', (value ?? 0) + 1)
      expect(await map.commit()).toEqual(new Map())
    }
  })

  test('others see values after the commit, and the last write of a key wins', async () => {
    const prefix = fresh()
    const [one, two, three] = [0, 1, 2].map(() => maps.getMemcacheMap<string>(prefix))
    one!.set('k', 'a').set('k', 'b')
    expect(await one!.get('k')).toBe('b')
    expect(await two!.get('k')).toBeUndefined()
    await one!.commit()
    expect(await three!.get('k')).toBe('b')
  })

  test('abort forgets', async () => {
    const map = maps.getMemcacheMap<string>(fresh())
    map.set('k', 'a')
    await map.commit()
    map.set('k', 'b')
    map.delete('l')
    map.abort()
    expect(await map.commit()).toEqual(new Map())
    expect(await map.get('k')).toBe('a')
  })

  test('the same instance before the commit, a fresh copy after', async () => {
    const map = maps.getMemcacheMap<{ n: number }>(fresh())
    const object = { n: 1 }
    map.set('k', object)
    expect(await map.get('k')).toBe(object)
    object.n = 2
    await map.commit()
    const copy = await map.get('k')
    expect(copy).toEqual({ n: 2 })
    expect(copy).not.toBe(object)
    const [again, once] = await Promise.all([map.get('k'), map.get('k')])
    expect(again).toBe(copy)
    expect(once).toBe(copy)
  })

  test('an edited object is written if it is marked, and only then', async () => {
    const map = maps.getMemcacheMap<{ n: number }>(fresh())
    map.set('k', { n: 1 })
    await map.commit()
    const edit = async (mark: boolean) => {
      const object = await map.get('k')
      object!.n++
      if (mark) map.markEdited('k')
      await map.commit()
      return (await map.get('k'))?.n
    }
    expect(await edit(false)).toBe(1)
    expect(await edit(true)).toBe(2)
    expect(() => map.markEdited('never read')).toThrow(expect.objectContaining({ code: 'E_NOT_FOUND' }))
  })

  test('deletes, and tells null and undefined apart', async () => {
    const map = maps.getMemcacheMap(fresh())
    map.set('null', null).set('k', 'v')
    await map.commit()
    expect(await map.get('null')).toBeNull()
    expect([await map.has('null'), await map.has('k'), await map.has('none')]).toEqual([true, true, false])
    map.delete('k')
    expect(await map.has('k')).toBe(false)
    await map.commit()
    expect(await map.get('k')).toBeUndefined()
  })

  test('missing keys are an error where that is asked for', async () => {
    const map = maps.getMemcacheMap(fresh(), { missing: 'throw' })
    await expect(map.get('k')).rejects.toMatchObject({ code: 'E_NOT_FOUND', key: 'k' })
    expect(await map.has('k')).toBe(false)
  })

  test('prefixes never share keys', async () => {
    const p = fresh()
    const pairs: [string, string][] = [
      [p, 'a/b:c'],
      [`${p}/a`, 'b:c'],
      [`${p}/a/b`, 'c'],
      [`${p}:a`, 'b:c'],
      [encodeURIComponent(p), 'a/b:c'],
    ]
    for (const [prefix, key] of pairs) {
      const map = maps.getMemcacheMap<string>(prefix)
      expect(await map.get(key)).toBeUndefined()
      map.set(key, prefix)
      await map.commit()
    }
    for (const [prefix, key] of pairs) expect(await maps.getMemcacheMap(prefix).get(key)).toBe(prefix)
  })

  test('keys of any length and characters, values of every plain type', async () => {
    const map = maps.getMemcacheMap<unknown>(fresh(), { plugin: 'session', expires: 40 * 86_400 })
    const values = ['text', 5, 2n ** 63n, true, false, null, [1], { a: 'č' }, Buffer.from([0, 255])]
    const keys = values.map((_, i) => `${'k '.repeat(i * 100)}${i}`)
    for (const [i, key] of keys.entries()) map.set(key, values[i])
    await map.commit()
    for (const [i, key] of keys.entries()) expect(await map.get(key)).toEqual(values[i])
  })

  test('refuses iteration', () => {
    const map = maps.getMemcacheMap(fresh())
    expect(() => [...(map as unknown as Iterable<unknown>)]).toThrow(/cannot be iterated/)
    for (const way of [
      () => map.keys(),
      () => map.values(),
      () => map.entries(),
      () => map.forEach(),
      () => map.size,
    ]) {
      expect(way).toThrow(TypeError)
    }
  })

  test('invalid arguments are refused at the call', async () => {
    const map = maps.getMemcacheMap(fresh())
    await expect(map.get(5 as never)).rejects.toThrow(TypeError)
    expect(() => map.set(5 as never, 1)).toThrow(TypeError)
    expect(() => maps.getMemcacheMap('x', { plugin: 'none' })).toThrow(/No plugin is named "none"/)
    expect(() => maps.getMemcacheMap('')).toThrow(RangeError)
    expect(() => maps.getMemcacheMap('x', { expires: 0 })).toThrow(RangeError)
    expect(() => maps.getMemcacheMap('x', { missing: 'maybe' as never })).toThrow(RangeError)
    expect(() => new MemcacheMaps({ plugins: {} })).toThrow(TypeError)
    expect(() => new MemcacheMaps({ plugins: { default: {} as never } })).toThrow(
      /needs `servers` or a `cache`/,
    )
  })
})

describe('a transaction', () => {
  test('commits all maps when the work is done, and none when it fails', async () => {
    const [a, b] = [fresh(), fresh()]
    const result = await maps.transaction(async (source) => {
      source.getMemcacheMap<number>(a).set('k', 1)
      expect(await source.getMemcacheMap(a).get('k')).toBe(1)
      source.getMemcacheMap<number>(b).set('k', 2)
      return 'done'
    })
    expect(result).toBe('done')
    const failing = maps.transaction((source) => {
      source.getMemcacheMap<number>(a).set('k', 3)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect([await maps.getMemcacheMap(a).get('k'), await maps.getMemcacheMap(b).get('k')]).toEqual([1, 2])
  })

  test('a flush that fails is reported, key by key, and breaks nothing', async () => {
    const onFlushError = vi.fn()
    await using own = new MemcacheMaps({
      plugins: {
        default: { servers: '127.0.0.1:1', client: { timeoutMs: 200 } },
        forgiving: { servers: '127.0.0.1:1', client: { timeoutMs: 200 }, whenUnavailable: 'miss' },
        embedded: { cache: new EmbeddedCache() },
      },
      onFlushError,
    })
    expect(
      await own.transaction((source) => void source.getMemcacheMap('p').set('k', 1).set('l', 2)),
    ).toBeUndefined()
    expect([...(onFlushError.mock.calls[0]![0] as Map<string, Error>).keys()]).toEqual(['k', 'l'])
    expect(onFlushError.mock.calls[0]![1]).toBe('p')
    const forgiving = own.getMemcacheMap('p', { plugin: 'forgiving' })
    expect(await forgiving.get('k')).toBeUndefined()
    expect((await forgiving.set('k', 1).commit()).size).toBe(1)
    await expect(own.getMemcacheMap('p').get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })

    const embedded = own.getMemcacheMap<unknown>('p', { plugin: 'embedded' })
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    const failures = await embedded
      .set('bad', cyclic)
      .set('huge', 'x'.repeat(2_000_000))
      .set('good', 1)
      .commit()
    expect([...failures.keys()].sort()).toEqual(['bad', 'huge'])
    expect(await embedded.get('good')).toBe(1)
    onFlushError.mockImplementationOnce(() => {
      throw new Error('the reporter fails too')
    })
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    expect((await embedded.set('bad', cyclic).commit()).size).toBe(1)
    expect(warned).toHaveBeenCalledOnce()
    warned.mockRestore()
  })
})

test('a commit of more than a client lets wait is written in parts', async () => {
  const cache = new EmbeddedCache()
  const set = cache.set.bind(cache)
  let waiting = 0
  let most = 0
  cache.set = async (...args) => {
    most = Math.max(most, ++waiting)
    await new Promise((resolve) => setImmediate(resolve))
    waiting--
    return set(...args)
  }
  const map = new MemcacheMaps({ plugins: { default: { cache } } }).getMemcacheMap<number>('many')
  for (let i = 0; i < 12_000; i++) map.set(`k${i}`, i)
  expect((await map.commit()).size).toBe(0)
  expect(most).toBeLessThan(10_000)
  expect(await map.get('k11999')).toBe(11_999)
})
