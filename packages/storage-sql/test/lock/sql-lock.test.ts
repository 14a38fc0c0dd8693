import { isStorageError, MemoryStorage } from '@larder/storage-core'
import { SqlLock, type SqlStorage } from '@larder/storage-sql'
import { expect, test } from 'vitest'
import { errorOf, openFresh, SERVER_NAMES } from '../databases.js'

test('options that make no sense are refused', async () => {
  await using place = await openFresh('sqlite')
  const { storage } = place
  const foreign: object = new MemoryStorage()
  expect(() => new SqlLock({ storage: foreign as SqlStorage })).toThrow(TypeError)
  expect(() => new SqlLock({ storage, leaseMs: 0 })).toThrow(RangeError)
  expect(() => new SqlLock({ storage, waitMs: Number.NaN })).toThrow(RangeError)
  expect(() => new SqlLock({ storage, fencingCollection: '' })).toThrow(RangeError)
})

test.each(SERVER_NAMES)('on %s, locks of other prefixes are other locks', async (name) => {
  await using place = await openFresh(name)
  const other = await place.another({ tablePrefix: 'other_' })
  await using one = new SqlLock({ storage: place.storage })
  await using two = new SqlLock({ storage: other })
  const held = await one.acquire('job')
  await (await two.acquire('job', { waitMs: 0 })).release()
  await held.release()
})

test.each(SERVER_NAMES)('on %s, a holder hears at once that its connection was closed', async (name) => {
  await using place = await openFresh(name)
  // It would ask by itself in eight hours.
  await using lock = new SqlLock({ storage: place.storage, leaseMs: 86_400_000 })
  const held = await lock.acquire('job')
  const lost = new Promise((resolve) => held.signal.addEventListener('abort', resolve, { once: true }))
  if (name === 'postgres') {
    await place.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
  } else {
    const found = await place.query(
      'SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()',
    )
    for (const { id } of found) await place.query(`KILL ${String(id)}`)
  }
  await lost
  expect(isStorageError(held.signal.reason, 'E_LOCK_LOST')).toBeTruthy()
  const next = await lock.acquire('job')
  expect(Number(next.fencing)).toBeGreaterThan(Number(held.fencing))
})

test.each(SERVER_NAMES)('on %s, the storage keeps all its connections', async (name) => {
  await using place = await openFresh(name, { poolSize: 1, connectTimeoutMs: 500 })
  await using lock = new SqlLock({ storage: place.storage })
  const names = Array.from({ length: 5 }, (_, i) => `job ${i}`)
  await Promise.all(names.map((each) => lock.acquire(each)))
  await place.storage.putContent(place.storage.info('c', 'r'), 'x')
})

test.each(SERVER_NAMES)('on %s, a storage that was closed takes the locks with it', async (name) => {
  await using place = await openFresh(name)
  await using lock = new SqlLock({ storage: place.storage })
  await place.storage.shutdown()
  expect((await errorOf(lock.acquire('job', { waitMs: 0 }))).code).toBe('E_CLOSED')
})
