import { isStorageError, MemoryStorage, type StorageErrorCode } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { EmbeddedCache } from '@larder/memcached'
import { MemcacheLock, type MemcacheLockSettings, MemcacheStorage } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'
import { startMemcached } from '@larder/dev-servers'

const KEY = 'larder:#lock:job'

async function assertCode(call: Promise<unknown>, code: StorageErrorCode): Promise<void> {
  await expect(call).rejects.toSatisfy((error: unknown) => {
    expect(isStorageError(error, code), String(error)).toBeTruthy()
    return true
  })
}

/** Two clients of one server, with numbers of one storage. */
function twoClients(options: Partial<MemcacheLockSettings> = {}) {
  const server = new CacheServer()
  const storage = new FaultyStorage(new MemoryStorage())
  const [cache, otherCache] = [server.client(), server.client()]
  const lock = new MemcacheLock({ cache, storage, ...options })
  const other = new MemcacheLock({ cache: otherCache, storage, ...options })
  return { server, storage, cache, lock, other }
}

describe('a cache that fails', () => {
  for (const at of ['before', 'after'] as const) {
    test(`a lock is acquired although the answer was lost ${at} it was set`, async () => {
      const { cache, lock, other } = twoClients()
      cache.failNext('add', 1, { at })
      const held = await lock.acquire('job', { waitMs: at === 'after' ? 0 : 5_000 })
      await assertCode(other.acquire('job', { waitMs: 0 }), 'E_LOCK_TIMEOUT')
      expect(await held.release()).toBe(true)
      await other.acquire('job', { waitMs: 0 })
    })

    test(`an extension whose answer was lost ${at} it was executed leaves the lock held`, async () => {
      const { cache, lock } = twoClients()
      const held = await lock.acquire('job')
      cache.failNext('cas', 1, { at })
      await assertCode(held.extend(), 'E_TIMEOUT')
      expect(held.signal.aborted).toBe(false)
      await held.extend()
      expect(await held.release()).toBe(true)
    })

    test(`a release whose answer was lost ${at} it was executed releases the lock`, async () => {
      const { cache, lock, other } = twoClients()
      const held = await lock.acquire('job')
      cache.failNext('delete', 1, { at })
      await held.release()
      await other.acquire('job', { waitMs: 0 })
    })
  }

  test('is asked until the time has passed', async () => {
    const { cache, lock, other } = twoClients()
    cache.isDown = true
    await assertCode(lock.acquire('job', { waitMs: 60 }), 'E_CACHE_UNAVAILABLE')
    expect(cache.count('get')).toBeGreaterThan(1)
    await assertCode(lock.acquire('job', { waitMs: 0 }), 'E_CACHE_UNAVAILABLE')
    const gate = cache.pauseNext('get')
    const waiting = lock.acquire('job', { waitMs: 60_000 })
    cache.isDown = false
    gate.open()
    await waiting
    await assertCode(other.acquire('job', { waitMs: 0 }), 'E_LOCK_TIMEOUT')
  })

  test('a lock that nobody could extend is lost when its time has passed', async () => {
    const { cache, lock } = twoClients()
    const working = lock.withLock(
      'job',
      async ({ signal }) => {
        cache.isDown = true
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        expect(isStorageError(signal.reason, 'E_LOCK_LOST')).toBeTruthy()
      },
      { leaseMs: 120 },
    )
    await assertCode(working, 'E_LOCK_LOST')
  })
})

describe('fencing numbers', () => {
  test('of one that lost the mark while its number was drawn is not used', async () => {
    const { server, storage, cache, lock, other } = twoClients()
    const gate = storage.pauseNextWrite({ at: 'before' })
    const slow = lock.acquire('job')
    await gate.reached
    await server.evict(KEY)
    const second = await other.acquire('job')
    // Now the slow one draws the larger number, and would have held the lock before.
    const looked = cache.pauseNext('cas', { at: 'after' })
    let isHeld = false
    void slow.then(() => (isHeld = true))
    gate.open()
    await looked.reached
    looked.open()
    await new Promise((resolve) => setImmediate(resolve))
    expect(isHeld).toBe(false)
    await second.extend()
    await second.release()
    const first = await slow
    expect(Number(first.fencing)).toBeGreaterThan(Number(second.fencing))
    await assertCode(other.acquire('job', { waitMs: 0 }), 'E_LOCK_TIMEOUT')
  })

  test('cannot be had: the lock cannot, and nothing is left behind', async () => {
    const { storage, lock, other } = twoClients()
    const down = () => storage.failNextWrites(1, new Error('the disk is full'))
    down()
    await expect(lock.acquire('job', { waitMs: 60_000 })).rejects.toThrow(/the disk is full/)
    await lock.close()
    await other.acquire('job', { waitMs: 0 })
  })

  test('of a storage that does not answer are waited for no longer than a lease', async () => {
    const { storage, lock, other } = twoClients()
    const gate = storage.pauseNextWrite()
    await assertCode(lock.acquire('job', { leaseMs: 50, waitMs: 0 }), 'E_TIMEOUT')
    gate.open()
    await lock.close()
    await other.acquire('job', { waitMs: 0 })
  })

  test('are kept in a collection that can be chosen', async () => {
    const { storage, lock } = twoClients({ fencingCollection: 'numbers' })
    const held = await lock.acquire('job')
    const [info] = (await storage.ls('numbers')).values()
    expect(held.fencing).toBe(info && (await storage.getContent(info)).version)
    expect((await storage.ls('larder-locks')).size).toBe(0)
  })
})

test('after a restart of memcached the next extension reports the lost lock', async () => {
  await using server = await startMemcached()
  await using storage = new MemoryStorage()
  await using lock = new MemcacheLock({ servers: server.address, storage, waitMs: 20_000 })
  await using other = new MemcacheLock({ servers: server.address, storage, waitMs: 20_000 })
  const held = await lock.acquire('job')
  await server.restart()
  const next = await other.acquire('job')
  expect(Number(next.fencing)).toBeGreaterThan(Number(held.fencing))
  await expect(
    (async () => {
      // While the connection is made anew, nobody knows.
      for (;;)
        await held.extend().catch((error: unknown) => {
          if (isStorageError(error, 'E_LOCK_LOST')) throw error
        })
    })(),
  ).rejects.toThrow()
  expect(isStorageError(held.signal.reason, 'E_LOCK_LOST')).toBeTruthy()
  expect(await next.release()).toBe(true)
})

test('no resource has the key of a lock, whatever makes the keys', async () => {
  await using cache = new EmbeddedCache()
  await using lock = new MemcacheLock({ cache })
  await using storage = new MemcacheStorage({
    cache,
    storage: new MemoryStorage(),
    keyGenerator: (_, name) => name ?? '#lock:job',
  })
  const held = await lock.acquire('job')
  for (const name of ['#lock:job', 'lock:job']) await storage.putContent(storage.info('c', name), 'x')
  await storage.ls('c')
  expect(await held.release()).toBe(true)
})

test('options that make no sense are refused', () => {
  const cache = new EmbeddedCache()
  expect(() => new MemcacheLock({} as never)).toThrow(TypeError)
  expect(() => new MemcacheLock({ cache, servers: '127.0.0.1:1' } as never)).toThrow(TypeError)
  expect(() => new MemcacheLock({ cache, fencingCollection: 'x' })).toThrow(TypeError)
  expect(() => new MemcacheLock({ cache, keyPrefix: 'a b' })).toThrow(RangeError)
  expect(() => new MemcacheLock({ cache, leaseMs: 0 })).toThrow(RangeError)
  expect(() => new MemcacheLock({ cache, waitMs: -1 })).toThrow(RangeError)
  expect(() => new MemcacheLock({ cache, storage: new MemoryStorage(), fencingCollection: '' })).toThrow(
    RangeError,
  )
})
