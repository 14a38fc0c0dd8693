import { type KeyGenerator } from '@larder/storage-core'
import { defaultKeyGenerator } from '@larder/storage-core/driver'
import {
  booleanOption,
  functionOption,
  MAX_TIMER_MS,
  notAllowed,
  numberOption,
  objectOption,
  optionTable,
  resolveOptions,
  textOption,
  typedOption,
  type Option,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import type { DataSourceOptions } from 'typeorm'
import { isDataSource } from './typeorm-marks.js'
import type { Limits } from './dialects/index.js'
import { ORDER_OPTIONS, TABLE_OPTIONS } from './entities/index.js'
import type { SessionHook } from './session-hook.js'

const MAX_BYTES = 8_388_608
/** What a column can hold. */
const MAX_INTEGER = 2_147_483_647

/** A whole number of milliseconds, as databases take time-outs. */
function timeOption(fallback: number): Option<number, number> {
  return numberOption({ min: 1, max: MAX_TIMER_MS, isInteger: true }, fallback)
}

/** How long a `SqlStorage` waits, and how large what it stores may be. */
const LIMIT_OPTIONS = optionTable({
  /** Connections at most, of those that this storage opens itself. SQLite always has two. Default: 10. */
  poolSize: numberOption({ min: 1, max: MAX_INTEGER, isInteger: true }, 10),
  /**
   * The longest wait for a turn while all connections, or the one that writes to a SQLite file, are in use, in
   * milliseconds. Default: 30,000.
   */
  queueTimeoutMs: timeOption(30_000),
  /**
   * The longest wait for a connection of the pool, new or not, and then for its session to be set up, in milliseconds. Not
   * with SQLite. Default: 5,000.
   */
  connectTimeoutMs: timeOption(5_000),
  /**
   * After it PostgreSQL ends a statement of a transaction, in milliseconds. On any server, the connection of one that has
   * no answer a second later is closed. Not with SQLite. Default: 5,000.
   */
  statementTimeoutMs: timeOption(5_000),
  /** The longest wait for a locked row, in milliseconds; MySQL and MariaDB count whole seconds. Default: 4,000. */
  lockTimeoutMs: timeOption(4_000),
  /** The longest time from a transaction's begin to its commit, hook included, in milliseconds. Default: 10,000. */
  transactionTimeoutMs: timeOption(10_000),
  /** Contents up to this size are stored in the resource's row, larger ones in chunks, in bytes. Default: 262,144. */
  inlineMaxBytes: numberOption({ min: 0, max: MAX_BYTES, isInteger: true }, 262_144),
  /**
   * The size of a chunk, in bytes. On MySQL and MariaDB it is cut to what the server's `max_allowed_packet` takes, about
   * half of it, and so are `inlineMaxBytes` and the largest metadata. Default: 524,288.
   */
  chunkBytes: numberOption({ min: 1, max: MAX_BYTES, isInteger: true }, 524_288),
  /** The largest metadata, in bytes. Default: 4,194,304. */
  metadataMaxBytes: numberOption({ min: 1, max: MAX_BYTES, isInteger: true }, 4_194_304),
  /** How long a replaced content in chunks can still be read by those who had begun, in milliseconds. Default: 300,000. */
  chunkGraceMs: timeOption(300_000),
  /** The longest pause of a stream that is being stored, in milliseconds. Default: 600,000. */
  streamPauseMs: timeOption(600_000),
  /** How often a transaction that collided is tried, the first time included. Default: 8. */
  attempts: numberOption({ min: 1, max: MAX_INTEGER, isInteger: true }, 8),
})

/** How a `SqlStorage` works. */
const SQL_OPTIONS = optionTable({
  ...TABLE_OPTIONS,
  /**
   * Creates and changes the tables, guarded by a lock. Default: true, but false with a `dataSource`, and for a SQLite file
   * whose TypeORM options have `readonly: true`.
   */
  migrate: booleanOption(),
  ...ORDER_OPTIONS,
  ...LIMIT_OPTIONS,
  /**
   * On PostgreSQL: a connection of its own learns when triggers record a change, so that it is seen at once rather than
   * by the next poll; opened once somebody waits for that. Default: true.
   */
  listen: booleanOption(true),
  /**
   * Called with each new connection to PostgreSQL, MySQL or MariaDB before it is used, within `connectTimeoutMs`: for
   * `SET ROLE`, `search_path` and the like. If it rejects, the connection is closed and the call is
   * `E_STORAGE_UNAVAILABLE`. With a `dataSource`, for each of its connections that the storage uses. What it sets is lost
   * behind a pooler in transaction mode. Default: none.
   */
  onSession: functionOption<SessionHook>(),
  /** Makes the keys of `info()`. Default: `defaultKeyGenerator`. */
  keyGenerator: functionOption<KeyGenerator>(defaultKeyGenerator),
  /** Milliseconds since 1970, fractions allowed. Default: the system's clock. */
  now: functionOption<() => number>(),
})

/** How a `SqlStorage` works; durations in milliseconds. */
export type SqlOptions = OptionsOf<typeof SQL_OPTIONS>

/** Where the data is. */
const TARGET_OPTIONS = optionTable({
  /** `postgres://`, `postgresql://`, `mysql://`, `mariadb://`, `sqlite:path` or `sqlite::memory:`. */
  url: textOption(),
  /** Options of TypeORM, for a data source of the storage's own: its entities, migrations and subscribers are not used. */
  typeorm: objectOption<DataSourceOptions>(),
  /**
   * Your data source, with `larderEntities()` among its entities. The storage initialises it if you have not, and then
   * destroys it on `close()`. Of a SQLite file only the options are used: the storage opens two connections of its own,
   * because TypeORM's single connection would show uncommitted changes of other transactions.
   */
  dataSource: typedOption('a DataSource', isDataSource),
})

export const SQL_STORAGE_OPTIONS = optionTable({ ...TARGET_OPTIONS, ...SQL_OPTIONS })

type Target = OptionsOf<typeof TARGET_OPTIONS>
type TargetBy<Name extends keyof Target> = { readonly [name in Name]-?: Exclude<Target[name], undefined> }

/** Where the data is; exactly one of the three. */
export type SqlTarget = TargetBy<'url'> | TargetBy<'typeorm'> | TargetBy<'dataSource'>

/** What `SqlStorage.open` takes: where the data is, and how it works. */
export type SqlStorageOptions = SqlTarget & SqlOptions

export interface Settings extends Limits, ResolvedOptions<typeof LIMIT_OPTIONS> {
  /** The content and metadata that one statement can carry, together. */
  readonly rowMaxBytes: number
}

/** What is in force, besides what is not known before the database is open. */
export interface OpenOptions extends Omit<ResolvedOptions<typeof SQL_STORAGE_OPTIONS>, keyof Settings> {
  readonly settings: Settings
}

/** Those of a database that no options are given for. */
export const DEFAULT_SETTINGS: Settings = Object.freeze({
  ...resolveOptions('A database', LIMIT_OPTIONS, {}),
  rowMaxBytes: Infinity,
})

/** Throws a `TypeError` or `RangeError` for options that make no sense. */
export function resolveSqlOptions(options: SqlStorageOptions): OpenOptions {
  const resolved = resolveOptions('SqlStorage.open()', SQL_STORAGE_OPTIONS, options)
  const { inlineMaxBytes, chunkBytes } = resolved
  if (inlineMaxBytes > chunkBytes)
    throw notAllowed('inlineMaxBytes', `no larger than chunkBytes, ${chunkBytes}`, inlineMaxBytes)
  return { ...resolved, settings: { ...resolved, rowMaxBytes: Infinity } }
}
