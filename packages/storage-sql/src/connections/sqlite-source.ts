import { eventLoopTurn, processWide } from '@larder/storage-core/driver'
import type { DataSource, QueryRunner } from 'typeorm'
import { type Dialect, type Limits, sqlite } from '../dialects/index.js'
import type { Connection } from './connection.js'
import { SharedPool } from './shared-pool.js'
import type { ConnectionSource, Session } from './source.js'
import { Slots } from './slots.js'
import { SqliteConnection } from './sqlite-connection.js'
import { SYSTEMS } from './watched.js'

// For all storages of this process: those of one file would otherwise wait for each other by polling.
const writers = processWide(
  'storage-sql/sqlite-writers@1',
  () => new Map<string, { readonly slots: Slots; users: number }>(),
)

const connections = processWide('storage-sql/sqlite-connections@1', () => new WeakMap<DataSource, Slots>())

function slotsOf(dataSource: DataSource): Slots {
  const slots = connections.get(dataSource) ?? new Slots(1)
  connections.set(dataSource, slots)
  return slots
}

/** Waits for others, and resolves to what lets the next one. */
type Turn = () => Promise<() => void>

export interface SqliteParts {
  /** Names the file, or the one memory database; the same for all who share it. */
  readonly id: string
  readonly writer: DataSource
  /** What transactions of many calls run on: the program's own, or else the one that writes. */
  readonly program: DataSource
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
  /** Transactions of many calls on the program's connection, one at a time; of a database in memory all writers. */
  readonly #connection: Slots
  readonly #pool: SharedPool

  constructor(parts: SqliteParts, limits: Limits) {
    this.#parts = parts
    this.#limits = limits
    const entry = writers.get(parts.id) ?? { slots: new Slots(1), users: 0 }
    entry.users++
    writers.set(parts.id, entry)
    this.#turns = entry.slots
    // Writers are what may have to wait.
    const writer = { name: parts.id, counts: () => undefined }
    this.#pool = SharedPool.of(entry, SYSTEMS.sqlite, 1, () => writer, entry.slots)
    this.#connection = parts.reader === undefined ? entry.slots : slotsOf(parts.program)
  }

  async read<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { reader } = this.#parts
    if (reader === undefined) return this.write(work, signal)
    await eventLoopTurn()
    return work(this.#connected(reader, signal))
  }

  async write<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const connected = async () => {
      // SQLite answers in this thread: calls that are awaited one after the other would let no timer fire.
      await eventLoopTurn()
      return work(this.#connected(this.#parts.writer, signal))
    }
    return this.#turn(connected, signal)
  }

  /** A file has no connection that breaks. */
  writeTwice<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.write(work, signal)
  }

  /** On the connection of the program's own data source, where there is one. */
  async session<T>(work: (session: Session) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const alone = async () => {
      const runner = freshRunner(this.#parts.program)
      try {
        return await work({ runner, limit: async () => undefined, discard: () => undefined })
      } finally {
        // A caller that still has it must not get into the next transaction of the connection.
        Object.assign(runner, { isReleased: true })
      }
    }
    const { queueTimeoutMs } = this.#limits
    const writing = () => this.#turn(alone, signal)
    return this.#connection === this.#turns
      ? writing()
      : this.#connection.use(writing, queueTimeoutMs, signal)
  }

  /** What the program's own transactions wait for. */
  get turns(): { readonly start: Turn; readonly write: Turn | undefined } {
    return {
      start: this.#startTurn,
      write: this.#connection === this.#turns ? undefined : this.#writeTurn,
    }
  }

  readonly #startTurn = (): Promise<() => void> => this.#held(this.#connection)
  readonly #writeTurn = (): Promise<() => void> => this.#held(this.#turns)

  async #turn<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    await this.#pool.waiting(() => this.#turns.take(this.#limits.queueTimeoutMs, signal))
    try {
      return await this.#pool.using(work)
    } finally {
      this.#turns.give()
    }
  }

  #held(slots: Slots): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const held = () => new Promise<void>((release) => resolve(release))
      slots.use(held, this.#limits.queueTimeoutMs, undefined).catch(reject)
    })
  }

  async close(): Promise<void> {
    const entry = writers.get(this.#parts.id)
    if (entry !== undefined) this.#pool.leave()
    if (entry !== undefined && --entry.users === 0) writers.delete(this.#parts.id)
    await this.#parts.close()
  }

  #connected(dataSource: DataSource, signal: AbortSignal | undefined): SqliteConnection {
    return new SqliteConnection(sqlite, dataSource.createQueryRunner('master'), this.#limits, signal)
  }
}

/** TypeORM has one query runner for all of a data source, whose transactions would get into each other. */
function freshRunner(dataSource: DataSource): QueryRunner {
  const { driver } = dataSource
  const Runner = dataSource.createQueryRunner('master').constructor as new (
    owner: DataSource['driver'],
  ) => QueryRunner
  const runner = new Runner(driver)
  // Makes itself known to the runner.
  dataSource.createEntityManager(runner)
  return runner
}
