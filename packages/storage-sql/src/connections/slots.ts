import { StorageError } from '@larder/storage-core'
import { abortedError, onAbort, throwIfAborted } from '@larder/storage-core/driver'

interface Waiter {
  readonly grant: () => void
}

/**
 * So many users at a time, in the order in which they came. A burst of calls waits here, so that the time-out of a
 * connection counts from when it is really asked for.
 */
export class Slots {
  readonly #waiters: Waiter[] = []
  readonly #count: number
  #free: number

  constructor(count: number) {
    this.#count = count
    this.#free = count
  }

  /** How many are in use. */
  get used(): number {
    return this.#count - this.#free
  }

  /** How many callers wait. */
  get pending(): number {
    return this.#waiters.length
  }

  /** Rejects with `E_TIMEOUT` where none became free within `limitMs`, and with `E_ABORTED`. */
  async use<T>(work: () => Promise<T>, limitMs: number, signal: AbortSignal | undefined): Promise<T> {
    await this.take(limitMs, signal)
    try {
      return await work()
    } finally {
      this.give()
    }
  }

  /** Like `use`, until `give`. */
  async take(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal)
    if (this.#free > 0) this.#free--
    else await this.#wait(limitMs, signal)
  }

  /** To be called once for each `take` that resolved. */
  give(): void {
    const next = this.#waiters.shift()
    if (next === undefined) this.#free++
    else next.grant()
  }

  #wait(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        release?.()
      }
      const waiter = {
        grant: () => {
          done()
          resolve()
        },
      }
      const giveUp = (error: StorageError): void => {
        done()
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        reject(error)
      }
      const timer = setTimeout(() => {
        giveUp(new StorageError('E_TIMEOUT', `No connection was free for ${limitMs} ms`))
      }, limitMs)
      const release = signal && onAbort(signal, () => giveUp(abortedError(signal)))
      this.#waiters.push(waiter)
    })
  }
}
