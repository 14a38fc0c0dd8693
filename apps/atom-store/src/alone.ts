import { type Database, UsageError } from '@larder/example-environment'
import { isStorageError } from '@larder/storage-core'
import { SqlLock } from '@larder/storage-sql'

const LOCK = 'atom-store.cache'
/** In SQLite, how long after a process was killed nobody else can start. */
const LEASE_MS = 8_000
const WAIT_MS = 9_000

export interface AloneOptions {
  /** Ends the wait for another process; `work` does not run then. */
  readonly signal: AbortSignal
  /** Prints a line. */
  readonly say: (text: string) => void
}

/**
 * Runs `work` as the only process that uses the database with a cache of its own: two such caches would know nothing of
 * each other's writes. It keeps out whoever starts by mistake, and ends nobody who runs.
 */
export async function alone(
  database: Database,
  work: () => Promise<void>,
  { signal, say }: AloneOptions,
): Promise<void> {
  await using storage = await database.connect()
  await using lock = new SqlLock({ storage, leaseMs: LEASE_MS })
  const within = (waitMs: number): Promise<void> => lock.withLock(LOCK, work, { waitMs, signal })
  try {
    await within(0).catch((error: unknown) => {
      if (!isStorageError(error, 'E_LOCK_TIMEOUT')) throw error
      say(`another process has this database: waiting ${WAIT_MS / 1_000} s, in case that it was killed`)
      return within(WAIT_MS)
    })
  } catch (error) {
    if (isStorageError(error, 'E_LOCK_LOST') || isStorageError(error, 'E_ABORTED')) return
    if (!isStorageError(error, 'E_LOCK_TIMEOUT')) throw error
    throw new UsageError(
      'Another process uses this database with a cache of its own: name the same servers to both in MEMCACHE_SERVERS',
    )
  }
}
