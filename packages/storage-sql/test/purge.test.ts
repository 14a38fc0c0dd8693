import { installTriggers } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, errorOf, gate, openFresh } from './databases.js'

describe.each(DATABASE_NAMES)('purge on %s', (name) => {
  test('removes tombstones of every collection, and no version starts again', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const other = await opened.another()
    for (const collection of ['a', 'b']) {
      for (let i = 0; i < 3; i++) {
        const info = storage.info(collection, `gone ${i}`)
        await storage.putContent(info, 'x')
        await storage.remove(info)
      }
      await storage.putContent(storage.info(collection, 'stays'), 'x')
    }
    expect(await opened.count('resource', 'live = 0')).toBe(6)
    expect(await storage.purge({ tombstonesOlderThanMs: 0 })).toEqual({
      tombstones: 6,
      contents: 0,
      changes: 0,
    })
    expect(await opened.count('resource', 'live = 0')).toBe(0)
    expect([...(await storage.ls('a')).keys()]).toEqual(['stays'])
    // A process that knows nothing of it, and one that does.
    expect((await other.putContent(other.info('a', 'gone 0'), 'again')).version).toBe(3)
    expect((await storage.putContent(storage.info('b', 'gone 0'), 'again')).version).toBe(3)
  })

  test('removes more tombstones than a batch holds, and leaves those that are younger', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const infos = Array.from({ length: 1_100 }, (_, i) => storage.info('c', `r${i}`))
    await storage.writeMany(infos.map((info) => ({ info, content: 'x' })))
    await storage.writeMany(infos.map((info) => ({ info, content: null, metadata: null })))
    expect((await storage.purge({ tombstonesOlderThanMs: 3_600_000 })).tombstones).toBe(0)
    expect((await storage.purge({})).tombstones).toBe(0)
    expect((await storage.purge({ tombstonesOlderThanMs: 0 })).tombstones).toBe(1_100)
  })

  test('leaves a tombstone alone that a writer is about to replace', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const other = await opened.another()
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    await storage.remove(info)
    const [reached, go] = [gate(), gate()]
    const beforeCommit = async () => {
      reached.open()
      await go.opened
    }
    const write = storage.putContent(info, 'again', { transaction: { beforeCommit } })
    await reached.opened
    const purge = other.purge({ tombstonesOlderThanMs: 0 })
    // On SQLite it waits for the writer.
    if (name !== 'sqlite') expect((await purge).tombstones).toBe(0)
    go.open()
    expect((await write).version).toBe(3)
    expect((await purge).tombstones).toBe(0)
    expect((await storage.getContent(info)).version).toBe(3)
  })

  test('versions grow while resources are removed, created and purged concurrently', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const other = await opened.another()
    let going = true
    const writer = async (resource: string) => {
      const info = storage.info('c', resource)
      for (let i = 0, last = 0; i < 25; i++) {
        const { version } = await storage.putContent(info, 'x')
        expect(version, `${version} after ${last}`).toBeGreaterThan(last)
        last = (await storage.remove(info)).version
        expect(last).toBe(version + 1)
      }
    }
    const purger = async () => {
      while (going) await other.purge({ tombstonesOlderThanMs: 0 })
    }
    const purging = purger()
    await Promise.all(['p', 'q', 'r'].map(writer)).finally(() => (going = false))
    await purging
  })

  test('removes replaced contents after chunkGraceMs, and old records of changes', async () => {
    await using opened = await openFresh(name, { inlineMaxBytes: 10, chunkBytes: 10, chunkGraceMs: 1 })
    const { storage } = opened
    await installTriggers(storage)
    const info = storage.info('c', 'large')
    await storage.putContent(info, 'x'.repeat(100))
    await storage.putContent(info, 'small')
    await opened.query("UPDATE larder_resource SET content = NULL WHERE name = 'large'")
    expect(await opened.count('change')).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const { contents, changes } = await storage.purge({ changesOlderThanMs: 10 })
    expect.assert(contents <= 1 && changes >= 1)
    expect(await opened.count('body', 'expires_ms IS NOT NULL')).toBe(0)
    expect(await opened.count('change')).toBe(0)
  })

  test('refuses ages that are none, and unknown options', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    expect(await errorOf(storage.purge({ tombstonesOlderThanMs: -1 }))).toBeInstanceOf(RangeError)
    expect(await errorOf(storage.purge({ tombstones: 1 } as object))).toBeInstanceOf(TypeError)
    expect(await errorOf(storage.restored({ raiseBy: 0.5 }))).toBeInstanceOf(RangeError)
    const aborted = storage.purge({ tombstonesOlderThanMs: 0, signal: AbortSignal.abort() })
    expect((await errorOf(aborted)).code).toBe('E_ABORTED')
  })
})
