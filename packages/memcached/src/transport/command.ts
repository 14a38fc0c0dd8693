import type { OutBuffer } from '../protocol/out-buffer.js'
import type { Exchange, Receipt } from './exchange.js'
import type { Fifo } from './fifo.js'

/** What the queue holds of a command beside its key and value. */
export const OVERHEAD_BYTES = 64

/** A command and the promise of its result, which is settled once. */
export abstract class Command<T, Frame> implements Exchange<Frame> {
  deadline = 0
  attempts = 0
  isSettled = false
  abstract readonly bytes: number
  readonly #resolve: (result: T) => void
  readonly #reject: (error: Error) => void

  constructor(resolve: (result: T) => void, reject: (error: Error) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  get idempotent(): boolean {
    return false
  }

  get boundTo(): object | undefined {
    return undefined
  }

  get opaques(): number {
    return 1
  }

  abstract encode(
    out: OutBuffer,
    opaque: number,
    previous: Exchange<Frame> | undefined,
    queue: Fifo<Exchange<Frame>>,
  ): void

  abstract receive(frame: Frame, from: object): Receipt

  unbind(): void {}

  fail(error: Error): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }

  protected succeed(result: T): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#resolve(result)
  }

  /** Settles with what `read` makes of the frame; a `StorageError` thrown there rejects and does nothing else. */
  protected settle(read: (frame: Frame, from: object) => T, frame: Frame, from: object): void {
    if (this.isSettled) return
    this.isSettled = true
    try {
      this.#resolve(read(frame, from))
    } catch (error) {
      this.#reject(error as Error)
    }
  }
}
