import type { OpenSession } from '../session.js'

/** What a connection learns from its socket. Nothing is called after `lost`, and nothing after `destroy`. */
export interface LinkEvents {
  /** Connected, authenticated, ready for the commands of a protocol. */
  ready(open: OpenSession): void
  /** The chunk is only lent: its memory may be written over after the call. */
  data(chunk: Buffer): void
  /** The write buffer has room again. */
  drain(): void
  /** The socket is gone or must not be used any more, for whatever reason; a clean close included. */
  lost(error: Error): void
}

/** A socket, reduced to what a connection needs of it; made anew for each attempt and never used again. */
export interface Link {
  /** Sends all chunks in one system call where possible. */
  write(chunks: readonly Uint8Array[]): void
  /**
   * Of a TLS link: commands are written in groups of whole ones of up to so many bytes, larger ones alone. memcached
   * reads a record into a buffer of that size and waits for the socket before it looks for what is left of one, so
   * that a command behind a value that ends within a record would wait for the next command (seen with 1.6.18).
   */
  readonly maxRecordBytes?: number | undefined
  /** Bytes that the kernel has not taken yet; 0 means that no memory given to `write` is read any more. */
  readonly bufferedBytes: number
  /** Whether the open socket keeps the process running. Default: it does. */
  hold(isHeld: boolean): void
  /** Cuts the connection at once, in both directions, without waiting for anybody. Idempotent. */
  destroy(): void
}

/** Starts an attempt to connect. `events` are never called before it returns. */
export type Dial = (events: LinkEvents) => Link
