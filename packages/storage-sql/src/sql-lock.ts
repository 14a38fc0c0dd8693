import { VersionFence } from '@larder/storage-core'
import { DrivenLock, FENCE_OPTIONS, LOCK_TIME_OPTIONS, type LockDriver } from '@larder/storage-core/driver'
import {
  objectOption,
  optionTable,
  required,
  resolveOptions,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import { familyOf } from './entities/index.js'
import { LeaseLockDriver, SessionLockDriver } from './locks/index.js'
import { databaseOf } from './opening/index.js'
import type { SqlStorage } from './sql-storage.js'

/** What a `SqlLock` is made with. */
export const SQL_LOCK_OPTIONS = optionTable({
  /** Where the locks are. It stays open, and has to stay open for as long as the lock. */
  storage: required(objectOption<SqlStorage>('an open SqlStorage')),
  ...FENCE_OPTIONS,
  ...LOCK_TIME_OPTIONS,
})

/** What a `SqlLock` is made with. */
export type SqlLockOptions = OptionsOf<typeof SQL_LOCK_OPTIONS>

/**
 * Locks in a database. On PostgreSQL, MySQL and MariaDB they are advisory locks of a connection of their own, and gone
 * with it: at once where a process dies, and after `leaseMs` where it stops or cannot be reached (on PostgreSQL from
 * version 14 on; before that, when its keep-alive finds out). Behind a pooler in transaction mode
 * `acquire` rejects with `E_UNSUPPORTED`. In SQLite they are leases in the file, by the clock of the machine.
 */
export class SqlLock extends DrivenLock {
  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: SqlLockOptions) {
    const resolved = resolveOptions('SqlLock', SQL_LOCK_OPTIONS, options)
    const { leaseMs, waitMs } = resolved
    super(driverOf(resolved), { leaseMs, waitMs })
  }
}

function driverOf({
  storage,
  fencingCollection,
  leaseMs,
}: ResolvedOptions<typeof SQL_LOCK_OPTIONS>): LockDriver {
  const database = databaseOf(storage)
  const fence = new VersionFence(storage, fencingCollection)
  const family = familyOf(database.dataSource.options.type)
  if (family === 'sqlite') return new LeaseLockDriver(storage, fence)
  return new SessionLockDriver(database, family, fence, leaseMs)
}
