import { MemoryStorage } from '@larder/storage-core'
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMemcached } from '@larder/dev-servers'
import { PATIENT } from '@larder/dev-servers/vitest'

const BYTES = 200_000

describe('what is asked of an item is not paid for with its bytes', () => {
  let server: Awaited<ReturnType<typeof startMemcached>>
  let cache: RemoteCache
  beforeAll(async () => {
    server = await startMemcached()
    cache = new RemoteCache(server.address, { ...PATIENT, transport: 'meta' })
  })
  afterAll(async () => {
    await cache.close()
    await server.stop()
  })

  /** How many bytes the server has sent while `work` ran. */
  async function sentDuring(work: () => Promise<unknown>): Promise<number> {
    const sent = async () => {
      const { answers } = await cache.stats()
      return Number([...answers.values()][0]?.get('bytes_written'))
    }
    const before = await sent()
    await work()
    return (await sent()) - before
  }

  for (const graceMs of [0, 60_000]) {
    test(`whether a part exists, and writes over one, with graceMs of ${graceMs}`, async () => {
      const storage = new MemcacheStorage({
        cache,
        storage: new MemoryStorage(),
        graceMs,
        keyPrefix: `${graceMs}:`,
      })
      const info = storage.info('films', 'alien')
      await storage.putContent(info, Buffer.alloc(BYTES, 'x'))
      expect(await sentDuring(() => storage.getContent(info))).toBeGreaterThan(BYTES)
      const sent = await sentDuring(async () => {
        await storage.putContent(info, Buffer.alloc(BYTES, 'y'))
        await storage.putMetaData(info, 'm')
      })
      expect(sent).toBeLessThan(BYTES / 2)
      expect((await storage.getContent(info)).bytes[0]).toBe('y'.charCodeAt(0))
      if (graceMs === 0) expect(await sentDuring(() => storage.exists(info))).toBeLessThan(BYTES / 2)
      expect(await storage.exists(info)).toBe(true)
      expect(storage.counters().durableReads).toBe(0)
    })
  }
})
