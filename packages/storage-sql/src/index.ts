/**
 * `SqlStorage`, resources in PostgreSQL, MySQL, MariaDB or SQLite; `SqlLock`; migrations and triggers; watched tables.
 *
 * @packageDocumentation
 */

import 'reflect-metadata'

export { larderEntities } from './entities/entities.js'
export type { EntityClass } from './entities/container.js'
export type { DatabaseType } from './entities/family.js'
export { DEFAULT_TABLE_PREFIX, type MigrationOptions, type TableOptions } from './entities/tables.js'
export { managerOf } from './manager-of.js'
export { larderMigrations, type MigrationClass, outboxMigrations } from './migrations/migrations.js'
export { installOutbox, SqlOutbox, type SqlOutboxOptions } from './sql-outbox.js'
export type { PurgeOptions, PurgeResult, RestoredOptions } from './driver/care.js'
export type { SqlOptions, SqlStorageOptions, SqlTarget } from './options.js'
export type { SessionHook, SqlSession } from './session-hook.js'
export { SqlLock, type SqlLockOptions } from './sql-lock.js'
export { SqlStorage } from './sql-storage.js'
export { onTableChanges, type TableChangesOptions, TableSubscription } from './watching/table-subscription.js'
export type { TableChangesHandler, TableInvalidator } from './watching/change-handler.js'
export { unwatchTables, watchTables } from './watching/watch-tables.js'
export { installTriggers, removeTriggers } from './watching/own-triggers.js'
export type { TriggerOptions } from './watching/trigger-options.js'
