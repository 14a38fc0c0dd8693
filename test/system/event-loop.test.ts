import { MemoryStorage, type Storage } from '@larder/storage-core'
import { EmbeddedCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const STORAGES: Readonly<Record<string, (folder: string) => Promise<Storage>>> = {
  'SqlStorage on a SQLite file': (folder) => SqlStorage.open({ url: `sqlite:${join(folder, 'a.db')}` }),
  'SqlStorage on SQLite in memory': () => SqlStorage.open({ url: 'sqlite::memory:' }),
  MemoryStorage: async () => new MemoryStorage(),
  'MemcacheStorage on an embedded cache alone': async () =>
    new MemcacheStorage({ cache: new EmbeddedCache() }),
}

async function within(name: string, work: (storage: Storage) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-loop-'))
  try {
    await using storage = (await STORAGES[name]?.(folder)) as Storage
    await work(storage)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Repeats `call`, awaited, until a timer of 5 ms ran three times meanwhile; without turns it would never run. */
async function untilTicks(call: (i: number) => Promise<unknown>): Promise<void> {
  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  const end = performance.now() + 20_000
  for (let i = 0; ticks < 3 && performance.now() < end; i++) await call(i)
  clearInterval(timer)
  expect(ticks, String(call)).toBe(3)
}

describe.each(Object.keys(STORAGES))('%s', (name) => {
  test('lets a timer of 5 ms run while puts and reads are awaited one after the other', async () => {
    await within(name, async (storage) => {
      const info = (i: number) => storage.info('c', String(i % 50))
      await untilTicks((i) => storage.putContent(info(i), 'x'.repeat(1_000)))
      await untilTicks((i) => storage.exists(info(i)))
    })
  })

  test('lets a timer run during many concurrent puts', async () => {
    await within(name, async (storage) => {
      let going = true
      const work = Array.from({ length: 20 }, async (_, writer) => {
        for (let i = 0; going; i++) await storage.putContent(storage.info('c', `${writer} ${i % 10}`), 'x')
      })
      await new Promise((resolve) => setTimeout(resolve, 100))
      going = false
      await Promise.all(work)
    })
  })

  test('ends at an AbortSignal.timeout while puts are awaited', async () => {
    await within(name, async (storage) => {
      const signal = AbortSignal.timeout(200)
      const start = performance.now()
      await expect(
        (async () => {
          while (performance.now() - start < 20_000)
            await storage.putContent(storage.info('c', 'r'), 'x', { signal })
        })(),
      ).rejects.toMatchObject({ code: 'E_ABORTED' })
    })
  })
})

test('an EmbeddedCache lets a timer of 5 ms run while its calls are awaited', async () => {
  await using cache = new EmbeddedCache()
  const value = Buffer.alloc(1_000)
  for (const call of [
    () => cache.get('k'),
    () => cache.set('k', value),
    () => cache.getMulti(['k', 'l']),
    () => cache.delete('k'),
    () => cache.arithmetic('n', 1n, { initial: 1n }),
    () => cache.touch('k', 1_000),
  ]) {
    await untilTicks(call)
  }
})
