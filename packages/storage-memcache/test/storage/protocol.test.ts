import { MemoryStorage, OutcomeUnknownError, type Storage, StorageError } from '@larder/storage-core'
import { FaultyStorage, LimitedStorage } from '@larder/storage-core/testing'
import { EmbeddedCache } from '@larder/memcached'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer, type FaultyCache } from '../support/faulty-cache.js'
import { FILM, type Stage, stage, textOf } from '../support/races.js'

const withOptions =
  (options: ProtocolOptions) =>
  (storage: Storage, cache: FaultyCache): MemcacheStorage =>
    new MemcacheStorage({ storage, cache, fillWaitMs: 20, ...options })

type ProxyStage = Stage & { readonly reader: MemcacheStorage; readonly writer: MemcacheStorage }

function play(options: ProtocolOptions = {}, inner: Storage = new MemoryStorage()): ProxyStage {
  return stage(withOptions(options), inner) as ProxyStage
}

/** The key of the film's content. */
function contentKey(storage: Storage): string {
  return `${storage.info(...FILM).key}:c`
}

describe('reads', () => {
  test('the second read costs no query', async () => {
    const { durable, reader } = play()
    await durable.putContent(durable.info(...FILM), 'text')
    await textOf(reader, reader.info(...FILM))
    durable.forgetCalls()
    expect(await textOf(reader, reader.info(...FILM))).toBe('text')
    expect(durable.count('read')).toBe(0)
    expect(reader.counters()).toMatchObject({ hits: 1, misses: 1, fills: 1, durableReads: 1 })
  })

  test('a write leaves its value for readers of every process', async () => {
    const { durable, reader, writer } = play()
    await writer.putContent(writer.info(...FILM), 'text')
    durable.forgetCalls()
    const part = await reader.getContent(reader.info(...FILM))
    expect(part.bytes.toString()).toBe('text')
    expect(durable.count('read')).toBe(0)
  })

  test('versions, entity tags and times out of the cache are those of the storage behind', async () => {
    const { durable, reader, writer } = play()
    const info = reader.info(...FILM)
    const written = await writer.putContent(info, 'text')
    const stored = await durable.getContent(info)
    expect(await reader.getContent(info)).toEqual(stored)
    expect(written).toMatchObject({
      version: stored.version,
      etag: stored.etag,
      modifiedAt: stored.modifiedAt,
    })
  })

  test('what does not exist is remembered, and seen at once when it is created elsewhere', async () => {
    const { durable, reader, writer } = play()
    const info = reader.info(...FILM)
    expect(await textOf(reader, info)).toBeUndefined()
    durable.forgetCalls()
    expect(await textOf(reader, info)).toBeUndefined()
    expect(await reader.exists(info, { part: 'content' })).toBe(false)
    expect(durable.count('read')).toBe(0)
    await writer.putContent(info, 'text')
    expect(await textOf(reader, info)).toBe('text')
  })

  test('a batch costs one query for all that missed', async () => {
    const { durable, reader } = play()
    const infos = Array.from({ length: 100 }, (_, i) => reader.info('films', `film ${i}`))
    await Promise.all(infos.map((info) => durable.putContent(info, info.resource ?? '')))
    await textOf(reader, reader.info('films', 'film 7'))
    durable.forgetCalls()
    const parts = await reader.getMany(infos)
    expect(parts.map((part) => part?.bytes.toString())).toEqual(infos.map(({ resource }) => resource))
    expect(durable.calls.map(({ method, infos }) => [method, infos.length])).toEqual([['getMany', 99]])
    expect(reader.counters().hits).toBe(1)
  })

  test('a thousand cold readers in two processes cost one query', async () => {
    const { durable, reader, writer } = play({ fillWaitMs: 5_000 })
    await durable.putContent(durable.info(...FILM), 'text')
    durable.forgetCalls()
    const gate = durable.pauseNextRead({ at: 'before' })
    const readers = [reader, writer].flatMap((storage) =>
      Array.from({ length: 500 }, () => textOf(storage, storage.info(...FILM))),
    )
    await gate.reached
    gate.open()
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['text']))
    expect(durable.count('read')).toBe(1)
  })

  test('a value that is too large for the cache is not counted as a fill', async () => {
    const { durable, reader } = play({ maxCachedBytes: 3 })
    await durable.putContent(durable.info(...FILM), 'text')
    expect(await textOf(reader, reader.info(...FILM))).toBe('text')
    expect(reader.counters()).toMatchObject({ misses: 1, fills: 0, fillsRefused: 0 })
  })

  test('readers that share one query get separate bytes', async () => {
    const { durable, reader } = play()
    await durable.putContent(durable.info(...FILM), 'text')
    for (let round = 0; round < 2; round++) {
      const parts = await Promise.all([1, 2, 3].map(() => reader.getContent(reader.info(...FILM))))
      for (const part of parts) part.bytes[0] = 0x58
      const [again] = await Promise.all([reader.getContent(reader.info(...FILM))])
      expect(again.bytes.toString()).toBe('text')
    }
  })

  test('a reader that begins after a write does not join a query that began before it', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const gate = durable.pauseNextRead()
    const early = textOf(reader, info)
    await gate.reached
    await writer.putContent(info, 'new')
    // Even where the cache has lost everything since.
    await server.evict(contentKey(reader))
    const late = textOf(reader, info)
    expect(await late).toBe('new')
    gate.open()
    expect(await early).toBe('old')
    expect(await textOf(reader, info)).toBe('new')
  })

  test('a reader waits a bounded time for another that is filling, then reads for itself', async () => {
    const { durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'text')
    const gate = durable.pauseNextRead({ at: 'before' })
    const stuck = textOf(writer, info)
    await gate.reached
    expect(await textOf(reader, info)).toBe('text')
    gate.open()
    expect(await stuck).toBe('text')
  })

  test('a query that fails gives the lease back, and rejects with its own error', async () => {
    const { server, durable, reader } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'text')
    durable.failNextReads(1, new StorageError('E_STORAGE_UNAVAILABLE', 'The database is down'))
    await expect(reader.getContent(info)).rejects.toMatchObject({ code: 'E_STORAGE_UNAVAILABLE' })
    expect(await server.cache.get(contentKey(reader))).toBeUndefined()
    expect(await textOf(reader, info)).toBe('text')
  })

  test('an aborted reader leaves the query to other readers', async () => {
    const { durable, reader } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'text')
    const gate = durable.pauseNextRead()
    const controller = new AbortController()
    const impatient = reader.getContent(info, { signal: controller.signal })
    const patient = textOf(reader, info)
    await gate.reached
    controller.abort(new Error('enough'))
    await expect(impatient).rejects.toMatchObject({ code: 'E_ABORTED', cause: new Error('enough') })
    gate.open()
    expect(await patient).toBe('text')
  })

  test('an item that another program put there is no value', async () => {
    const { server, durable, reader } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'text')
    for (const flags of [0, 1, 0x4c44_5201]) {
      await server.cache.set(contentKey(reader), Buffer.from('?'), { flags })
      expect(await textOf(reader, info)).toBe('text')
      expect(await textOf(reader, info)).toBe('text')
    }
  })
})

describe('lost marks', () => {
  test('a fill of the old value between a lost mark and the commit is gone before the write resolves', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const write = writer.putContent(info, 'new')
    await commit.reached
    await server.evict(contentKey(reader))
    expect(await textOf(reader, info)).toBe('old')
    commit.open()
    await write
    expect(await textOf(reader, info)).toBe('new')
  })

  test('a lease taken between a lost mark and the commit cannot be filled with the old value', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const write = writer.putContent(info, 'new')
    await commit.reached
    await server.evict(contentKey(reader))
    const read = durable.pauseNextRead()
    const slow = textOf(reader, info)
    await read.reached
    commit.open()
    await write
    read.open()
    await slow
    expect(await textOf(reader, info)).toBe('new')
  })

  test('a reader that bypasses the cache evicts older values, so that no reader steps back', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    const key = contentKey(reader)
    await durable.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const answer = durable.pauseNextWrite({ at: 'after' })
    const write = writer.putContent(info, 'new')
    await commit.reached
    // The mark is lost, and a slow reader takes its lease and reads the old value.
    await server.evict(key)
    const read = durable.pauseNextRead()
    const slow = textOf(reader, info)
    await read.reached
    commit.open()
    await answer.reached
    // The new value is committed, not yet acknowledged, and read by a third process.
    const third = withOptions({})(durable, server.client())
    expect(await textOf(third, info)).toBe('new')
    read.open()
    await slow
    expect(await textOf(third, info)).toBe('new')
    answer.open()
    await write
    expect(third.counters().helps).toBe(1)
  })

  test('an absence that was cached between a lost mark and the commit is gone, too', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const write = writer.putContent(info, 'new')
    await commit.reached
    await server.evict(contentKey(reader))
    expect(await textOf(reader, info)).toBeUndefined()
    commit.open()
    await write
    expect(await textOf(reader, info)).toBe('new')
  })

  test('a slot that changes while a writer evicts an older value is checked again', async () => {
    const { server, durable, reader, writer, writerCache } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const write = writer.putContent(info, 'new')
    await commit.reached
    await server.evict(contentKey(reader))
    await textOf(reader, info)
    const removal = writerCache.pauseNext('delete')
    commit.open()
    await removal.reached
    // The old value that the writer saw makes way for another reader's lease, filled with the same old value.
    const old = await server.cache.get(contentKey(reader))
    await server.cache.set(contentKey(reader), old?.value ?? Buffer.alloc(0), { flags: old?.flags ?? 0 })
    removal.open()
    await write
    expect(await textOf(reader, info)).toBe('new')
  })

  test('no CAS from before a restart of the server is used', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const read = durable.pauseNextRead()
    const slow = textOf(reader, info)
    await read.reached
    await writer.putContent(info, 'new')
    server.restart()
    const another = writer.info('films', 'another')
    await writer.putContent(another, 'x')
    read.open()
    await slow
    expect(await textOf(reader, info)).toBe('new')
  })
})

describe('writes that do not happen', () => {
  test('a rolled back write removes its marks', async () => {
    const { server, durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    durable.failNextWrites(1, new StorageError('E_CONFLICT', 'Deadlock'), { at: 'commit' })
    await expect(writer.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_CONFLICT' })
    expect(await server.cache.get(contentKey(reader))).toBeUndefined()
    expect(await textOf(reader, info)).toBe('old')
  })

  test('a failed precondition sets no mark and evicts the value that caused it', async () => {
    const { durable, reader, writer, writerCache } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    await expect(writer.putContent(info, 'new', { ifMatch: '"1"' })).rejects.toMatchObject({
      code: 'E_PRECONDITION_FAILED',
    })
    await expect(writer.putContent(info, 'new', { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'E_PRECONDITION_FAILED',
    })
    expect(writerCache.count('set')).toBe(0)
    const { etag } = await reader.getContent(info)
    await writer.putContent(info, 'new', { ifMatch: { content: etag } })
    expect(await textOf(reader, info)).toBe('new')
  })

  test('a commit of unknown outcome leaves the mark: readers go past the cache', async () => {
    const { durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    await textOf(reader, info)
    durable.failNextWrites(1, new OutcomeUnknownError('No answer to the commit'), { at: 'after' })
    await expect(writer.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
    expect(await textOf(reader, info)).toBe('new')
    expect(reader.counters().bypasses).toBe(1)
  })

  for (const without of [[], ['journal'], ['transactions', 'journal']] as const) {
    const missing = without.length === 0 ? '' : `, without ${without.join(' and ')}`
    test(`an error that does not tell about the commit is an unknown outcome${missing}`, async () => {
      const durable = new FaultyStorage(new MemoryStorage())
      const cache = new EmbeddedCache()
      const open = () => new MemcacheStorage({ storage: new LimitedStorage(durable, [...without]), cache })
      await using writer = open()
      await using reader = open()
      const info = reader.info(...FILM)
      await durable.putContent(info, 'old')
      await textOf(reader, info)
      const cause = new Error('FATAL XX000 unable to read data from DB node 0')
      durable.failNextWrites(1, cause, { at: 'after' })
      await expect(writer.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN', cause })
      expect(await textOf(reader, info)).toBe('new')
    })
  }

  test('an error of the caller, and one before the commit, come back as they are', async () => {
    const { durable, reader, writer } = play()
    const info = reader.info(...FILM)
    const early = new Error('no connection')
    durable.failNextWrites(1, early, { at: 'before' })
    await expect(writer.putContent(info, 'new')).rejects.toBe(early)
    const late = new Error('the disk is gone')
    const source = async function* () {
      yield Buffer.from('half')
      throw late
    }
    await expect(writer.putContent(info, source())).rejects.toBe(late)
    expect(await reader.exists(info)).toBe(false)
  })

  test('a transaction that comes near the end of its mark rolls back', async () => {
    const { durable, reader, writer } = play({ markTtlMs: 0.001 })
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    await expect(writer.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    expect(await textOf(reader, info)).toBe('old')
  })

  test("a caller's own hook runs in the same transaction and can roll it back", async () => {
    const { durable, reader, writer } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const beforeCommit = async () => {
      throw new Error('not today')
    }
    await expect(writer.putContent(info, 'new', { transaction: { beforeCommit } })).rejects.toThrow(
      'not today',
    )
    expect(await textOf(reader, info)).toBe('old')
  })
})

describe('a cache that fails', () => {
  test('reads go to the storage behind', async () => {
    const { durable, reader, readerCache } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'text')
    readerCache.isDown = true
    expect(await textOf(reader, info)).toBe('text')
    expect(await reader.exists(info)).toBe(true)
    expect([...(await reader.ls('films')).keys()]).toEqual([FILM[1]])
    expect(reader.counters().cacheErrors).toBeGreaterThan(0)
  })

  test("'bypass': the write is committed", async () => {
    const { durable, writer, writerCache } = play()
    const info = writer.info(...FILM)
    writerCache.isDown = true
    await writer.putContent(info, 'new')
    expect(await textOf(durable, info)).toBe('new')
    expect(writer.counters()).toMatchObject({ writes: 1, unconfirmedWrites: 1 })
  })

  test("'bypass': a cache that answers again before the write resolves holds nothing old", async () => {
    const { durable, reader, writer, writerCache } = play()
    const info = writer.info(...FILM)
    await durable.putContent(info, 'old')
    await textOf(reader, info)
    writerCache.failNext('set')
    await writer.putContent(info, 'new')
    expect(await textOf(reader, info)).toBe('new')
    expect(writer.counters().unconfirmedWrites).toBe(0)
  })

  test("'reject': the write is rolled back and says so", async () => {
    const { durable, reader, writer, writerCache } = play({ whenCacheFails: 'reject' })
    const info = writer.info(...FILM)
    await durable.putContent(info, 'old')
    writerCache.isDown = true
    await expect(writer.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(await textOf(durable, info)).toBe('old')
    expect(await textOf(reader, info)).toBe('old')
  })

  test("'reject': a cache that is lost after the mark makes the outcome unknown, not acknowledged", async () => {
    const { durable, writer, writerCache } = play({ whenCacheFails: 'reject', confirmTimeoutMs: 50 })
    const info = writer.info(...FILM)
    const answer = durable.pauseNextWrite({ at: 'after' })
    const write = writer.putContent(info, 'new')
    await answer.reached
    writerCache.isDown = true
    answer.open()
    await expect(write).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
    expect(await textOf(durable, info)).toBe('new')
  })

  test('an install whose answer is lost is checked again', async () => {
    for (const at of ['before', 'after'] as const) {
      const { durable, reader, writer, writerCache } = play({ whenCacheFails: 'reject' })
      const info = writer.info(...FILM)
      await durable.putContent(info, 'old')
      writerCache.failNext('cas', 1, { at })
      await writer.putContent(info, 'new')
      expect(await textOf(reader, info)).toBe('new')
    }
  })

  test('a reader whose fill gets no answer returns its value', async () => {
    const { durable, reader, readerCache } = play()
    const info = reader.info(...FILM)
    await durable.putContent(info, 'text')
    readerCache.failNext('cas', 1, { at: 'after' })
    expect(await textOf(reader, info)).toBe('text')
    readerCache.failNext('add')
    expect(await textOf(reader, reader.info('films', 'other'))).toBeUndefined()
  })
})

describe('values over the item limit', () => {
  const small = () => {
    const server = new CacheServer({ maxItemBytes: 1_000 })
    const durable = new FaultyStorage(new MemoryStorage())
    const storage = new MemcacheStorage({ storage: durable, cache: server.client() })
    return { server, durable, storage, info: storage.info(...FILM) }
  }
  const big = Buffer.from(Array.from({ length: 10_500 }, (_, i) => i % 251))

  test('come back whole out of the cache', async () => {
    const { durable, storage, info } = small()
    await storage.putContent(info, big)
    durable.forgetCalls()
    expect((await storage.getContent(info)).bytes.equals(big)).toBe(true)
    expect(durable.count('read')).toBe(0)
  })

  test('are a miss as soon as one piece is gone, and then whole again', async () => {
    const { server, durable, storage, info } = small()
    await storage.putContent(info, big)
    for (const index of [0, 5, 10]) {
      const pieces = await piecesOf(server, storage)
      expect(pieces).toHaveLength(11)
      await server.evict(pieces[index] ?? '')
      durable.forgetCalls()
      expect((await storage.getContent(info)).bytes.equals(big)).toBe(true)
      expect(durable.count('read')).toBe(1)
    }
  })

  test('are not cached at all past maxCachedBytes', async () => {
    const server = new CacheServer()
    const durable = new FaultyStorage(new MemoryStorage())
    const storage = new MemcacheStorage({ storage: durable, cache: server.client(), maxCachedBytes: 1_000 })
    const info = storage.info(...FILM)
    await storage.putContent(info, big)
    durable.forgetCalls()
    expect((await storage.getContent(info)).bytes.equals(big)).toBe(true)
    expect((await storage.getContent(info)).bytes.equals(big)).toBe(true)
    expect(durable.count('read')).toBe(2)
    expect(await server.cache.get(contentKey(storage))).toBeUndefined()
  })
})

/** The keys of the pieces of the film, as a reader asks for them. */
async function piecesOf(server: CacheServer, storage: Storage): Promise<string[]> {
  const cache = server.client()
  await new MemcacheStorage({ storage: new MemoryStorage(), cache }).getContent(storage.info(...FILM))
  return cache.calls.find(({ operation }) => operation === 'getMulti')?.key.split(' ') ?? []
}

describe('without transactions', () => {
  const limited = () => new LimitedStorage(new MemoryStorage(), ['transactions', 'journal'])

  test('a second writer waits for the first', async () => {
    const { durable, reader, writer } = play({}, limited())
    const info = reader.info(...FILM)
    const gate = durable.pauseNextWrite({ at: 'after' })
    const first = reader.putContent(info, 'first')
    await gate.reached
    const second = writer.putContent(info, 'second')
    gate.open()
    await Promise.all([first, second])
    expect(await textOf(reader, info)).toBe('second')
    expect(await textOf(durable, info)).toBe('second')
  })

  test('and gives up after lockTimeoutMs without having written', async () => {
    const { durable, reader, writer } = play({ lockTimeoutMs: 30 }, limited())
    const info = reader.info(...FILM)
    const gate = durable.pauseNextWrite({ at: 'after' })
    const first = reader.putContent(info, 'first')
    await gate.reached
    await expect(writer.putContent(info, 'second')).rejects.toMatchObject({ code: 'E_LOCK_TIMEOUT' })
    gate.open()
    await first
    expect(await textOf(writer, info)).toBe('first')
  })

  test('a writer whose mark was lost leaves nothing in the cache', async () => {
    const { server, durable, reader, writer } = play({}, limited())
    const info = reader.info(...FILM)
    await durable.putContent(info, 'old')
    const gate = durable.pauseNextWrite({ at: 'after' })
    const first = writer.putContent(info, 'new')
    await gate.reached
    await server.evict(contentKey(reader))
    await textOf(reader, info)
    gate.open()
    await first
    expect(await server.cache.get(contentKey(reader))).toBeUndefined()
    expect(await textOf(reader, info)).toBe('new')
  })

  test('a write that failed gives the lock back', async () => {
    const { durable, reader, writer } = play({}, limited())
    const info = reader.info(...FILM)
    durable.failNextWrites(1, new StorageError('E_STORAGE_UNAVAILABLE', 'The disk is gone'))
    await expect(writer.putContent(info, 'new')).rejects.toMatchObject({ code: 'E_STORAGE_UNAVAILABLE' })
    await reader.putContent(info, 'newer')
    expect(await textOf(writer, info)).toBe('newer')
  })

  test('a removal of nothing gives the lock back', async () => {
    const { reader, writer } = play({ lockTimeoutMs: 50 }, limited())
    const info = reader.info(...FILM)
    expect(await writer.remove(info)).toMatchObject({ changed: false })
    await reader.putContent(info, 'text')
    expect(await textOf(writer, info)).toBe('text')
  })

  test('aborting ends the wait for the lock', async () => {
    const { durable, reader, writer } = play({}, limited())
    const info = reader.info(...FILM)
    const gate = durable.pauseNextWrite({ at: 'after' })
    const first = reader.putContent(info, 'first')
    await gate.reached
    const controller = new AbortController()
    const second = writer.putContent(info, 'second', { signal: controller.signal })
    controller.abort()
    await expect(second).rejects.toMatchObject({ code: 'E_ABORTED' })
    gate.open()
    await first
    expect(await textOf(writer, info)).toBe('first')
  })
})

test('options that make no sense are refused before any I/O', () => {
  const cache = new EmbeddedCache()
  const storage = new MemoryStorage()
  const make = (options: object) => () => new MemcacheStorage({ cache, storage, ...options })
  for (const bad of [{ ttlMs: 0 }, { ttlMs: -1 }, { ttlMs: NaN }, { markTtlMs: 0 }]) {
    expect(make(bad)).toThrow(RangeError)
  }
  expect(make({ ttlMs: '1' })).toThrow(TypeError)
  expect(make({ whenCacheFails: 'ignore' })).toThrow(RangeError)
  expect(make({ keyPrefix: 'a b' })).toThrow(RangeError)
  expect(make({ keyPrefix: 'x'.repeat(81) })).toThrow(RangeError)
  expect(make({ servers: '127.0.0.1:11211' })).toThrow(TypeError)
  expect(make({ cache: undefined })).toThrow(TypeError)
})

test('values expire early by a part of their time chosen at random', async () => {
  const ttls: number[] = []
  class Spy extends EmbeddedCache {
    override cas(...args: Parameters<EmbeddedCache['cas']>) {
      ttls.push(args[3]?.ttlMs ?? 0)
      return super.cas(...args)
    }
  }
  const storage = new MemcacheStorage({
    cache: new Spy(),
    storage: new MemoryStorage(),
    ttlMs: 10_000,
  })
  for (let i = 0; i < 100; i++) await storage.putContent(storage.info('films', `film ${i}`), 'x')
  expect(Math.min(...ttls)).toBeGreaterThanOrEqual(9_000)
  expect(Math.max(...ttls)).toBeLessThanOrEqual(10_000)
  expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(500)
})
