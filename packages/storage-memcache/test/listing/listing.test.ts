import {
  type ListPage,
  MemoryStorage,
  type PageOptions,
  type PartsWriteOptions,
  type ResourceInfo,
  type Storage,
  StorageError,
  type WriteResult,
} from '@larder/storage-core'
import { type PutArguments, type PendingWrite } from '@larder/storage-core/driver'
import { FaultyStorage, ForwardingStorage, LimitedStorage } from '@larder/storage-core/testing'
import { MemcacheStorage } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'
import { stage, type Stage } from '../support/races.js'

type ProxyStage = Stage & { readonly reader: MemcacheStorage; readonly writer: MemcacheStorage }

const play = (inner: Storage = new MemoryStorage()) =>
  stage((storage, cache) => new MemcacheStorage({ storage, cache, fillWaitMs: 20 }), inner) as ProxyStage

async function namesOf(storage: Storage, ext?: string): Promise<string[]> {
  return [...(await storage.ls('films', ext)).keys()]
}

const film = (storage: Storage, name: string): ResourceInfo => storage.info('films', name)

/** Makes a listing that is in the cache. */
async function cachedListing(...names: string[]): Promise<ProxyStage> {
  const made = play()
  for (const name of names) await made.durable.putContent(film(made.durable, name), 'x')
  await namesOf(made.reader)
  made.durable.forgetCalls()
  return made
}

const headKey = (storage: Storage) => `${storage.info('films').key}:l`

/** Where a piece of the listing stands: `0` is the first chunk of names, `l0` the first log. */
async function pieceKey(server: CacheServer, storage: Storage, piece: string): Promise<string> {
  const head = (await server.cache.get(headKey(storage)))?.value.toString() ?? ''
  return `${headKey(storage)}/${head.split(' ')[4] ?? ''}/${piece}`
}

describe('a cached listing', () => {
  test('that the storage behind does not give in time is no trouble of the cache', async () => {
    const { durable, reader } = play()
    await durable.putContent(film(durable, 'a'), 'x')
    durable.failNextListings(1, new StorageError('E_TIMEOUT', 'The database took too long'))
    await expect(namesOf(reader)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    expect(reader.counters().cacheErrors).toBe(0)
    expect(durable.count('listing')).toBe(1)
    expect(await namesOf(reader)).toEqual(['a'])
    expect(reader.counters().listHits).toBe(0)
    expect(await namesOf(reader)).toEqual(['a'])
    expect(reader.counters().listHits).toBe(1)
  })

  test('costs one query, then none', async () => {
    const { durable, reader, writer } = await cachedListing('b', 'a.atom', 'c.atom')
    expect(await namesOf(reader)).toEqual(['a.atom', 'b', 'c.atom'])
    expect(await namesOf(writer, 'atom')).toEqual(['a.atom', 'c.atom'])
    const pairs: string[] = []
    for await (const [name] of reader.ils('films')) pairs.push(name)
    expect(pairs.sort()).toEqual(['a.atom', 'b', 'c.atom'])
    expect(durable.count('listing')).toBe(0)
    expect(reader.counters().listHits).toBe(2)
  })

  test('follows creations and removals of other processes without a query', async () => {
    const { durable, reader, writer } = await cachedListing('a', 'b')
    await writer.putContent(film(writer, 'c'), 'x')
    await writer.putMetaData(film(writer, 'd'), 'x')
    await writer.remove(film(writer, 'a'))
    await writer.putContent(film(writer, 'b'), 'changed')
    expect(await namesOf(reader)).toEqual(['b', 'c', 'd'])
    await writer.removeContent(film(writer, 'b'))
    await writer.putContent(film(writer, 'd'), 'x')
    await writer.removeMetaData(film(writer, 'd'))
    await writer.putContent(film(writer, 'a'), 'again')
    expect(await namesOf(reader)).toEqual(['a', 'c', 'd'])
    expect(durable.count('listing')).toBe(0)
  })

  test('hears nothing of a change that neither creates nor removes', async () => {
    const { writer, writerCache } = await cachedListing('a')
    await writer.putContent(film(writer, 'a'), 'changed')
    expect(writerCache.count('append')).toBe(0)
  })

  for (const which of ['head', 'log', 'chunk'] as const) {
    for (const meanwhile of ['a write', 'nothing'] as const) {
      test(`is read again when its ${which} is evicted and ${meanwhile} happens`, async () => {
        const { server, durable, reader, writer } = await cachedListing('a', 'b')
        const piece = which === 'log' ? 'l0' : '0'
        await server.evict(which === 'head' ? headKey(reader) : await pieceKey(server, reader, piece))
        if (meanwhile === 'a write') await writer.putContent(film(writer, 'c'), 'x')
        const expected = meanwhile === 'a write' ? ['a', 'b', 'c'] : ['a', 'b']
        for (let round = 0; round < 2; round++) expect(await namesOf(reader)).toEqual(expected)
        expect(durable.count('listing')).toBe(1)
      })
    }
  }

  test('names of any kind survive it', async () => {
    const odd = [
      'line\nbreak',
      '+plus',
      '-minus',
      ' ',
      'é',
      'e\u0301',
      '\u{1F3AC}',
      '\uffee',
      'x'.repeat(512),
    ]
    const { reader, writer } = await cachedListing(...odd.slice(0, 5))
    for (const name of odd.slice(5)) await writer.putContent(film(writer, name), 'x')
    const order = [...odd].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(await namesOf(reader)).toEqual(order)
  })

  test('is compacted when its log has outgrown it', async () => {
    const { durable, reader, writer } = await cachedListing('a')
    for (let i = 0; i < 600; i++) {
      await writer.putContent(film(writer, 'b'), 'x')
      await writer.remove(film(writer, 'b'))
    }
    expect(await namesOf(reader)).toEqual(['a'])
    expect(durable.count('listing')).toBe(0)
    for (let round = 0; round < 2; round++) expect(await namesOf(writer)).toEqual(['a'])
    expect(durable.count('listing')).toBe(1)
  })

  test('is spread over items when it is large', async () => {
    const server = new CacheServer({ maxItemBytes: 2_000 })
    const durable = new FaultyStorage(new MemoryStorage())
    const storage = new MemcacheStorage({ storage: durable, cache: server.client() })
    const names = Array.from({ length: 1_000 }, (_, i) => `film ${String(i).padStart(4, '0')}`)
    await Promise.all(names.map((name) => durable.putContent(film(durable, name), 'x')))
    expect(await namesOf(storage)).toEqual(names)
    durable.forgetCalls()
    expect(await namesOf(storage)).toEqual(names)
    expect(durable.count('listing')).toBe(0)
    for (let i = 0; i < 2_000; i++) await storage.putContent(film(storage, `new ${i}`), 'x')
    expect(await namesOf(storage)).toHaveLength(3_000)
  })

  test('survives a cache that fails', async () => {
    const { durable, reader, readerCache } = await cachedListing('a', 'b')
    readerCache.isDown = true
    expect(await namesOf(reader)).toEqual(['a', 'b'])
    expect(durable.count('listing')).toBe(1)
  })

  for (const operation of ['add', 'setMulti', 'cas', 'getMulti', 'get', 'delete', 'touch'] as const) {
    test(`a ${operation} without an answer costs the set, not the listing`, async () => {
      for (const at of ['before', 'after'] as const) {
        const { durable, reader, readerCache, writer } = play()
        await durable.putContent(film(durable, 'a'), 'x')
        readerCache.failNext(operation, 1, { at })
        expect(await namesOf(reader)).toEqual(['a'])
        await writer.putContent(film(writer, 'b'), 'x')
        expect(await namesOf(reader)).toEqual(['a', 'b'])
        expect(await namesOf(reader)).toEqual(['a', 'b'])
      }
    })
  }

  test('a failure of the storage behind rejects, and the next listing succeeds', async () => {
    const { durable, reader } = play()
    await durable.putContent(film(durable, 'a'), 'x')
    durable.failNextListings(1, new Error('The database is down'))
    await expect(namesOf(reader)).rejects.toThrow('The database is down')
    expect(await namesOf(reader)).toEqual(['a'])
  })
})

describe('late changes', () => {
  const isPiece = (key: string) => key.includes(':l/')

  test('a create whose entry arrives after the removal does not bring the name back', async () => {
    const { server, durable, reader, writer, writerCache } = await cachedListing('a')
    const third = new MemcacheStorage({ storage: durable, cache: server.client() })
    const late = writerCache.pauseNext('append', { key: isPiece })
    const create = writer.putContent(film(writer, 'b'), 'x')
    await late.reached
    await third.remove(film(third, 'b'))
    late.open()
    await create
    expect(await namesOf(reader)).toEqual(['a'])
  })

  test('a removal whose entry arrives after the next create does not hide the name', async () => {
    const { server, durable, reader, writer, writerCache } = await cachedListing('a', 'b')
    const third = new MemcacheStorage({ storage: durable, cache: server.client() })
    const late = writerCache.pauseNext('append', { key: isPiece })
    const remove = writer.remove(film(writer, 'b'))
    await late.reached
    await third.putContent(film(third, 'b'), 'again')
    late.open()
    await remove
    expect(await namesOf(reader)).toEqual(['a', 'b'])
  })

  for (const [what, first, second, expected] of [
    ['create', 'put', 'remove', ['a']],
    ['removal', 'remove', 'put', ['a', 'b']],
  ] as const) {
    test(`a ${what} from before a set was built is not added to it after a later change`, async () => {
      const { server, durable, reader, writer, writerCache } = play()
      const third = new MemcacheStorage({ storage: durable, cache: server.client() })
      await durable.putContent(film(durable, 'a'), 'x')
      if (first === 'remove') await durable.putContent(film(durable, 'b'), 'x')
      // The writer has committed and is about to look at the head, which is not there yet.
      const answer = durable.pauseNextWrite({ at: 'after' })
      const slow =
        first === 'put' ? writer.putContent(film(writer, 'b'), 'x') : writer.remove(film(writer, 'b'))
      await answer.reached
      if (second === 'put') await third.putContent(film(third, 'b'), 'x')
      else await third.remove(film(third, 'b'))
      expect(await namesOf(reader)).toEqual(expected)
      answer.open()
      await slow
      expect(await namesOf(reader)).toEqual(expected)
      // A creation that is over by then is of no use to anybody; a removal loses by its version.
      expect(writerCache.count('append')).toBe(first === 'put' ? 0 : 1)
    })
  }

  test('a create in flight is added to a set that was built meanwhile, and the set stays', async () => {
    const { durable, reader, writer, writerCache } = play()
    await durable.putContent(film(durable, 'a'), 'x')
    const commit = writerCache.pauseNext('set')
    const slow = writer.putContent(film(writer, 'b'), 'x')
    await commit.reached
    expect(await namesOf(reader)).toEqual(['a'])
    durable.forgetCalls()
    commit.open()
    await slow
    expect(await namesOf(reader)).toEqual(['a', 'b'])
    expect(durable.count('listing')).toBe(0)
  })

  test('a create that saw a set before its writers logged does not add to it after the removal', async () => {
    const { server, durable, reader, readerCache, writer } = play()
    const third = new MemcacheStorage({ storage: durable, cache: server.client() })
    await durable.putContent(film(durable, 'a'), 'x')
    const leased = readerCache.pauseNext('setMulti', { key: isPiece })
    const listing = namesOf(reader)
    await leased.reached
    const answer = durable.pauseNextWrite({ at: 'after' })
    const slow = writer.putContent(film(writer, 'b'), 'x')
    await answer.reached
    // Nothing is told: the set will be read later than this.
    await third.remove(film(third, 'b'))
    leased.open()
    expect(await listing).toEqual(['a'])
    durable.forgetCalls()
    answer.open()
    await slow
    expect(await namesOf(reader)).toEqual(['a'])
    // Neither of them has cost the set.
    expect(durable.count('listing')).toBe(0)
  })

  test('the set is dropped when the storage behind cannot say whether a create still holds', async () => {
    const { durable, reader, writer } = play()
    const answer = durable.pauseNextWrite({ at: 'after' })
    const slow = writer.putContent(film(writer, 'b'), 'x')
    await answer.reached
    expect(await namesOf(reader)).toEqual(['b'])
    durable.failNextReads(1, new Error('The database is down'))
    answer.open()
    await slow
    durable.forgetCalls()
    expect(await namesOf(reader)).toEqual(['b'])
    expect(durable.count('listing')).toBe(1)
  })

  test('a writer that rolls back leaves the mark of a creator', async () => {
    const { server, durable, reader, writer, writerCache } = await cachedListing('a')
    const rollingBack = new MemcacheStorage({ storage: new RollsBack(durable), cache: server.client() })
    const third = new MemcacheStorage({ storage: durable, cache: server.client() })
    const late = writerCache.pauseNext('append', { key: isPiece })
    const create = writer.putContent(film(writer, 'b'), 'x')
    await late.reached
    await expect(rollingBack.putContent(film(rollingBack, 'b'), 'y')).rejects.toThrow('rolled back')
    await third.putContent(film(third, 'b'), 'z')
    // The creator has not told the listing, so whoever writes after it has.
    expect(await namesOf(reader)).toEqual(['a', 'b'])
    late.open()
    await create
    expect(await namesOf(reader)).toEqual(['a', 'b'])
  })

  test('a writer that cannot see whether there is a creator updates the listing itself', async () => {
    const { server, durable, reader, writer, writerCache } = await cachedListing('a')
    const thirdCache = server.client()
    const third = new MemcacheStorage({ storage: durable, cache: thirdCache })
    const late = writerCache.pauseNext('append', { key: isPiece })
    const create = writer.putContent(film(writer, 'b'), 'x')
    await late.reached
    thirdCache.failNext('get', 1, { key: (key) => key.endsWith(':c') })
    await third.putContent(film(third, 'b'), 'y')
    expect(await namesOf(reader)).toEqual(['a', 'b'])
    late.open()
    await create
  })

  test('a log entry without an answer drops the listing', async () => {
    for (const at of ['before', 'after'] as const) {
      const { reader, writer, writerCache } = await cachedListing('a')
      writerCache.failNext('append', 1, { at })
      await writer.putContent(film(writer, 'b'), 'x')
      expect(await namesOf(reader)).toEqual(['a', 'b'])
    }
  })
})

/** A storage whose transactions come to nothing when all is done but the commit. */
class RollsBack extends ForwardingStorage {
  override put(info: ResourceInfo, ...[parts, options = {}]: PutArguments): Promise<WriteResult> {
    const beforeCommit = async (pending: PendingWrite): Promise<void> => {
      await options.transaction?.beforeCommit(pending)
      throw new StorageError('E_CONFLICT', 'rolled back')
    }
    const own = { ...options, transaction: { ...options.transaction, beforeCommit } }
    return super.put(info, ...([parts, own] as PutArguments))
  }
}

/** A storage whose members have one version in listings, and whose removals are of version 1. */
class Versioned extends ForwardingStorage {
  readonly #version: number

  constructor(version: number) {
    super(new MemoryStorage())
    this.#version = version
  }

  override async page(collection: string, options?: PageOptions): Promise<ListPage> {
    const page = await super.page(collection, options)
    return { ...page, entries: page.entries.map((entry) => ({ ...entry, version: this.#version })) }
  }

  override async remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult> {
    return { ...(await super.remove(info, options)), version: 1 }
  }
}

describe('a removal of version 1 hides a name', () => {
  for (const [version, isHidden] of [
    [1, true],
    [255, false],
    [256, false],
    [65_536, false],
    [2 ** 40, false],
  ] as const) {
    test(`that was read with version ${version}: ${isHidden ? 'yes' : 'no'}`, async () => {
      const { durable, reader, writer } = play(new Versioned(version))
      const names = ['a', 'b', 'b\u{e9}', 'c', `\u{1f3ac}${'\u0001'.repeat(500)}`]
      for (const name of names) await durable.putContent(film(durable, name), 'x')
      expect(await namesOf(reader)).toEqual(names)
      await writer.remove(film(writer, 'b'))
      expect(await namesOf(reader)).toEqual(names.filter((name) => !isHidden || name !== 'b'))
      expect(durable.count('page')).toBe(1)
    })
  }
})

test('names that take more room when they are written down are spread over more chunks', async () => {
  const server = new CacheServer({ maxItemBytes: 4_000 })
  const durable = new FaultyStorage(new MemoryStorage())
  const storage = new MemcacheStorage({ storage: durable, cache: server.client() })
  const names = Array.from({ length: 40 }, (_, i) => `${String(i).padStart(2, '0')}${'\u0001'.repeat(400)}`)
  for (const name of names) await durable.putContent(film(durable, name), 'x')
  for (let round = 0; round < 2; round++) expect(await namesOf(storage)).toEqual(names)
  expect(durable.count('page')).toBe(1)
})

test('without transactions, listings follow as well', async () => {
  const inner = new LimitedStorage(new MemoryStorage(), ['transactions', 'journal'])
  const { durable, reader, writer } = play(inner)
  await writer.putContent(film(writer, 'a'), 'x')
  expect(await namesOf(reader)).toEqual(['a'])
  durable.forgetCalls()
  await writer.putContent(film(writer, 'b'), 'x')
  await writer.removeContent(film(writer, 'a'))
  expect(await namesOf(reader)).toEqual(['b'])
  expect(durable.count('listing')).toBe(0)
})

test('collections never see each other', async () => {
  const { reader, writer } = play()
  await writer.putContent(writer.info('a', 'x'), '1')
  await writer.putContent(writer.info('a:l', 'y'), '2')
  await writer.putContent(writer.info('a/', 'z'), '3')
  const listed = async (collection: string) => [...(await reader.ls(collection)).keys()]
  for (let round = 0; round < 2; round++) {
    expect(await listed('a')).toEqual(['x'])
    expect(await listed('a:l')).toEqual(['y'])
    expect(await listed('a/')).toEqual(['z'])
    expect(await listed('none')).toEqual([])
  }
})
