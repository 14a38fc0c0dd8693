import { eventLoopTurn, processWide } from '@larder/storage-core'
import type { DataSource } from 'typeorm'
import type { Dialect, Limits } from '../dialects/dialect.js'
import { sqlite } from '../dialects/sqlite.js'
import type { Connection } from './connection.js'
import type { ConnectionSource } from './source.js'
import { Slots } from './slots.js'
import { SqliteConnection } from './sqlite-connection.js'

// For all storages of this process: those of one file would otherwise wait for each other by polling.
const writers = processWide(
  'storage-sql/sqlite-writers@1',
  () => new Map<string, { readonly slots: Slots; users: number }>(),
)

export interface SqliteParts {
  /** Names the file, or the one memory database; the same for all who share it. */
  readonly id: string
  readonly writer: DataSource
  /** A second connection to the file; undefined for a database in memory, which cannot have one. */
  readonly reader: DataSource | undefined
  /** Closes what is to be closed with the source. */
  readonly close: () => Promise<void>
}

/**
 * One connection that writes, for one transaction at a time, and another one that reads: TypeORM runs everything of
 * a data source on one connection, where reads see what has not been committed.
 */
export class SqliteSource implements ConnectionSource {
  readonly dialect: Dialect = sqlite
  readonly #parts: SqliteParts
  readonly #limits: Limits
  readonly #turns: Slots

  constructor(parts: SqliteParts, limits: Limits) {
    this.#parts = parts
    this.#limits = limits
    const entry = writers.get(parts.id) ?? { slots: new Slots(1), users: 0 }
    entry.users++
    writers.set(parts.id, entry)
    this.#turns = entry.slots
  }

  async read<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { reader } = this.#parts
    if (reader === undefined) return this.write(work, signal)
    await eventLoopTurn()
    return work(this.#connection(reader, signal))
  }

  async write<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const connected = async () => {
      // SQLite answers in this thread: calls that are awaited one after the other would let no timer fire.
      await eventLoopTurn()
      return work(this.#connection(this.#parts.writer, signal))
    }
    return this.#turns.use(connected, this.#limits.queueTimeoutMs, signal)
  }

  /** A file has no connection that breaks. */
  writeTwice<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.write(work, signal)
  }

  async close(): Promise<void> {
    const entry = writers.get(this.#parts.id)
    if (entry !== undefined && --entry.users === 0) writers.delete(this.#parts.id)
    await this.#parts.close()
  }

  #connection(dataSource: DataSource, signal: AbortSignal | undefined): SqliteConnection {
    return new SqliteConnection(sqlite, dataSource.createQueryRunner('master'), this.#limits, signal)
  }
}
