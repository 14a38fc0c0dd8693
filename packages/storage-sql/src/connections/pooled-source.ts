import type { DataSource } from 'typeorm'
import type { Dialect, Limits } from '../dialects/index.js'
import { isConnectionLost, isDemoted, isStale, toStorageError } from '../sql-errors.js'
import { PooledConnection } from './connection.js'
import { Slots } from './slots.js'
import { serverPool } from './server-pool.js'
import { SharedPool } from './shared-pool.js'
import type { ConnectionSource, Session } from './source.js'
import { SYSTEMS } from './watched.js'

type Work<T> = (connection: PooledConnection) => Promise<T>

/** The pool of a data source for PostgreSQL, MySQL or MariaDB. Always the primary, never a replica. */
export class PooledSource implements ConnectionSource {
  readonly dialect: Dialect
  readonly #dataSource: DataSource
  readonly #limits: Limits
  readonly #close: () => Promise<void>
  readonly #size: number
  readonly #slots: Slots
  readonly #pool: SharedPool
  /** How often a server turned out to be no primary, and how often it had when a connection was first used. */
  #demotions = 0
  readonly #births = new WeakMap<object, number>()

  /** `size`: how many connections the pool has. `close`: what is to be closed with the source. */
  constructor(
    dialect: Dialect,
    dataSource: DataSource,
    limits: Limits,
    size: number,
    close: () => Promise<void>,
  ) {
    this.dialect = dialect
    this.#dataSource = dataSource
    this.#limits = limits
    this.#close = close
    this.#size = size
    this.#slots = new Slots(size)
    this.#pool = SharedPool.of(
      dataSource,
      SYSTEMS[dialect.family],
      size,
      () => serverPool(dataSource),
      this.#slots,
    )
  }

  read<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#repeated(work, signal, isConnectionLost, true)
  }

  write<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#repeated(work, signal, isStale)
  }

  writeTwice<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#repeated(work, signal, isConnectionLost)
  }

  // After a restart of the server each connection of the pool is found dead once.
  async #repeated<T>(
    work: Work<T>,
    signal: AbortSignal | undefined,
    canRepeat: (error: unknown) => boolean,
    isForReads = false,
  ): Promise<T> {
    for (let left = this.#size; ; left--) {
      try {
        return await this.#connected(work, signal, isForReads)
      } catch (error) {
        if (left === 0 || !canRepeat(error)) throw error
      }
    }
  }

  session<T>(
    work: (session: Session) => Promise<T>,
    signal: AbortSignal | undefined,
    canRepeat: () => boolean,
  ): Promise<T> {
    return this.#repeated(work, signal, (error) => canRepeat() && isStale(error))
  }

  close(): Promise<void> {
    this.#pool.leave()
    return this.#close()
  }

  async #connected<T>(work: Work<T>, signal: AbortSignal | undefined, isForReads: boolean): Promise<T> {
    const connection = await this.#pool.waiting(() => this.#next(signal, isForReads))
    try {
      return await this.#pool.using(() => work(connection))
    } catch (error) {
      // Also of a statement of the program's own.
      if (isDemoted(toStorageError(error))) this.#demotions++
      throw error
    } finally {
      await connection.release().finally(() => this.#slots.give())
    }
  }

  /** To be released, and its slot given back. */
  async #next(signal: AbortSignal | undefined, isForReads: boolean): Promise<PooledConnection> {
    await this.#slots.take(this.#limits.queueTimeoutMs, signal)
    try {
      return await this.#take(signal, isForReads)
    } catch (error) {
      this.#slots.give()
      throw error
    }
  }

  /** One that may lead to a server which is no primary any more is closed: its reads would be of the past. */
  async #take(signal: AbortSignal | undefined, isForReads: boolean): Promise<PooledConnection> {
    for (;;) {
      const runner = this.#dataSource.createQueryRunner('master')
      const connection = await PooledConnection.take(this.dialect, runner, this.#limits, signal, isForReads)
      const { client } = connection
      const birth = this.#births.get(client) ?? this.#demotions
      this.#births.set(client, birth)
      if (birth === this.#demotions) return connection
      connection.discard()
    }
  }
}
