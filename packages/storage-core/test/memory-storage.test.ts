import { MemoryStorage, type StorageError } from '@larder/storage-core'
import type { TransactionHook } from '@larder/storage-core/driver'
import { FaultyStorage, LimitedStorage, storageContract } from '@larder/storage-core/testing'
import { AsyncResource } from 'node:async_hooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

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
  test('begins at the clock, so that a new process continues above the last', async () => {
    const first = new MemoryStorage({ now: () => 1_000 })
    const { version } = await first.putContent(first.info('c', 'r'), 'x')
    expect(version).toBe(1_000_000)
    const second = new MemoryStorage({ now: () => 1_001 })
    expect((await second.putContent(second.info('c', 'r'), 'x')).version).toBeGreaterThan(version)
  })

  test('grows also when the clock stops or is set back', async () => {
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

describe('a hook that never ends', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const endless: TransactionHook = { beforeCommit: () => new Promise(() => undefined) }
  const codeOf = async (call: Promise<unknown>) => {
    try {
      await call
      return 'done'
    } catch (error) {
      return (error as StorageError).code
    }
  }

  /** Lets time pass, a turn of the event loop for each tenth of a second, until the call has ended or `ms` are over. */
  async function endWithin(ms: number, call: Promise<string>): Promise<string> {
    let code = 'under way'
    void call.then((end) => (code = end))
    for (let passed = 0; passed < ms && code === 'under way'; passed += 100) {
      await new Promise((resolve) => setImmediate(resolve))
      await vi.advanceTimersByTimeAsync(100)
    }
    return code
  }

  test('ends its write with a time-out, and the next write of the resource succeeds', async () => {
    await using storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    const hanging = codeOf(storage.putContent(info, 'never', { transaction: endless }))
    const next = storage.putContent(info, 'next')
    expect(await endWithin(5_000, hanging)).toBe('under way')
    expect(await endWithin(10_000, hanging)).toBe('E_TIMEOUT')
    await next
    expect((await storage.getContent(info)).bytes.toString()).toBe('next')
  })

  test('does not keep a transaction that waits for its row beyond the time-out of the transaction', async () => {
    await using storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    const hanging = codeOf(storage.putContent(info, 'never', { transaction: endless }))
    const waiting = codeOf(storage.transaction((tx) => tx.putContent(info, 'late'), { timeoutMs: 100 }))
    expect(await endWithin(5_000, waiting)).toBe('E_TIMEOUT')
    expect(await endWithin(10_000, hanging)).toBe('E_TIMEOUT')
    await storage.putContent(info, 'next')
    expect((await storage.getContent(info)).bytes.toString()).toBe('next')
  })
})
