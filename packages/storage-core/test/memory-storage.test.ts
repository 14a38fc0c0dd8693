import { MemoryStorage } from '@larder/storage-core'
import { FaultyStorage, LimitedStorage, storageContract } from '@larder/storage-core/testing'
import { AsyncResource } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'

describe('MemoryStorage', () => {
  storageContract({ describe, test, open: async () => ({ storage: new MemoryStorage() }) })
})

describe('FaultyStorage without faults', () => {
  storageContract({ describe, test, open: async () => ({ storage: new FaultyStorage(new MemoryStorage()) }) })
})

describe('MemoryStorage without what is optional', () => {
  const without = ['atomicParts', 'transactions', 'orderByModified'] as const
  storageContract({
    describe,
    test,
    open: async () => ({ storage: new LimitedStorage(new MemoryStorage(), without) }),
  })
})

describe('the counter of MemoryStorage', () => {
  test('begins at the clock, so that a new process goes on above the last', async () => {
    const first = new MemoryStorage({ now: () => 1_000 })
    const { version } = await first.putContent(first.info('c', 'r'), 'x')
    expect(version).toBe(1_000_000)
    const second = new MemoryStorage({ now: () => 1_001 })
    expect((await second.putContent(second.info('c', 'r'), 'x')).version).toBeGreaterThan(version)
  })

  test('grows when the clock stands still or is set back', async () => {
    let now = 5_000
    const storage = new MemoryStorage({ now: () => now })
    const put = async () => (await storage.putContent(storage.info('c', 'r'), 'x')).version
    const versions = [await put(), await put()]
    now = 0
    versions.push(await put(), await put())
    expect(versions).toEqual([5_000_000, 5_000_001, 5_000_002, 5_000_003])
  })

  test('a cursor whose position was changed is refused', async () => {
    const storage = new MemoryStorage()
    for (const name of ['a', 'b', 'c']) await storage.putContent(storage.info('c', name), 'x')
    const { next } = await storage.page('c', { order: 'newest', limit: 1 })
    const [fingerprint] = JSON.parse(Buffer.from(next!, 'base64url').toString()) as [string]
    for (const position of ['', 'b', 'b\0', 'b\0x', 'b\0-1', 'b\x001e3', 'b\x001\x002x']) {
      const after = Buffer.from(JSON.stringify([fingerprint, position])).toString('base64url')
      await expect(storage.page('c', { order: 'newest', after })).rejects.toMatchObject({
        code: 'E_BAD_REQUEST',
      })
    }
  })
})

describe('a transaction of MemoryStorage', () => {
  test('is repeated where a resource was made and removed meanwhile, so that versions grow', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    let removed = 0
    let runs = 0
    let meanwhile: () => void = () => undefined
    const other = new Promise<void>((resolve) => (meanwhile = resolve)).then(async () => {
      await storage.putContent(info, 'other')
      removed = (await storage.removeContent(info)).version
    })
    const { value } = await storage.transaction(async (tx) => {
      runs++
      const { version } = await tx.putContent(info, 'own')
      meanwhile()
      await other
      return version
    })
    expect(runs).toBe(2)
    expect(value).toBeGreaterThan(removed)
    await storage.shutdown()
  })

  test('a transaction that collides each time is E_CONFLICT after its last attempt', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    const besides = new AsyncResource('besides')
    let runs = 0
    const reasons: unknown[] = []
    const colliding = storage.transaction(
      async (tx) => {
        tx.enlist({ afterRollback: async (reason) => void reasons.push(reason) })
        await tx.putContent(info, 'own')
        await besides.runInAsyncScope(() => storage.putContent(info, `other ${++runs}`))
      },
      { attempts: 3 },
    )
    await expect(colliding).rejects.toMatchObject({ code: 'E_CONFLICT' })
    expect([runs, reasons.length]).toEqual([3, 3])
    expect((await storage.getContent(info)).bytes.toString()).toBe('other 3')
    await storage.shutdown()
  })
})
