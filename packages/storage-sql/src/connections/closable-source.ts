import { StorageError } from '@larder/storage-core'
import type { Dialect } from '../dialects/index.js'
import type { Connection } from './connection.js'
import type { ConnectionSource, Session } from './source.js'

type Work<T> = (connection: Connection) => Promise<T>

/** Lets what is under way end before it closes, also for streams, which take their chunks after their call has ended. */
export class ClosableSource implements ConnectionSource {
  readonly dialect: Dialect
  readonly #inner: ConnectionSource
  #inUse = 0
  #closed = false
  #idle: (() => void) | undefined

  constructor(inner: ConnectionSource) {
    this.dialect = inner.dialect
    this.#inner = inner
  }

  read<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#use(() => this.#inner.read(work, signal))
  }

  write<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#use(() => this.#inner.write(work, signal))
  }

  writeTwice<T>(work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#use(() => this.#inner.writeTwice(work, signal))
  }

  session<T>(
    work: (session: Session) => Promise<T>,
    signal: AbortSignal | undefined,
    canRepeat: () => boolean,
  ): Promise<T> {
    return this.#use(() => this.#inner.session(work, signal, canRepeat))
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#inUse > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    await this.#inner.close()
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StorageError('E_CLOSED', 'The storage is closed')
    this.#inUse++
    try {
      return await work()
    } finally {
      if (--this.#inUse === 0) this.#idle?.()
    }
  }
}
