import type { Connection, ConnectionSource } from '../connections/index.js'
import type { Dialect } from '../dialects/index.js'
import { StorageError } from '@larder/storage-core'
import type { OpenTransaction } from './open-transaction.js'

type Work<T> = (connection: Connection) => Promise<T>

/** Gives out the one connection of a transaction. */
export class BoundSource implements ConnectionSource {
  readonly dialect: Dialect
  readonly #transaction: OpenTransaction

  constructor(transaction: OpenTransaction) {
    this.dialect = transaction.connection.dialect
    this.#transaction = transaction
  }

  read<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#transaction.run(work, signal)
  }

  write<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#transaction.run(work, signal)
  }

  writeTwice<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#transaction.run(work, signal)
  }

  async session(): Promise<never> {
    throw new StorageError('E_UNSUPPORTED', 'A transaction in a transaction is nested')
  }

  async close(): Promise<void> {}
}
