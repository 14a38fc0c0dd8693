import { MemoryStorage, StorageError } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { type Environment, systemEnvironment } from '@larder/memcached'
import { MemcacheStorage, type MemcacheStorageSettings } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'
import { FILM, textOf } from '../support/races.js'

const TTL = 1_000
const GRACE = 5_000
const DOWN = new StorageError('E_STORAGE_UNAVAILABLE', 'The database is down (on purpose)')

/** Time passes when the test says so; a wait that nobody must sit out ends when the test says so. */
class Clock {
  #ms = 1_000_000
  #waiting: (() => void)[] = []
  readonly environment: Environment = {
    ...systemEnvironment,
    // Times to live are not shortened by chance.
    random: () => 0,
    wallClock: () => this.#ms,
    idle: () => new Promise((resolve) => this.#waiting.push(resolve)),
  }

  get ms(): number {
    return this.#ms
  }

  pass(ms: number): void {
    this.#ms += ms
  }

  endWaits(): void {
    for (const end of this.#waiting.splice(0)) end()
  }
}

/** Two processes behind which a film was changed past the library, so that what they have cached is old. */
async function setUp(
  options: Partial<MemcacheStorageSettings> = {},
  { lateMs = 1, text = 'old' }: { lateMs?: number; text?: string } = {},
) {
  const clock = new Clock()
  const server = new CacheServer({ now: () => clock.ms })
  const durable = new FaultyStorage(new MemoryStorage())
  const process = (more: Partial<MemcacheStorageSettings> = {}) => {
    const cache = server.client()
    const fixed = { environment: clock.environment, ttlMs: TTL, fillWaitMs: 20 }
    return {
      cache,
      storage: new MemcacheStorage({
        storage: durable,
        cache,
        ...fixed,
        graceMs: GRACE,
        ...options,
        ...more,
      }),
    }
  }
  const [first, second] = [process(), process()]
  const info = first.storage.info(...FILM)
  await first.storage.putContent(info, text)
  await durable.putContent(info, 'new')
  durable.forgetCalls()
  clock.pass(TTL + lateMs)
  /** Until a reader's work behind its back is done. */
  const refreshed = async () => {
    while (first.storage.counters().fills + first.storage.counters().fillsRefused === 0) await turn()
    while ((await server.cache.get(`${info.key}:c/refresh`)) !== undefined) await turn()
  }
  return { clock, server, durable, process, first, second, info, key: `${info.key}:c`, refreshed }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a value past its ttlMs', () => {
  test('is served at once while one reader refreshes it', async () => {
    const { durable, first, second, info, refreshed } = await setUp()
    const gate = durable.pauseNextRead()
    expect(await textOf(first.storage, info)).toBe('old')
    await gate.reached
    expect(await textOf(first.storage, info)).toBe('old')
    expect(await textOf(second.storage, info)).toBe('old')
    gate.open()
    await refreshed()
    expect(await textOf(first.storage, info)).toBe('new')
    expect(await textOf(second.storage, info)).toBe('new')
    expect(durable.count('read')).toBe(1)
    expect(first.storage.counters()).toMatchObject({ hits: 3, staleHits: 2, misses: 0, fills: 1 })
  })

  test('costs one read of the storage behind, whatever number of readers in two processes', async () => {
    const { durable, first, second, info } = await setUp()
    const gate = durable.pauseNextRead()
    const readers = [first, second].flatMap(({ storage }) =>
      Array.from({ length: 500 }, () => textOf(storage, info)),
    )
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['old']))
    gate.open()
    await Promise.all([first.storage.shutdown(), second.storage.shutdown()])
    expect(durable.count('read')).toBe(1)
  })

  test('is refreshed again when its new time has passed as well', async () => {
    const { clock, durable, first, info, refreshed } = await setUp()
    await textOf(first.storage, info)
    await refreshed()
    await durable.putContent(info, 'newer')
    expect(await textOf(first.storage, info)).toBe('new')
    clock.pass(TTL + 1)
    expect(await textOf(first.storage, info)).toBe('new')
    while ((await textOf(first.storage, info)) === 'new') await turn()
    expect(await textOf(first.storage, info)).toBe('newer')
  })

  test('is no answer any more when its grace has passed', async () => {
    const { first, info } = await setUp({}, { lateMs: GRACE })
    expect(await textOf(first.storage, info)).toBe('new')
    expect(first.storage.counters()).toMatchObject({ staleHits: 0, misses: 1 })
  })

  test('is no answer for a process that grants no grace', async () => {
    const { durable, process, info } = await setUp()
    const strict = process({ graceMs: 0 }).storage
    await durable.remove(info)
    expect(await strict.exists(info, { part: 'content' })).toBe(false)
    await durable.putContent(info, 'new')
    expect(await textOf(strict, info)).toBe('new')
  })

  test('is no answer without graceMs', async () => {
    const { clock, first, info } = await setUp({ graceMs: 0 })
    // memcached counts whole seconds and one more.
    clock.pass(2_000)
    expect(await textOf(first.storage, info)).toBe('new')
  })

  test('is left alone by a reader that finds it fresh', async () => {
    const { durable, first, info } = await setUp({}, { lateMs: -1 })
    expect(await textOf(first.storage, info)).toBe('old')
    expect(durable.count('read')).toBe(0)
    expect(first.cache.count('add')).toBe(0)
  })

  test.each(['getMany', 'openContent', 'exists'] as const)('answers %s', async (method) => {
    const { durable, first, info, refreshed } = await setUp()
    const gate = durable.pauseNextRead()
    if (method === 'exists') expect(await first.storage.exists(info, { part: 'content' })).toBe(true)
    else if (method === 'getMany') {
      const films = [info, first.storage.info('films', 'nobody'), info]
      gate.open()
      const found = await first.storage.getMany(films)
      expect(found.map((part) => part?.bytes.toString())).toEqual(['old', undefined, 'old'])
    } else {
      const { stream } = await first.storage.openContent(info)
      const chunks: Uint8Array[] = []
      for await (const chunk of stream) chunks.push(chunk)
      expect(Buffer.concat(chunks).toString()).toBe('old')
    }
    gate.open()
    if (method === 'openContent') {
      await refreshed()
      expect(await textOf(first.storage, info)).toBe('new')
    }
  })

  test('may be in pieces', async () => {
    const text = 'old '.repeat(600_000)
    const { first, info, refreshed } = await setUp({}, { text })
    expect(await textOf(first.storage, info)).toBe(text)
    await refreshed()
    expect(await textOf(first.storage, info)).toBe('new')
  })

  test('of a resource that was removed past the library is removed', async () => {
    const { durable, first, info, refreshed } = await setUp()
    await durable.remove(info)
    expect(await textOf(first.storage, info)).toBe('old')
    await refreshed()
    expect(await textOf(first.storage, info)).toBeUndefined()
    expect(durable.count('read')).toBe(1)
  })

  test('is refreshed also where the cache does not say whether another reader refreshes it', async () => {
    const { first, info, refreshed } = await setUp()
    first.cache.failNext('add')
    expect(await textOf(first.storage, info)).toBe('old')
    await refreshed()
    expect(await textOf(first.storage, info)).toBe('new')
    expect(first.storage.counters().cacheErrors).toBe(1)
  })

  test('is read to its end before the storage is closed', async () => {
    const { durable, first, info } = await setUp()
    const gate = durable.pauseNextRead()
    expect(await textOf(first.storage, info)).toBe('old')
    await gate.reached
    let isClosed = false
    const closing = first.storage.shutdown().then(() => (isClosed = true))
    await turn()
    expect(isClosed).toBe(false)
    gate.open()
    await closing
    expect(first.storage.counters().fills).toBe(1)
  })
})

describe('writers are seen at once, grace or not', () => {
  test('a write that overtakes the refresh makes it void', async () => {
    const { durable, first, second, info, refreshed } = await setUp()
    const gate = durable.pauseNextRead()
    expect(await textOf(first.storage, info)).toBe('old')
    await gate.reached
    await second.storage.putContent(info, 'newest')
    expect(await textOf(first.storage, info)).toBe('newest')
    gate.open()
    await refreshed()
    expect(await textOf(first.storage, info)).toBe('newest')
    expect(first.storage.counters()).toMatchObject({ fills: 0, fillsRefused: 1 })
  })

  test('a writer at work is never answered for by the old value', async () => {
    const { durable, first, second, info } = await setUp()
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const writing = second.storage.putContent(info, 'newest')
    await commit.reached
    expect(await textOf(first.storage, info)).toBe('new')
    commit.open()
    await writing
    expect(await textOf(first.storage, info)).toBe('newest')
    expect(first.storage.counters().staleHits).toBe(0)
  })
})

describe('softTimeoutMs', () => {
  test('lets the refreshing reader wait for a quick storage', async () => {
    const { durable, first, second, info } = await setUp({ softTimeoutMs: 100 })
    const gate = durable.pauseNextRead()
    const reading = textOf(first.storage, info)
    await gate.reached
    expect(await textOf(first.storage, info)).toBe('old')
    expect(await textOf(second.storage, info)).toBe('old')
    gate.open()
    expect(await reading).toBe('new')
    expect(first.storage.counters()).toMatchObject({ misses: 1, hits: 1, staleHits: 1 })
  })

  test('answers with the old value when the storage behind is slow, and continues the refresh', async () => {
    const { clock, durable, first, info, refreshed } = await setUp({ softTimeoutMs: 100 })
    const gate = durable.pauseNextRead()
    const reading = textOf(first.storage, info)
    await gate.reached
    clock.endWaits()
    expect(await reading).toBe('old')
    gate.open()
    await refreshed()
    expect(await textOf(first.storage, info)).toBe('new')
    expect(durable.count('read')).toBe(1)
  })
})

describe('a storage behind that fails', () => {
  test('rejects the refreshing reader and removes the old value by default', async () => {
    const { durable, first, second, info, server, key } = await setUp({ softTimeoutMs: 100 })
    durable.failNextReads(2, DOWN)
    await expect(first.storage.getContent(info)).rejects.toBe(DOWN)
    expect(await server.cache.get(key)).toBeUndefined()
    await expect(second.storage.getContent(info)).rejects.toBe(DOWN)
    expect(await textOf(second.storage, info)).toBe('new')
  })

  test('rejects the next read where the first did not wait', async () => {
    const { durable, first, info, server, key } = await setUp()
    durable.failNextReads(2, DOWN)
    expect(await textOf(first.storage, info)).toBe('old')
    while ((await server.cache.get(key)) !== undefined) await turn()
    await expect(first.storage.getContent(info)).rejects.toBe(DOWN)
  })

  test("is made up for by the old value with 'grace', and not asked by everybody", async () => {
    const options = { softTimeoutMs: 100, whenStorageFails: 'grace', leaseTtlMs: 500 } as const
    const { clock, durable, first, second, info } = await setUp(options)
    durable.failNextReads(2, DOWN)
    expect(await textOf(first.storage, info)).toBe('old')
    expect(await textOf(first.storage, info)).toBe('old')
    expect(await textOf(second.storage, info)).toBe('old')
    expect(durable.count('read')).toBe(1)
    clock.pass(2_000)
    expect(await textOf(second.storage, info)).toBe('old')
    expect(durable.count('read')).toBe(2)
    clock.pass(2_000)
    expect(await textOf(second.storage, info)).toBe('new')
    clock.pass(TTL + GRACE)
    durable.failNextReads(1, DOWN)
    await expect(second.storage.getContent(info)).rejects.toBe(DOWN)
  })
})

test('options without effect, and of no meaning, are refused', () => {
  const make = (options: object) => () =>
    new MemcacheStorage({ storage: new MemoryStorage(), cache: new CacheServer().client(), ...options })
  expect(make({ softTimeoutMs: 10 })).toThrow(TypeError)
  expect(make({ whenStorageFails: 'grace' })).toThrow(TypeError)
  expect(make({ graceMs: 10, whenStorageFails: 'sometimes' })).toThrow(RangeError)
  expect(make({ graceMs: -1 })).toThrow(RangeError)
  expect(make({ graceMs: 0, softTimeoutMs: 0 })).not.toThrow()
})
