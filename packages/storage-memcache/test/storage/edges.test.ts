import {
  MemoryStorage,
  OutcomeUnknownError,
  type Parts,
  type ResourceInfo,
  type Storage,
  StorageError,
  type WriteOptions,
} from '@larder/storage-core'
import { collect } from '@larder/storage-core/driver'
import { FaultyStorage, ForwardingStorage, LimitedStorage } from '@larder/storage-core/testing'
import { type Environment, systemEnvironment } from '@larder/memcached'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { Clock } from '../support/clock.js'
import { CacheServer } from '../support/faulty-cache.js'
import { FILM, textOf } from '../support/races.js'

/** Longer than any test: no relay runs. */
const NO_RELAY = { relayIntervalMs: 1_000_000_000, fillWaitMs: 20 }

function setUp(
  options: ProtocolOptions = {},
  inner: Storage = new MemoryStorage(),
  environment: Environment = systemEnvironment,
) {
  const server = new CacheServer()
  const durable = new FaultyStorage(inner)
  const process = () => {
    const cache = server.client()
    const fixed = { storage: durable, cache, environment }
    return { cache, storage: new MemcacheStorage({ ...fixed, ...NO_RELAY, ...options }) }
  }
  const [first, second, third] = [process(), process(), process()]
  const info = first.storage.info(...FILM)
  return { server, durable, first, second, third, info, key: `${info.key}:c` }
}

const namesOf = async (storage: Storage) => [...(await storage.ls('films')).keys()]

/** A write whose mark is lost, and a slow reader that is about to fill the old value after its commit. */
async function lostMark() {
  const world = setUp()
  const { server, durable, first, second, info, key } = world
  const { etag } = await durable.putContent(info, 'old')
  const commit = durable.pauseNextWrite({ at: 'commit' })
  const answer = durable.pauseNextWrite({ at: 'after' })
  const writing = first.storage.putContent(info, 'new')
  await commit.reached
  await server.evict(key)
  const read = durable.pauseNextRead()
  const slow = textOf(second.storage, info)
  await read.reached
  commit.open()
  await answer.reached
  const end = async () => {
    answer.open()
    await writing
  }
  const fill = async () => {
    read.open()
    await slow
  }
  return { ...world, etag, fill, end }
}

describe('whoever is told of the new value by the storage behind does not meet the old one afterwards', () => {
  test('by exists()', async () => {
    const { third, info, fill, end } = await lostMark()
    expect(await third.storage.exists(info, { part: 'content' })).toBe(true)
    await fill()
    expect(await textOf(third.storage, info)).toBe('new')
    await end()
  })

  test('by a precondition that failed', async () => {
    const { third, info, etag, fill, end } = await lostMark()
    await expect(third.storage.putContent(info, 'mine', { ifMatch: etag })).rejects.toThrow(/expected/)
    await fill()
    expect((await third.storage.getContent(info)).etag).not.toBe(etag)
    await end()
  })

  test('by openContent()', async () => {
    const { third, info, fill, end } = await lostMark()
    const { version } = await third.storage.openContent(info)
    await fill()
    expect((await third.storage.getContent(info)).version).toBe(version)
    await end()
  })
})

describe('a mark that could not be set', () => {
  test('is made up for where an older write is still to install', async () => {
    const { durable, first, second, third, info } = setUp()
    const answer = durable.pauseNextWrite({ at: 'after' })
    const older = first.storage.putContent(info, 'old')
    await answer.reached
    second.cache.failNext('set')
    await second.storage.putContent(info, 'new')
    answer.open()
    await older
    expect(await textOf(third.storage, info)).toBe('new')
  })

  test('and arrives after the write was given up is removed', async () => {
    const inner = new MemoryStorage()
    const { durable, first, second, info, key, server } = setUp({}, inner)
    await first.storage.putContent(info, 'old')
    const controller = new AbortController()
    const set = first.cache.pauseNext('set')
    const write = inner.put.bind(inner)
    // As a database does it whose transaction is given up while the hook runs.
    inner.putContent = (to, content, options) =>
      write(to, { content }, { ...options, signal: undefined, transaction: giveUpOn(controller, options) })
    durable.putContent = inner.putContent.bind(inner)
    durable.put = (to, ...[{ content = '' }, options]) => inner.putContent(to, content, options)
    const aborted = first.storage.putContent(info, 'new', { signal: controller.signal })
    await set.reached
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' })
    set.open()
    while ((await server.cache.get(key)) !== undefined) await new Promise((resolve) => setImmediate(resolve))
    expect(await textOf(second.storage, info)).toBe('old')
  })

  function giveUpOn(
    { signal }: AbortController,
    options: Parameters<Storage['putContent']>[2],
  ): NonNullable<Parameters<Storage['putContent']>[2]>['transaction'] {
    const hook = options?.transaction
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new StorageError('E_ABORTED', 'given up')))
    })
    return {
      journal: hook?.journal,
      beforeCommit: (pending) => Promise.race([hook?.beforeCommit(pending), aborted]),
    }
  }

  test("with 'reject', because the listing's server is down: nothing is written", async () => {
    const { durable, first, info } = setUp({ whenCacheFails: 'reject' })
    const isHead = (key: string) => key.endsWith(':l')
    first.cache.failNext('get', 1, { key: isHead })
    await expect(first.storage.putContent(info, 'x')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(await durable.exists(info)).toBe(false)
  })

  test('as a lock, without an answer, is found again', async () => {
    const inner = new LimitedStorage(new MemoryStorage(), ['transactions'])
    const { first, second, info } = setUp({ whenCacheFails: 'reject', lockTimeoutMs: 100 }, inner)
    first.cache.failNext('add', 1, { at: 'after' })
    await first.storage.putContent(info, 'one')
    await second.storage.putContent(info, 'two')
    expect(await textOf(first.storage, info)).toBe('two')
  })
})

describe('listings', () => {
  test('do not show a name that a removal found gone', async () => {
    const { durable, first, second, info } = setUp()
    await first.storage.putContent(info, 'x')
    await namesOf(second.storage)
    const answer = durable.pauseNextWrite({ at: 'after' })
    const removal = first.storage.remove(info)
    await answer.reached
    expect(await second.storage.remove(info)).toMatchObject({ changed: false })
    expect(await namesOf(second.storage)).toEqual([])
    answer.open()
    await removal
  })

  test('are built although writers are always in flight', async () => {
    const { durable, first, second } = setUp()
    let stop = false
    let written = 0
    // There is always a write between its lock and its commit.
    const writers = Array.from({ length: 4 }, async (_, lane) => {
      while (!stop) {
        const commit = durable.pauseNextWrite({ at: 'commit' })
        const write = first.storage.putContent(first.storage.info('films', `${lane}-${written++}`), 'x')
        await commit.reached
        await new Promise((resolve) => setTimeout(resolve, 2))
        commit.open()
        await write
      }
    })
    for (let i = 0; i < 100 && second.storage.counters().listHits < 5; i++) await namesOf(second.storage)
    stop = true
    await Promise.all(writers)
    expect(second.storage.counters().listHits).toBeGreaterThanOrEqual(5)
    expect(await namesOf(second.storage)).toHaveLength(written)
  })

  test('that are cold are read once for all concurrent readers', async () => {
    const { durable, first } = setUp({ fillWaitMs: 5_000 })
    await durable.putContent(durable.info(...FILM), 'x')
    const gate = durable.pauseNextListing({ at: 'before' })
    const all = Promise.all(Array.from({ length: 50 }, () => namesOf(first.storage)))
    await gate.reached
    gate.open()
    expect(new Set((await all).flat())).toEqual(new Set([FILM[1]]))
    expect(durable.count('page')).toBe(1)
  })

  test('without a journal, are read again after a write of unknown outcome', async () => {
    const inner = new LimitedStorage(new MemoryStorage(), ['journal'])
    const { server, durable, first, second, info, key } = setUp({}, inner)
    await namesOf(second.storage)
    durable.failNextWrites(1, new OutcomeUnknownError('No answer to the commit'), { at: 'after' })
    await expect(first.storage.putContent(info, 'x')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
    await server.evict(key)
    await second.storage.putContent(info, 'y')
    expect(await namesOf(second.storage)).toEqual([FILM[1]])
  })

  test('survive a cache that the caller has closed, as reads do', async () => {
    const { durable, info } = setUp()
    const cache = new CacheServer().cache
    const storage = new MemcacheStorage({ storage: durable, cache, ...NO_RELAY })
    await durable.putContent(info, 'x')
    await cache.close()
    expect(await textOf(storage, info)).toBe('x')
    expect(await namesOf(storage)).toEqual([FILM[1]])
  })
})

describe('readers that share a query', () => {
  test('wait for it no longer than fillWaitMs', async () => {
    const { durable, first, info } = setUp()
    await durable.putContent(info, 'x')
    const gate = durable.pauseNextRead()
    const slow = textOf(first.storage, info)
    await gate.reached
    expect(await Promise.all([textOf(first.storage, info), textOf(first.storage, info)])).toEqual(['x', 'x'])
    expect(durable.count('read')).toBeLessThanOrEqual(3)
    gate.open()
    await slow
  })

  test('ask once where they ask one after the other, and one is slow', async () => {
    const { durable, first, second, info } = setUp()
    await durable.putContent(info, 'x')
    // A mark stands, so that the cache has no answer.
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const writing = second.storage.putContent(info, 'y')
    await commit.reached
    const lookup = first.cache.pauseNext('getMulti')
    const early = textOf(first.storage, info)
    await lookup.reached
    const gate = durable.pauseNextRead()
    const slow = textOf(first.storage, info)
    await gate.reached
    lookup.open()
    await expect.poll(() => first.storage.counters().bypasses, { timeout: 20_000 }).toBe(2)
    gate.open()
    expect(await Promise.all([early, slow])).toEqual(['x', 'x'])
    expect(first.storage.counters()).toMatchObject({ bypasses: 2, durableReads: 1 })
    commit.open()
    await writing
  })

  test('get nothing out of one that was sent before they began', async () => {
    const { durable, first, info } = setUp()
    await durable.putContent(info, 'old')
    first.cache.isDown = true
    const gate = durable.pauseNextRead({ at: 'after' })
    const slow = textOf(first.storage, info)
    await gate.reached
    await durable.putContent(info, 'new')
    expect(await textOf(first.storage, info)).toBe('new')
    gate.open()
    expect(await slow).toBe('old')
  })

  test('start their own query when that of another process takes too long', async () => {
    const clock = new Clock()
    const { durable, first, second, info } = setUp({ fillWaitMs: 1_000 }, undefined, clock.environment)
    await durable.putContent(info, 'x')
    const gate = durable.pauseNextRead()
    const slow = textOf(first.storage, info)
    await gate.reached
    const own = durable.pauseNextRead()
    // They come one after another, and would give up one after another.
    const others: ReturnType<typeof textOf>[] = []
    while (others.length < 50) {
      others.push(textOf(second.storage, info))
      await clock.pass(10)
    }
    let isReached = false
    void own.reached.then(() => (isReached = true))
    while (!isReached) await clock.pass(10)
    own.open()
    expect(new Set(await Promise.all(others))).toEqual(new Set(['x']))
    expect(second.storage.counters()).toMatchObject({ durableReads: 1 })
    gate.open()
    await slow
  })

  test('share no read past the cache that began before a write which they must see', async () => {
    const { durable, first, second, info } = setUp()
    await durable.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const writing = first.storage.putContent(info, 'new')
    await commit.reached
    const read = durable.pauseNextRead()
    const early = textOf(second.storage, info)
    await read.reached
    commit.open()
    await writing
    const again = durable.pauseNextWrite({ at: 'commit' })
    const newer = first.storage.putContent(info, 'newer')
    await again.reached
    const own = durable.pauseNextRead()
    const late = textOf(second.storage, info)
    await own.reached
    own.open()
    read.open()
    expect(await early).toBe('old')
    expect(await late).toBe('new')
    again.open()
    await newer
  })

  test('do not get an error that concerns another part', async () => {
    const { durable, first, info } = setUp()
    const broken = first.storage.info('films', 'broken')
    await durable.putContent(info, 'x')
    const isBatch = (call: { infos: readonly unknown[] }) => call.infos.length > 1
    durable.failNextReads(1, new StorageError('E_CORRUPT', 'Damaged'), { where: isBatch })
    const isBroken = (call: { infos: readonly { resource: string | undefined }[] }) =>
      call.infos.length === 1 && call.infos[0]?.resource === 'broken'
    durable.failNextReads(1, new StorageError('E_CORRUPT', 'Damaged'), { where: isBroken })
    const [bad, good] = await Promise.allSettled([
      first.storage.getContent(broken),
      first.storage.getContent(info),
    ])
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'E_CORRUPT' } })
    expect(good).toMatchObject({ status: 'fulfilled' })
  })

  test('all reject when the storage behind is unreachable, after one query', async () => {
    const { durable, first } = setUp()
    const infos = Array.from({ length: 100 }, (_, i) => first.storage.info('films', `film ${i}`))
    durable.failNextReads(100, new StorageError('E_STORAGE_UNAVAILABLE', 'It is down'))
    const answers = await Promise.allSettled(infos.map((each) => first.storage.getContent(each)))
    expect(durable.count('read')).toBe(1)
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'E_STORAGE_UNAVAILABLE' } })
  })
})

describe('a stream of the storage behind that nobody is going to read', () => {
  /** Gives out streams of Node, as a storage of files does. */
  class Streaming extends ForwardingStorage {
    readonly streams: Readable[] = []

    override async openContent(...args: Parameters<Storage['openContent']>) {
      const stream = Readable.from([Buffer.from('x')])
      this.streams.push(stream)
      return { ...(await super.openContent(...args)), stream }
    }
  }

  test('is closed where the content is read for the cache', async () => {
    const inner = new Streaming(new MemoryStorage())
    const { durable, first, info } = setUp({}, inner)
    await durable.putContent(info, 'x')
    const { size } = await first.storage.openContent(info)
    expect(size).toBe(1)
    expect(inner.streams.map(({ destroyed }) => destroyed)).toEqual([true])
  })

  test('is closed where the caller gives up', async () => {
    const inner = new Streaming(new MemoryStorage())
    const { durable, first, info } = setUp({}, inner)
    await durable.putContent(info, 'x')
    const looked = first.cache.pauseNext('get')
    const controller = new AbortController()
    const opening = first.storage.openContent(info, { signal: controller.signal })
    await looked.reached
    const helping = first.cache.pauseNext('get')
    looked.open()
    await helping.reached
    controller.abort()
    await expect(opening).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect(inner.streams.map(({ destroyed }) => destroyed)).toEqual([true])
    helping.open()
  })
})

test('a lookup for marks does not load values in pieces', async () => {
  const server = new CacheServer({ maxItemBytes: 1_000 })
  const cache = server.client()
  const storage = new MemcacheStorage({ storage: new MemoryStorage(), cache, ...NO_RELAY })
  const info = storage.info(...FILM)
  await storage.putContent(info, Buffer.alloc(50_000))
  await storage.putMetaData(info, 'x')
  expect(await storage.exists(info)).toBe(true)
  expect(cache.count('getMulti')).toBe(0)
})

test('options that would have no effect are refused', () => {
  const { cache } = new CacheServer()
  const storage = new MemoryStorage()
  expect(() => new MemcacheStorage({ cache, storage, client: { timeoutMs: 1 } } as never)).toThrow(TypeError)
  expect(() => new MemcacheStorage({ cache, ttlMs: 1_000 })).toThrow(/ttlMs/)
})

describe('a slow write', () => {
  test('whose source is slow delays no other writer', async () => {
    const { first, second, info } = setUp({}, new StreamingStorage())
    let finish: () => void = () => undefined
    const finished = new Promise<void>((resolve) => (finish = resolve))
    let reach: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (reach = resolve))
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half ')
      reach()
      await finished
      yield Buffer.from('a film')
    }
    const uploading = first.storage.putContent(info, slow())
    await reached
    const { version } = await first.storage.putContent(info, 'quick')
    expect(await textOf(first.storage, info)).toBe('quick')
    finish()
    expect((await uploading).version).toBeGreaterThan(version)
    expect(await textOf(second.storage, info)).toBe('half a film')
  })

  test('is waited for no longer than lockTimeoutMs where there are no transactions', async () => {
    const limited = new LimitedStorage(new MemoryStorage(), ['transactions', 'journal'])
    const { durable, first, info } = setUp({ lockTimeoutMs: 30 }, limited)
    const gate = durable.pauseNextWrite()
    const slow = first.storage.putContent(info, 'slow')
    await gate.reached
    await expect(first.storage.putContent(info, 'late')).rejects.toMatchObject({ code: 'E_LOCK_TIMEOUT' })
    const signal = AbortSignal.abort()
    await expect(first.storage.putContent(info, 'never', { signal })).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
    gate.open()
    await slow
    await first.storage.putContent(info, 'next')
    expect(await textOf(first.storage, info)).toBe('next')
  })

  test('is waited for no longer than its caller wants', async () => {
    const limited = new LimitedStorage(new MemoryStorage(), ['transactions', 'journal'])
    const clock = new Clock()
    const { durable, first, second, info } = setUp({}, limited, clock.environment)
    const gate = durable.pauseNextWrite()
    const slow = first.storage.putContent(info, 'slow')
    await gate.reached
    const controller = new AbortController()
    const looked = second.cache.pauseNext('get')
    const waiting = second.storage.putContent(info, 'never', { signal: controller.signal })
    await looked.reached
    looked.open()
    await clock.pass(0)
    const refused = expect(waiting).rejects.toMatchObject({ code: 'E_ABORTED' })
    controller.abort()
    await clock.pass(1_000)
    await refused
    // Nor is it looked for again.
    expect(second.cache.count('get')).toBe(1)
    gate.open()
    await slow
  })
})

/** Takes its time with streams before it begins a transaction, as a database does with large contents. */
class StreamingStorage extends ForwardingStorage {
  constructor() {
    super(new MemoryStorage())
  }

  override get supports() {
    return { ...super.supports, streams: true }
  }

  override async put(info: ResourceInfo, { content = '' }: Parts, options?: WriteOptions) {
    const isWhole = typeof content === 'string' || content instanceof Uint8Array
    return super.put(
      info,
      { content: isWhole ? content : await collect(content as AsyncIterable<Uint8Array>) },
      options,
    )
  }
}
