import {
  checkOptionNames,
  DrivenLock,
  LOCK_TIME_NAMES,
  type LockDriver,
  type LockTimes,
  type NamesOf,
  VersionFence,
} from '@larder/storage-core'
import { familyOf } from './entities/family.js'
import { LeaseLockDriver } from './locks/lease-lock-driver.js'
import { SessionLockDriver } from './locks/session-lock-driver.js'
import { databaseOf } from './opening/databases.js'
import type { SqlStorage } from './sql-storage.js'

/** What a `SqlLock` is made with. */
export interface SqlLockOptions extends LockTimes {
  /** Where the locks are. It stays open, and has to stay open for as long as the lock. */
  readonly storage: SqlStorage
  /** Where in it fencing numbers are counted, in up to 1,024 resources. Default: `'larder-locks'`. */
  readonly fencingCollection?: string | undefined
}

const OPTION_NAMES: NamesOf<SqlLockOptions> = Object.freeze({
  ...LOCK_TIME_NAMES,
  storage: true,
  fencingCollection: true,
})

/**
 * Locks in a database. On PostgreSQL, MySQL and MariaDB they are advisory locks of a connection of their own, and gone
 * with it: at once where a process dies, and after `leaseMs` where it stops or cannot be reached (on PostgreSQL from
 * version 14 on; before that, when its keep-alive finds out). Behind a pooler in transaction mode
 * `acquire` rejects with `E_UNSUPPORTED`. In SQLite they are leases in the file, by the clock of the machine.
 */
export class SqlLock extends DrivenLock {
  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: SqlLockOptions) {
    super(driverOf(options), options)
  }
}

function driverOf(options: SqlLockOptions): LockDriver {
  checkOptionNames('SqlLock', options, OPTION_NAMES)
  const { storage, fencingCollection, leaseMs = 30_000 } = options
  const database = databaseOf(storage)
  const fence = new VersionFence(storage, fencingCollection)
  const family = familyOf(database.dataSource.options.type)
  if (family === 'sqlite') return new LeaseLockDriver(storage, fence)
  return new SessionLockDriver(database, family, fence, leaseMs)
}
