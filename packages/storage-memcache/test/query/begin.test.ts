import { EmbeddedCache, systemEnvironment } from '@larder/memcached'
import { textCodec } from '@larder/storage-core'
import { QueryCache, type QueryCacheSettings, type QueryLookup } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { Clock } from '../support/clock.js'
import { CacheServer } from '../support/faulty-cache.js'

function process(server: CacheServer, options: Partial<QueryCacheSettings> = {}) {
  const cache = server.client()
  return { cache, queries: new QueryCache({ cache, fillWaitMs: 0, ...options }) }
}

function missOf<V>(lookup: QueryLookup<V>) {
  if (lookup.isHit) throw new Error('This lookup is a hit')
  return lookup
}

const FILM = { tags: ['film'] }

describe('begin', () => {
  test('a miss is filled, and later calls of begin and cached get the value', async () => {
    const { queries } = process(new CacheServer())
    const miss = missOf(await queries.begin('film:1', FILM))
    expect(await miss.fill({ title: 'old' })).toBe(true)
    expect(await queries.begin('film:1', FILM)).toEqual({ isHit: true, value: { title: 'old' } })
    expect(await queries.cached('film:1', FILM, () => ({ title: 'new' }))).toEqual({ title: 'old' })
    expect(queries.counters()).toMatchObject({ hits: 2, misses: 1, fills: 1, bypasses: 0 })
  })

  test('what cached has loaded is a hit of begin', async () => {
    const { queries } = process(new CacheServer())
    await queries.cached('film:1', FILM, () => 'old')
    expect(await queries.begin('film:1', FILM)).toEqual({ isHit: true, value: 'old' })
  })

  for (const [by, target] of [
    ['key', 'film:1'],
    ['tag', { tag: 'film' }],
    ['prefix', { prefix: 'film:' }],
  ] as const) {
    test(`a fill after an invalidation by ${by} is not kept`, async () => {
      const server = new CacheServer()
      const reader = process(server).queries
      const writer = process(server).queries
      const miss = missOf(await reader.begin('film:1', FILM))
      await writer.invalidate(target)
      await miss.fill('old')
      expect((await reader.begin('film:1', FILM)).isHit).toBe(false)
      expect((await writer.begin('film:1', FILM)).isHit).toBe(false)
    })
  }

  test('a slow fill neither replaces nor removes the fill of a later reader after an invalidation', async () => {
    const server = new CacheServer()
    const slow = process(server).queries
    const other = process(server).queries
    const old = missOf(await slow.begin('film:1', FILM))
    await other.invalidate({ tag: 'film' })
    expect(await missOf(await other.begin('film:1', FILM)).fill('new')).toBe(true)
    expect(await old.fill('old')).toBe(false)
    await old.release()
    expect(await slow.begin('film:1', FILM)).toEqual({ isHit: true, value: 'new' })
  })

  test('a second caller waits for the fill of the first', async () => {
    const clock = new Clock()
    const server = new CacheServer()
    const options = { fillWaitMs: 1_000, environment: clock.environment }
    const first = missOf(await process(server, options).queries.begin('film:1'))
    const second = process(server, options).queries.begin('film:1')
    await clock.pass(10)
    await first.fill('old')
    await clock.pass(40)
    expect(await second).toEqual({ isHit: true, value: 'old' })
  })

  test('a caller that has waited for fillWaitMs loads itself, and may fill over the lease that it saw', async () => {
    const server = new CacheServer()
    const { queries } = process(server)
    await queries.begin('film:1')
    const late = missOf(await queries.begin('film:1'))
    expect(queries.counters().bypasses).toBe(1)
    expect(await late.fill('old')).toBe(true)
    expect(await queries.begin('film:1')).toEqual({ isHit: true, value: 'old' })
  })

  test('release lets the next caller load at once, and its own fill is not kept any more', async () => {
    const { queries } = process(new CacheServer())
    const miss = missOf(await queries.begin('film:1'))
    await miss.release()
    const next = missOf(await queries.begin('film:1'))
    expect(queries.counters().bypasses).toBe(0)
    expect(await miss.fill('old')).toBe(false)
    await miss.release()
    expect(await next.fill('new')).toBe(true)
  })

  test('the lease of a caller that neither fills nor releases ends after leaseTtlMs', async () => {
    const clock = new Clock()
    const cache = new EmbeddedCache({ now: clock.environment.now })
    const queries = new QueryCache({ cache, fillWaitMs: 0, leaseTtlMs: 1_000 })
    const dead = missOf(await queries.begin('film:1'))
    await clock.pass(2_000)
    const next = missOf(await queries.begin('film:1'))
    expect(queries.counters().bypasses).toBe(0)
    expect(await next.fill('new')).toBe(true)
    expect(await dead.fill('old')).toBe(false)
  })

  test('an aborted call rejects with E_ABORTED and leaves no lease', async () => {
    const { queries, cache } = process(new CacheServer())
    const aborted = new AbortController()
    const gate = cache.pauseNext('add', { at: 'after' })
    const call = queries.begin('film:1', { signal: aborted.signal })
    await gate.reached
    aborted.abort()
    await expect(call).rejects.toMatchObject({ code: 'E_ABORTED' })
    const released = cache.pauseNext('delete', { at: 'after' })
    gate.open()
    await released.reached
    released.open()
    const next = missOf(await queries.begin('film:1'))
    expect(queries.counters().bypasses).toBe(0)
    expect(await next.fill('new')).toBe(true)
  })

  test('within its grace one caller refreshes a value and the others get it', async () => {
    let wallClock = 1_000_000
    const environment = { ...systemEnvironment, wallClock: () => wallClock, random: () => 0 }
    const server = new CacheServer()
    const options = { ttlMs: 1_000, graceMs: 60_000, environment }
    const { queries } = process(server, options)
    await missOf(await queries.begin('film:1')).fill('old')
    wallClock += 2_000
    const refresh = missOf(await queries.begin('film:1'))
    expect(await process(server, options).queries.begin('film:1')).toEqual({ isHit: true, value: 'old' })
    await refresh.release()
    const again = missOf(await queries.begin('film:1'))
    expect(await again.fill('new')).toBe(true)
    expect(await queries.begin('film:1')).toEqual({ isHit: true, value: 'new' })
    wallClock += 2_000
    const invalidated = missOf(await queries.begin('film:1'))
    await queries.invalidate('film:1')
    expect(await invalidated.fill('stale')).toBe(false)
  })

  test('a value stays up to a tenth less than its ttlMs', async () => {
    const { queries, cache } = process(new CacheServer(), {
      environment: { ...systemEnvironment, random: () => 1 },
    })
    const ttls: unknown[] = []
    const cas = cache.cas.bind(cache)
    cache.cas = (key, value, token, options) => {
      ttls.push(options?.ttlMs)
      return cas(key, value, token, options)
    }
    await missOf(await queries.begin('film:1', { ttlMs: 10_000 })).fill('old')
    expect(ttls).toEqual([9_000])
  })

  test('a codec of the call writes and reads the value', async () => {
    const { queries } = process(new CacheServer())
    const options = { codec: textCodec }
    await missOf(await queries.begin('film:1', options)).fill('old')
    expect(await queries.begin('film:1', options)).toEqual({ isHit: true, value: 'old' })
  })

  test('a value that the codec refuses rejects fill and ends the lease', async () => {
    const { queries } = process(new CacheServer())
    const miss = missOf(await queries.begin('film:1'))
    await expect(miss.fill({ size: 1n })).rejects.toThrow(TypeError)
    expect((await queries.begin('film:1')).isHit).toBe(false)
    expect(queries.counters().bypasses).toBe(0)
  })

  test('a stored value that the codec cannot read is dropped', async () => {
    const { queries } = process(new CacheServer())
    const broken = {
      ...textCodec,
      decode: () => {
        throw new Error('unreadable')
      },
    }
    await missOf(await queries.begin('film:1')).fill('old')
    const miss = missOf(await queries.begin('film:1', { codec: broken }))
    expect(await miss.fill('new')).toBe(true)
  })

  test('a lookup without an answer is a miss whose fill stores nothing', async () => {
    const { queries, cache } = process(new CacheServer())
    cache.isDown = true
    const miss = missOf(await queries.begin('film:1', FILM))
    expect(await miss.fill('old')).toBe(false)
    await miss.release()
    cache.isDown = false
    expect((await queries.begin('film:1', FILM)).isHit).toBe(false)
  })

  test('options of loaders, keys that are no text, and a closed cache are refused', async () => {
    const { queries } = process(new CacheServer())
    await expect(queries.begin('film:1', { softTimeoutMs: 1 } as never)).rejects.toThrow(/softTimeoutMs/)
    await expect(queries.begin(1 as never)).rejects.toThrow(TypeError)
    await queries.close()
    await expect(queries.begin('film:1')).rejects.toMatchObject({ code: 'E_CLOSED' })
  })
})
