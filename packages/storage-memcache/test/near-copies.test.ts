import { startMemcached } from '@larder/dev-servers'
import { PATIENT } from '@larder/dev-servers/vitest'
import { EmbeddedCache, RemoteCache } from '@larder/memcached'
import { CacheUnavailableError, MemoryStorage } from '@larder/storage-core'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

const BYTES = 100_000

describe('near copies', () => {
  let server: Awaited<ReturnType<typeof startMemcached>>
  let cache: RemoteCache
  let prefix = 0
  beforeAll(async () => {
    server = await startMemcached()
    cache = new RemoteCache(server.address, { ...PATIENT, transport: 'meta' })
  })
  afterAll(async () => {
    await cache.close()
    await server.stop()
  })
  beforeEach(() => {
    prefix++
  })

  /** Two processes in front of one database. */
  function setUp({ nearBytes, of = cache }: { nearBytes?: number; of?: RemoteCache | EmbeddedCache } = {}) {
    const durable = new MemoryStorage()
    const options = { cache: of, storage: durable, nearBytes, keyPrefix: `near${prefix}:` }
    const reader = new MemcacheStorage(options)
    return { reader, writer: new MemcacheStorage(options), info: reader.info('films', 'alien') }
  }

  /** How many bytes the server has sent while `work` ran. */
  async function sentDuring(work: () => Promise<unknown>): Promise<number> {
    const sent = async () => Number([...(await cache.stats()).answers.values()][0]?.get('bytes_written'))
    const before = await sent()
    await work()
    return (await sent()) - before
  }

  test('a value that was read twice is not sent again until it changes', async () => {
    const { reader, info } = setUp()
    const content = Buffer.alloc(BYTES, 'x')
    await reader.putContent(info, content)
    for (let i = 0; i < 2; i++) expect(await sentDuring(() => reader.getContent(info))).toBeGreaterThan(BYTES)
    const sent = await sentDuring(async () => {
      for (let i = 0; i < 5; i++) expect((await reader.getContent(info)).bytes).toEqual(content)
    })
    expect(sent).toBeLessThan(BYTES / 2)
    expect(reader.counters()).toMatchObject({ hits: 7, nearHits: 5, nearMisses: 0, durableReads: 0 })
  })

  test("another process's write and removal are seen at once", async () => {
    const { reader, writer, info } = setUp()
    await writer.putContent(info, Buffer.alloc(BYTES, 'a'))
    for (let i = 0; i < 3; i++) await reader.getContent(info)
    await writer.putContent(info, Buffer.alloc(BYTES, 'b'))
    expect(String((await reader.getContent(info)).bytes.subarray(0, 1))).toBe('b')
    expect(reader.counters()).toMatchObject({ nearHits: 1, nearMisses: 1 })
    await writer.removeContent(info)
    await expect(reader.getContent(info)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })

  test('a copy that was out of date twice in a row is given up until the value is seen unchanged', async () => {
    const { reader, writer, info } = setUp()
    const write = () => writer.putContent(info, Buffer.alloc(BYTES, 'x'))
    await write()
    for (let i = 0; i < 2; i++) await reader.getContent(info)
    for (let i = 0; i < 4; i++) {
      await write()
      await reader.getContent(info)
    }
    expect(reader.counters()).toMatchObject({ nearHits: 0, nearMisses: 2 })
    for (let i = 0; i < 3; i++) await reader.getContent(info)
    expect(reader.counters()).toMatchObject({ nearHits: 2, nearMisses: 2 })
  })

  test('callers own the bytes that they get', async () => {
    const { reader, info } = setUp()
    await reader.putContent(info, Buffer.alloc(BYTES, 'x'))
    for (let i = 0; i < 5; i++) {
      const { bytes } = await reader.getContent(info)
      expect(bytes.every((byte) => byte === 'x'.charCodeAt(0))).toBe(true)
      bytes.fill(0)
    }
    expect(reader.counters().nearHits).toBe(3)
  })

  test('a batch confirms its copies and reads new values in the same round trip', async () => {
    const { reader, writer } = setUp()
    const infos = Array.from({ length: 20 }, (_, i) => reader.info('films', `film ${i}`))
    for (const info of infos) await writer.putContent(info, Buffer.alloc(BYTES, 'x'))
    const warm = infos.slice(0, 15)
    for (let i = 0; i < 2; i++) await reader.getMany(warm, { part: 'content' })
    await writer.putContent(infos[0]!, Buffer.alloc(BYTES, 'y'))
    await writer.removeContent(infos[1]!)
    const sent = await sentDuring(async () => {
      const found = await reader.getMany(infos, { part: 'content' })
      expect(found.map((part) => part && String(part.bytes.subarray(0, 1)))).toEqual([
        ...['y', undefined],
        ...Array.from({ length: 18 }, () => 'x'),
      ])
    })
    expect(sent).toBeLessThan(7 * BYTES)
    // The removed content is out of date too: its absence stands in its place.
    expect(reader.counters()).toMatchObject({ nearHits: 13, nearMisses: 2 })
  })

  test('values in pieces are confirmed piece by piece', async () => {
    const { reader, info } = setUp()
    const content = Buffer.alloc(3_000_000, 'x')
    await reader.putContent(info, content)
    for (let i = 0; i < 2; i++) await reader.getContent(info)
    const sent = await sentDuring(async () => {
      expect((await reader.getContent(info)).bytes.equals(content)).toBe(true)
    })
    expect(sent).toBeLessThan(BYTES)
    expect(reader.counters().nearHits).toBe(3)
  })

  test('no copy outlives the process of its server', async () => {
    const own = await startMemcached()
    const remote = new RemoteCache(own.address, { ...PATIENT, transport: 'meta' })
    const { reader, info } = setUp({ of: remote })
    await reader.putContent(info, Buffer.alloc(BYTES, 'x'))
    for (let i = 0; i < 3; i++) await reader.getContent(info)
    expect(reader.counters().nearHits).toBe(1)
    await own.restart()
    await expect.poll(async () => (await reader.getContent(info)).size, { timeout: 20_000 }).toBe(BYTES)
    expect(reader.counters().nearHits).toBe(1)
    await remote.close()
    await own.stop()
  })

  test('a batch that fails while a copy is asked for leaves no rejection unhandled', async () => {
    let isBroken = false
    const failing = new Proxy(cache, {
      get: (target, name) => {
        if (isBroken && name === 'getMulti') return () => Promise.reject(new CacheUnavailableError('cut'))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const { reader, info } = setUp({ of: failing })
    const other = reader.info('films', 'other')
    for (const each of [info, other]) await reader.putContent(each, Buffer.alloc(BYTES, 'x'))
    for (let i = 0; i < 2; i++) await reader.getContent(info)
    const unhandled: unknown[] = []
    const note = (reason: unknown) => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    isBroken = true
    expect((await reader.getMany([info, other])).map((part) => part?.size)).toEqual([BYTES, BYTES])
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  test('the memory for copies is bounded', async () => {
    const { reader } = setUp({ nearBytes: 2.5 * BYTES })
    const infos = Array.from({ length: 4 }, (_, i) => reader.info('films', `film ${i}`))
    for (const info of infos) await reader.putContent(info, Buffer.alloc(BYTES, 'x'))
    for (let i = 0; i < 2; i++) for (const info of infos) await reader.getContent(info)
    // The third copy took the room of what was read least recently: the first copy, and the record of the fourth value.
    for (const info of infos.slice(1, 3)) await reader.getContent(info)
    expect(reader.counters().nearHits).toBe(2)
    for (const info of [infos[0]!, infos[3]!]) await reader.getContent(info)
    expect(reader.counters().nearHits).toBe(2)
  })

  test('small values, and all values with nearBytes of 0, are read as before', async () => {
    const small = setUp()
    await small.reader.putContent(small.info, Buffer.alloc(1_000, 'x'))
    prefix++
    const off = setUp({ nearBytes: 0 })
    await off.reader.putContent(off.info, Buffer.alloc(BYTES, 'x'))
    for (const { reader, info } of [small, off]) {
      for (let i = 0; i < 4; i++) await reader.getContent(info)
      expect(reader.counters()).toMatchObject({ hits: 4, nearHits: 0, nearMisses: 0 })
    }
  })

  for (const transport of ['binary', 'text', 'embedded'] as const) {
    test(`a cache that must read a value to know its state is read without copies: ${transport}`, async () => {
      const of =
        transport === 'embedded'
          ? new EmbeddedCache()
          : new RemoteCache(server.address, { ...PATIENT, transport })
      const { reader, writer, info } = setUp({ of })
      for (const fill of ['a', 'b']) {
        await writer.putContent(info, Buffer.alloc(BYTES, fill))
        for (let i = 0; i < 4; i++)
          expect(String((await reader.getContent(info)).bytes.subarray(-1))).toBe(fill)
      }
      expect(reader.counters()).toMatchObject({ hits: 8, nearHits: 0, nearMisses: 0, cacheErrors: 0 })
      await of.close()
    })
  }

  test('results of queries have copies, which an invalidation of a tag, a prefix or a key voids', async () => {
    const keyPrefix = `near${prefix}:`
    const one = new QueryCache({ cache, keyPrefix })
    const two = new QueryCache({ cache, keyPrefix })
    let rows = 0
    const read = (queries: QueryCache) =>
      queries.cached('film:1', { tags: ['film'] }, () => [`${++rows}`, 'x'.repeat(BYTES)])
    for (const target of [{ tag: 'film' }, { prefix: 'film:' }, 'film:1'] as const) {
      for (let i = 0; i < 4; i++) expect((await read(one))[0]).toBe(String(rows))
      const before = rows
      await two.invalidate(target)
      expect((await read(one))[0]).toBe(String(before + 1))
    }
    expect(one.counters().nearHits).toBeGreaterThan(3)
  })
})
