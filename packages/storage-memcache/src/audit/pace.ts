import type { Environment } from '@larder/memcached'
import { StorageError } from '@larder/storage-core'
import { throwIfAborted, untilAborted } from '@larder/storage-core/driver'

/** Keeps an audit slow, and ends it when it is told to. */
export class Pace {
  readonly signal: AbortSignal | undefined
  readonly #env: Environment
  readonly #maxPerSecond: number
  readonly #isClosed: () => boolean
  #freeAt: number

  constructor(
    env: Environment,
    maxPerSecond: number,
    signal: AbortSignal | undefined,
    isClosed: () => boolean,
  ) {
    this.#env = env
    this.#maxPerSecond = maxPerSecond
    this.signal = signal
    this.#isClosed = isClosed
    this.#freeAt = env.now()
  }

  now(): number {
    return this.#env.now()
  }

  /** Waits until so many more may be looked at. Rejects with `E_ABORTED`, and with `E_CLOSED`. */
  async spend(count: number): Promise<void> {
    const startAt = Math.max(this.#freeAt, this.now())
    this.#freeAt = startAt + (count * 1_000) / this.#maxPerSecond
    await this.until(startAt)
  }

  /** Rejects with `E_ABORTED`, and with `E_CLOSED`. */
  async until(at: number): Promise<void> {
    this.#check()
    const waitMs = at - this.now()
    if (waitMs > 0) await untilAborted(this.#env.sleep(waitMs), this.signal)
    this.#check()
  }

  #check(): void {
    throwIfAborted(this.signal)
    if (this.#isClosed()) throw new StorageError('E_CLOSED', 'The storage was closed while it was audited')
  }
}
