import { startMemcached } from '@larder/dev-servers'
import { RemoteCache } from '@larder/memcached'
import { MemoryStorage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { FILM } from '../support/races.js'

const LARGE = Buffer.alloc(700_000, 'x')

for (const transport of ['meta', 'binary'] as const) {
  describe(`a server with a smaller -I than the client takes it to have, over ${transport}`, () => {
    test('leaves a value out at once that is too large, and takes the next one in pieces', async () => {
      await using server = await startMemcached({ args: ['-I', '512k'] })
      await using cache = new RemoteCache(server.address, { transport })
      const durable = new FaultyStorage(new MemoryStorage())
      await using storage = new MemcacheStorage({ storage: durable, cache, whenCacheFails: 'reject' })
      const info = storage.info(...FILM)
      await storage.putContent(info, 'small')
      expect(cache.maxItemBytes).toBeGreaterThan(LARGE.length)
      await storage.putContent(info, LARGE)
      expect(storage.counters()).toMatchObject({ writes: 2, unconfirmedWrites: 0, cacheErrors: 0 })
      expect(cache.maxItemBytes).toBeLessThan(512 * 1024)
      expect((await storage.getContent(info)).bytes.equals(LARGE)).toBe(true)
      const { hits } = storage.counters()
      expect((await storage.getContent(info)).bytes.equals(LARGE)).toBe(true)
      expect(storage.counters().hits).toBe(hits + 1)
      await storage.putContent(info, Buffer.concat([LARGE, LARGE]))
      expect((await storage.getContent(info)).size).toBe(2 * LARGE.length)
      expect(storage.counters().hits).toBe(hits + 2)
    })

    test.each([
      ['one item', LARGE],
      ['pieces', Buffer.concat([LARGE, LARGE, LARGE])],
    ])(
      'keeps a resource of %s where there is no storage behind, from the first write on',
      async (_, content) => {
        await using server = await startMemcached({ args: ['-I', '512k'] })
        await using cache = new RemoteCache(server.address, { transport })
        await using storage = new MemcacheStorage({ cache })
        const first = storage.info('films', 'first')
        await storage.putContent(first, content)
        expect((await storage.getContent(first)).bytes.equals(content)).toBe(true)
        expect(cache.maxItemBytes).toBeLessThan(512 * 1024)
      },
    )

    test('keeps the other part of a resource whose content was refused, without a storage behind', async () => {
      await using server = await startMemcached({ args: ['-I', '512k'] })
      await using cache = new RemoteCache(server.address, { transport })
      await using storage = new MemcacheStorage({ cache })
      const info = storage.info(...FILM)
      await storage.putMetaData(info, 'Metropolis')
      await storage.putContent(info, LARGE)
      expect((await storage.getContent(info)).bytes.equals(LARGE)).toBe(true)
      expect(String((await storage.getMetaData(info)).bytes)).toBe('Metropolis')
      expect([...(await storage.ls('films'))].length).toBe(1)
    })

    test('tells the caller of a plain store, alone or in a batch', async () => {
      await using server = await startMemcached({ args: ['-I', '512k'] })
      await using cache = new RemoteCache(server.address, { transport })
      await expect(cache.set('key', LARGE)).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
      await expect(cache.set('key', LARGE)).rejects.toBeInstanceOf(RangeError)
      await using other = new RemoteCache(server.address, { transport })
      const failed = await other.setMulti([
        { key: 'a', value: LARGE },
        { key: 'b', value: Buffer.from('b') },
      ])
      expect([...failed].map(([key, error]) => [key, (error as { code?: string }).code])).toEqual([
        ['a', 'E_TOO_LARGE'],
      ])
      expect(other.maxItemBytes).toBe(cache.maxItemBytes)
      expect(String((await other.get('b'))?.value)).toBe('b')
    })
  })
}

test.each(['meta', 'binary', 'text'] as const)(
  'a server without memory for a value leaves it out at once, over %s',
  async (transport) => {
    await using server = await startMemcached({ args: ['-M', '-m', '2'] })
    await using cache = new RemoteCache(server.address, { transport })
    await using storage = new MemcacheStorage({
      storage: new MemoryStorage(),
      cache,
      whenCacheFails: 'reject',
    })
    const info = storage.info(...FILM)
    // Marks have their memory from here on; values of the size of the others have none.
    await storage.putContent(info, '')
    const full = Array.from({ length: 5_000 }, (_, i) => ({ key: `k${i}`, value: Buffer.alloc(1_500) }))
    expect((await cache.setMulti(full)).size).toBeGreaterThan(0)
    for (const content of ['a'.repeat(1_450), 'b'.repeat(1_450), 'short']) {
      await storage.putContent(info, content)
      expect((await storage.getContent(info)).size).toBe(content.length)
    }
    expect(storage.counters().unconfirmedWrites).toBe(0)
  },
)

test('a query whose result is too large for the server is answered and kept in pieces', async () => {
  await using server = await startMemcached({ args: ['-I', '512k'] })
  await using cache = new RemoteCache(server.address)
  await using queries = new QueryCache({ cache })
  const text = LARGE.toString()
  for (let i = 0; i < 3; i++) expect(await queries.cached('key', {}, async () => text)).toBe(text)
  const load = async () => 'loaded anew'
  expect(await queries.cached('key', {}, load)).toBe(text)
})
