import type { QueryRunner } from 'typeorm'
import type { Dialect } from '../dialects/index.js'
import type { Connection } from './connection.js'

/** A connection with TypeORM's query runner of it, which nobody else has. */
export interface Session {
  readonly runner: QueryRunner
  /** After the transaction has begun: sets its limits, and takes them away when the connection is given back. */
  limit(): Promise<void>
  /** Closes the connection instead of giving it back, without waiting for that. */
  discard(): void
}

/** Gives out connections for as long as a piece of work takes. */
export interface ConnectionSource {
  readonly dialect: Dialect
  /** For reads of what is committed, each statement by itself. Repeated where the connection had broken. */
  read<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  /** For changes, in a transaction of its own. Repeated if `work` rejects as `isStale`. */
  write<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  /** For changes that do no harm when they are made twice. Repeated where the connection had broken, like reads. */
  writeTwice<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  /**
   * For a transaction of many calls, which TypeORM's own functions begin and end. Repeated like `write`, as long as
   * `canRepeat()`.
   */
  session<T>(
    work: (session: Session) => Promise<T>,
    signal: AbortSignal | undefined,
    canRepeat: () => boolean,
  ): Promise<T>
  close(): Promise<void>
}
