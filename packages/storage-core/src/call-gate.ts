import { throwIfAborted } from './abort.js'
import type { DriverCall } from './driver.js'
import { StorageError } from './errors.js'
import type { ResourceInfo } from './resource.js'
import type { CallOptions, TransactionHook } from './storage.js'
import { type CallEvent, watchedCalls } from './watch.js'

const NO_SIGNAL: DriverCall = Object.freeze({ signal: undefined })

/** What whoever watches is told of a call. */
export type Told = Pick<CallEvent, 'operation' | 'collection' | 'resource' | 'items'>

/** Where all calls of a storage go in and out: none after it was closed, and it closes once nothing is in flight. */
export class CallGate {
  #inFlight = 0
  #drained: (() => void) | undefined
  #isClosed = false
  /** As long as a hook runs that has not waited for anything yet: then it is known who calls. */
  #isInHook = false
  readonly #system: string

  /** `system`: as in events. */
  constructor(system: string) {
    this.#system = system
  }

  /** Without `told`, nobody is told of it. */
  run<T>(options: CallOptions | undefined, work: (call: DriverCall) => Promise<T>, told?: Told): Promise<T> {
    return told !== undefined && watchedCalls.isWatched
      ? this.watched(told, () => this.#run(options, work))
      : this.#run(options, work)
  }

  /** Tells whoever watches of work. */
  watched<T>(told: Told, work: () => Promise<T>): Promise<T> {
    return watchedCalls.run({ system: this.#system, ...told }, work)
  }

  async #run<T>(options: CallOptions | undefined, work: (call: DriverCall) => Promise<T>): Promise<T> {
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

export function toldOf(
  operation: string,
  collection: string | undefined,
  resource?: string,
  items = 1,
): Told {
  return { operation, collection, resource, items }
}

/** Of several resources: their collection where it is one. */
export function toldOfMany(operation: string, infos: readonly ResourceInfo[]): Told {
  const collections = new Set(infos.map(({ collection }) => collection))
  const [collection] = collections.size === 1 ? collections : []
  return toldOf(operation, collection, undefined, infos.length)
}
