import type { Dialect } from '../dialects/dialect.js'
import type { Connection } from './connection.js'

/** Gives out connections for as long as a piece of work takes. */
export interface ConnectionSource {
  readonly dialect: Dialect
  /** For reads of what is committed, each statement by itself. Repeated where the connection had broken. */
  read<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  /** For changes. Whoever has it shares no transaction with anybody. Repeated where `work` rejects as `isStale`. */
  write<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  /** For changes that do no harm when they are made twice. Repeated where the connection had broken, like reads. */
  writeTwice<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T>
  close(): Promise<void>
}
