import { abortedError, onAbort } from '../abort.js'
import type { StorageError } from '../errors.js'

/** How long one caller waits: for some time, and no longer than it wants. */
export class LockWait {
  readonly #left = new AbortController()
  readonly #over = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #release: (() => void) | undefined
  #error: StorageError | undefined

  constructor(name: string, waitMs: number, signal: AbortSignal | undefined) {
    this.#timer = setTimeout(() => this.#over.abort(), waitMs)
    this.#release = signal && onAbort(signal, () => this.leave(abortedError(signal, name)))
  }

  /** Why the caller is not interested any more, if that is so. */
  get error(): StorageError | undefined {
    return this.#error
  }

  /** Fires when the caller is not interested any more. */
  get left(): AbortSignal {
    return this.#left.signal
  }

  /** Fires then, or when the time has passed. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  leave(error: StorageError): void {
    this.#error ??= error
    this.#left.abort(error)
    this.#over.abort(error)
  }

  /** Resolves after that time, or earlier when waiting is over. */
  async pause(ms: number): Promise<void> {
    const over = this.over
    if (over.aborted) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        over.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      over.addEventListener('abort', done)
    })
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#release?.()
  }
}
