import { checkOptionNames, type KeyGenerator, type NamesOf } from '@larder/storage-core'
import type { DataSource, DataSourceOptions } from 'typeorm'
import type { SessionHook } from './session-hook.js'
import type { Limits } from './dialects/dialect.js'
import { TABLE_OPTION_NAMES, type TableOptions } from './entities/tables.js'

/** How a `SqlStorage` works; durations in milliseconds. */
export interface SqlOptions extends TableOptions {
  /**
   * Creates and changes the tables, guarded by a lock. Default: true, but false with a `dataSource`, and for a SQLite file
   * whose TypeORM options have `readonly: true`.
   */
  readonly migrate?: boolean | undefined
  /** Connections at most, of those that this storage opens itself. SQLite always has two. Default: 10. */
  readonly poolSize?: number | undefined
  /** The longest wait for a turn while all connections, or the one that writes to a SQLite file, are in use. Default: 30,000. */
  readonly queueTimeoutMs?: number | undefined
  /**
   * The longest wait for a connection of the pool, new or not, and then for its session to be set up. Not with SQLite.
   * Default: 5,000.
   */
  readonly connectTimeoutMs?: number | undefined
  /**
   * After it PostgreSQL ends a statement of a transaction. On any server, the connection of one that has no answer a
   * second later is closed. Not with SQLite. Default: 5,000.
   */
  readonly statementTimeoutMs?: number | undefined
  /** The longest wait for a locked row; MySQL and MariaDB count whole seconds. Default: 4,000. */
  readonly lockTimeoutMs?: number | undefined
  /** The longest time from a transaction's begin to its commit, hook included. Default: 10,000. */
  readonly transactionTimeoutMs?: number | undefined
  /** Contents up to this size are stored in the resource's row, larger ones in chunks. Default: 262,144. */
  readonly inlineMaxBytes?: number | undefined
  /**
   * The size of a chunk. On MySQL and MariaDB it is cut to what the server's `max_allowed_packet` takes, about half of
   * it, and so are `inlineMaxBytes` and the largest metadata. Default: 524,288.
   */
  readonly chunkBytes?: number | undefined
  /** The largest metadata. Default: 4,194,304. */
  readonly metadataMaxBytes?: number | undefined
  /** How long a replaced content in chunks can still be read by those who had begun. Default: 300,000. */
  readonly bodyGraceMs?: number | undefined
  /** The longest pause of a stream that is being stored. Default: 600,000. */
  readonly streamPauseMs?: number | undefined
  /** How often a transaction that collided is tried, the first time included. Default: 8. */
  readonly attempts?: number | undefined
  /**
   * On PostgreSQL: a connection of its own hears when triggers record a change, so that it is seen at once rather than
   * by the next look; opened once somebody waits for that. Default: true.
   */
  readonly listen?: boolean | undefined
  /**
   * Called with each new connection to PostgreSQL, MySQL or MariaDB before it is used, within `connectTimeoutMs`: for
   * `SET ROLE`, `search_path` and the like. Should it reject, the connection is closed and the call is
   * `E_STORAGE_UNAVAILABLE`. With a `dataSource`, for each of its connections that the storage uses. What it sets is lost
   * behind a pooler in transaction mode.
   */
  readonly onSession?: SessionHook | undefined
  readonly keyGenerator?: KeyGenerator | undefined
  /** Milliseconds since 1970, fractions allowed. Default: the system's clock. */
  readonly now?: (() => number) | undefined
}

/** Where the data is; exactly one of the three. */
export type SqlTarget =
  /** `postgres://`, `postgresql://`, `mysql://`, `mariadb://`, `sqlite:path` or `sqlite::memory:`. */
  | { readonly url: string }
  /** For a data source of the storage's own: its entities, migrations and subscribers are not used. */
  | { readonly typeorm: DataSourceOptions }
  /**
   * Yours, with `larderEntities()` among its entities. Initialised here where it is not, and destroyed by whoever
   * initialised it. Of a SQLite file only the options are used: two connections of the storage's own are opened, since
   * TypeORM has one connection for everything, and others' transactions would be seen before they are committed.
   */
  | { readonly dataSource: DataSource }

/** What `SqlStorage.open` takes: where the data is, and how it works. */
export type SqlStorageOptions = SqlTarget & SqlOptions

export interface Settings extends Limits {
  readonly poolSize: number
  readonly inlineMaxBytes: number
  readonly chunkBytes: number
  readonly metadataMaxBytes: number
  /** The content and metadata that one statement can carry, together. */
  readonly rowMaxBytes: number
  readonly bodyGraceMs: number
  readonly streamPauseMs: number
  readonly attempts: number
}

const DEFAULTS = Object.freeze({
  poolSize: 10,
  queueTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 5_000,
  lockTimeoutMs: 4_000,
  transactionTimeoutMs: 10_000,
  inlineMaxBytes: 262_144,
  chunkBytes: 524_288,
  metadataMaxBytes: 4_194_304,
  bodyGraceMs: 300_000,
  streamPauseMs: 600_000,
  attempts: 8,
})

const NAMES: NamesOf<SqlStorageOptions> = Object.freeze({
  ...TABLE_OPTION_NAMES,
  url: true,
  // TypeORM's own.
  typeorm: true,
  dataSource: true,
  migrate: true,
  poolSize: true,
  queueTimeoutMs: true,
  connectTimeoutMs: true,
  statementTimeoutMs: true,
  lockTimeoutMs: true,
  transactionTimeoutMs: true,
  inlineMaxBytes: true,
  chunkBytes: true,
  metadataMaxBytes: true,
  bodyGraceMs: true,
  streamPauseMs: true,
  attempts: true,
  listen: true,
  onSession: true,
  keyGenerator: true,
  now: true,
})

// What a timer and a column can hold.
const LARGEST: Readonly<Partial<Record<keyof Settings, number>>> = Object.freeze({
  inlineMaxBytes: 8_388_608,
  chunkBytes: 8_388_608,
  metadataMaxBytes: 8_388_608,
})
const LARGEST_NUMBER = 2_147_483_647

/** Throws a `RangeError` for a number that makes no sense, and a `TypeError` for an option that there is not. */
export function settingsOf(options: Partial<SqlStorageOptions>): Settings {
  checkOptionNames('SqlStorage.open()', options, NAMES)
  const settings: { -readonly [name in keyof Settings]: number } = { ...DEFAULTS, rowMaxBytes: Infinity }
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const value = options[name]
    if (value === undefined) continue
    const largest = LARGEST[name] ?? LARGEST_NUMBER
    const smallest = name === 'inlineMaxBytes' ? 0 : 1
    if (!Number.isInteger(value) || value < smallest || value > largest) {
      throw new RangeError(`${name} must be a whole number from ${smallest} to ${largest}`)
    }
    settings[name] = value
  }
  if (settings.inlineMaxBytes > settings.chunkBytes) {
    throw new RangeError('inlineMaxBytes must not be larger than chunkBytes')
  }
  return settings
}
