import { type Database, UsageError } from '@larder/example-environment'
import { isStorageError } from '@larder/storage-core'
import { SqlLock } from '@larder/storage-sql'

const LOCK = 'atom-store.cache'
/** In SQLite, how long after a process was killed nobody else can start. */
const LEASE_MS = 8_000
const WAIT_MS = 9_000

/**
 * Runs `work` as the only process that uses the database with a cache of its own: two such caches would know nothing of
 * each other's writes. It keeps out whoever starts by mistake, and ends nobody who runs.
 */
export async function alone(database: Database, work: () => Promise<void>): Promise<void> {
  await using storage = await database.connect()
  await using lock = new SqlLock({ storage, leaseMs: LEASE_MS, waitMs: WAIT_MS })
  try {
    await lock.withLock(LOCK, work)
  } catch (error) {
    if (isStorageError(error, 'E_LOCK_LOST')) return
    if (!isStorageError(error, 'E_LOCK_TIMEOUT')) throw error
    throw new UsageError(
      'Another process uses this database with a cache of its own: name the same servers to both in MEMCACHE_SERVERS',
    )
  }
}
