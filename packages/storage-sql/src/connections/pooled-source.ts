import type { DataSource } from 'typeorm'
import type { Dialect, Limits } from '../dialects/dialect.js'
import { isConnectionLost } from '../sql-errors.js'
import { type Connection, PooledConnection } from './connection.js'
import type { ConnectionSource } from './source.js'

/** The pool of a data source for PostgreSQL, MySQL or MariaDB. Always the primary, never a replica. */
export class PooledSource implements ConnectionSource {
  readonly dialect: Dialect
  readonly #dataSource: DataSource
  readonly #limits: Limits
  readonly #owned: boolean

  constructor(dialect: Dialect, dataSource: DataSource, limits: Limits, owned: boolean) {
    this.dialect = dialect
    this.#dataSource = dataSource
    this.#limits = limits
    this.#owned = owned
  }

  async read<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await this.write(work, signal)
    } catch (error) {
      // The server may have been restarted since the connection was last used.
      if (!isConnectionLost(error)) throw error
      return this.write(work, signal)
    }
  }

  async write<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const runner = this.#dataSource.createQueryRunner('master')
    const connection = await PooledConnection.take(this.dialect, runner, this.#limits, signal)
    try {
      return await work(connection)
    } finally {
      await connection.release()
    }
  }

  async close(): Promise<void> {
    if (this.#owned && this.#dataSource.isInitialized) await this.#dataSource.destroy()
  }
}
