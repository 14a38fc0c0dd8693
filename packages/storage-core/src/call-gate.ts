import { throwIfAborted } from './abort.js'
import type { DriverCall } from './driver.js'
import { StorageError } from './errors.js'
import type { CallOptions, TransactionHook } from './storage.js'

const NO_SIGNAL: DriverCall = Object.freeze({ signal: undefined })

/** Where all calls of a storage go in and out: none after it was closed, and it closes once nothing is in flight. */
export class CallGate {
  #inFlight = 0
  #drained: (() => void) | undefined
  #isClosed = false
  /** As long as a hook runs that has not waited for anything yet: then it is known who calls. */
  #isInHook = false

  async run<T>(options: CallOptions | undefined, work: (call: DriverCall) => Promise<T>): Promise<T> {
    const call = this.enter(options)
    try {
      return await work(call)
    } finally {
      this.leave()
    }
  }

  /** Throws `E_CLOSED`, `E_ABORTED`, and `E_UNSUPPORTED` for a call out of a hook. `leave` has to follow. */
  enter(options: CallOptions | undefined): DriverCall {
    this.checkOpen()
    if (this.#isInHook) {
      const told = 'A transaction hook must not call its own storage: both would wait for each other'
      throw new StorageError('E_UNSUPPORTED', told)
    }
    const signal = options?.signal
    throwIfAborted(signal)
    this.#inFlight++
    return signal === undefined ? NO_SIGNAL : { signal }
  }

  leave(): void {
    if (--this.#inFlight === 0) this.#drained?.()
  }

  /** Throws `E_CLOSED`. */
  checkOpen(): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The storage is closed')
  }

  /** Lets nobody in any more, and waits for those who are in. To be called once. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
  }

  /** The same hook, whose calls of its own storage are refused as long as they can be told. */
  guarded(hook: TransactionHook): TransactionHook {
    const beforeCommit: TransactionHook['beforeCommit'] = (pending) => {
      this.#isInHook = true
      try {
        return hook.beforeCommit(pending)
      } finally {
        this.#isInHook = false
      }
    }
    return { journal: hook.journal, beforeCommit }
  }
}
