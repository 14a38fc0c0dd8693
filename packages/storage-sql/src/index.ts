/**
 * `SqlStorage`, resources in PostgreSQL, MySQL, MariaDB or SQLite; `SqlLock`; migrations and triggers; watched tables.
 *
 * @packageDocumentation
 */

import 'reflect-metadata'

export {
  type DatabaseType,
  DEFAULT_TABLE_PREFIX,
  type EntityClass,
  larderEntities,
  type MigrationOptions,
  type TableOptions,
} from './entities/index.js'
export { managerOf } from './manager-of.js'
export { larderMigrations, type MigrationClass, outboxMigrations } from './migrations/index.js'
export { installOutbox, SqlOutbox, type SqlOutboxOptions } from './sql-outbox.js'
export type { PurgeOptions, PurgeResult, RestoredOptions } from './driver/index.js'
export type { SqlOptions, SqlStorageOptions, SqlTarget } from './options.js'
export type { SessionHook, SqlSession } from './session-hook.js'
export { SqlLock, type SqlLockOptions } from './sql-lock.js'
export { SqlStorage } from './sql-storage.js'
export {
  installTriggers,
  onTableChanges,
  removeTriggers,
  type TableChangesHandler,
  type TableChangesOptions,
  type TableInvalidator,
  TableSubscription,
  type TriggerOptions,
  unwatchTables,
  watchTables,
} from './watching/index.js'
