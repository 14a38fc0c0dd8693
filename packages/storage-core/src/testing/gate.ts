import { untilAborted } from '../abort.js'

/** A place where one call stops until the test lets it go on. */
export interface Gate {
  /** Resolves once the call has come to the gate. */
  readonly reached: Promise<void>
  /** Lets the call go on; also before it has come. */
  open(): void
  /** Lets the call fail with `error` at this place. */
  fail(error: Error): void
}

export class GateControl implements Gate {
  readonly reached: Promise<void>
  readonly #opened: Promise<void>
  #reach!: () => void
  #open!: () => void
  #fail!: (error: Error) => void

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve))
    this.#opened = new Promise((resolve, reject) => {
      this.#open = resolve
      this.#fail = reject
    })
    // A gate that fails before any call comes to it must not count as an unhandled rejection.
    this.#opened.catch(() => undefined)
  }

  open(): void {
    this.#open()
  }

  fail(error: Error): void {
    this.#fail(error)
  }

  /** What the stopped call waits for. Rejects with `E_ABORTED` where `signal` fires first. */
  async pass(signal: AbortSignal | undefined): Promise<void> {
    this.#reach()
    await untilAborted(this.#opened, signal)
  }
}
