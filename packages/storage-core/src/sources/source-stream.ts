import { abortedError, onAbort } from '../abort.js'
import { StorageError } from '../errors.js'
import { checkStream, openSource } from './open-source.js'
import type { Reader, Step } from './reader.js'
import { bytesOf } from './utf8.js'

const DONE = Object.freeze({ done: true, value: undefined } as const)

/**
 * The chunks of a source that a caller has passed. Opens it when the first is asked for, and can be iterated once. When
 * `signal` fires, when the loop is left, and at `stop()`, it takes nothing more from the source.
 */
export class SourceStream implements AsyncIterator<Uint8Array, undefined> {
  readonly #source: unknown
  readonly #signal: AbortSignal | undefined
  #state: 'unread' | 'reading' | 'ended' | 'stopped' = 'unread'
  #reader: Reader | undefined
  /** What `next` rejects with, once stopped. */
  #reason: unknown
  #interrupt: ((error: unknown) => void) | undefined
  #release: (() => void) | undefined

  /** Throws `TypeError` for what is no source. Reads nothing. */
  constructor(source: unknown, signal: AbortSignal | undefined) {
    checkStream(source)
    this.#source = source
    this.#signal = signal
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#state === 'ended') return DONE
    // What was read is a part of the whole, and must not pass for it.
    if (this.#state === 'stopped') throw this.#reason
    try {
      const step = await this.#step()
      if (!step.done) return { done: false, value: bytesOf(step.chunk) }
    } catch (error) {
      await this.#leave(error)
      throw error
    }
    this.#state = 'ended'
    await this.#leave()
    return DONE
  }

  /** A loop that is left waits for the `finally` of a generator. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#leave()
    return DONE
  }

  /** Takes nothing more from the source, and waits for nothing. A `next` that is pending rejects with `reason`. */
  stop(reason: unknown = stoppedError()): void {
    this.#interrupt?.(reason)
    void this.#leave(reason)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #step(): Promise<Step> {
    const signal = this.#signal
    if (signal?.aborted === true) throw abortedError(signal)
    if (this.#reader === undefined) {
      this.#reader = openSource(this.#source)
      this.#state = 'reading'
      this.#release = signal && onAbort(signal, () => this.#abort())
    }
    const reading = this.#reader.next().finally(() => (this.#interrupt = undefined))
    return new Promise((resolve, reject) => {
      this.#interrupt = reject
      reading.then(resolve, reject)
    })
  }

  #abort(): void {
    const reason = abortedError(this.#signal)
    this.#interrupt?.(reason)
    void this.#leave(reason)
  }

  async #leave(reason: unknown = stoppedError()): Promise<void> {
    if (this.#state === 'unread' || this.#state === 'reading') {
      this.#state = 'stopped'
      this.#reason = reason
    }
    this.#release?.()
    const stopping = this.#reader?.stop()
    // A source that hangs does not answer.
    if (this.#interrupt === undefined) await stopping
  }
}

function stoppedError(): StorageError {
  return new StorageError('E_CLOSED', 'The write that read this stream has ended')
}
