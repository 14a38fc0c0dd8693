import { throwIfAborted } from './abort.js'
import type { DriverCall } from './storage-driver.js'
import { StorageError } from './errors.js'
import type { ResourceInfo } from './resource.js'
import type { CallOptions } from './storage.js'
import type { TransactionHook } from './transaction.js'
import { callChannel, type CallEvent, traceWork } from './tracing.js'

const NO_SIGNAL: DriverCall = Object.freeze({ signal: undefined })

/** Fields that are published for a call. */
export type CallInfo = Pick<CallEvent, 'operation' | 'collection' | 'resource' | 'items'>

/** Where all calls of a storage go in and out: none after it was closed, and it closes once nothing is in flight. */
export class CallGate {
  #inFlight = 0
  #drained: (() => void) | undefined
  #isClosed = false
  #closing: Promise<void> | undefined
  /** As long as a hook runs that has not waited for anything yet: then it is known who calls. */
  #isInHook = false
  readonly #system: string
  readonly #closed: string
  #keepsFailure = false
  readonly #stops = new Set<(reason: unknown) => void>()
  #isCut: { readonly reason: unknown } | undefined
  #lateFailure: { readonly error: unknown } | undefined

  /** `system`: as in events. `closed`: what is said to who comes too late. */
  constructor(system: string, closed = 'The storage is closed') {
    this.#system = system
    this.#closed = closed
  }

  get isOpen(): boolean {
    return !this.#isClosed
  }

  /** From now on the failure of a call is nobody's to handle: it is kept. */
  expectNoFailure(): void {
    this.#keepsFailure = true
  }

  /** What a call failed with after that. */
  get lateFailure(): { readonly error: unknown } | undefined {
    return this.#lateFailure
  }

  /** Omit `told` to publish nothing. */
  run<T>(
    options: CallOptions | undefined,
    work: (call: DriverCall) => Promise<T>,
    info?: CallInfo,
  ): Promise<T> {
    return info !== undefined && callChannel.hasSubscribers
      ? this.watched(info, () => this.#run(options, work))
      : this.#run(options, work)
  }

  /** Publishes the events of the work. */
  watched<T>(info: CallInfo, work: () => Promise<T>): Promise<T> {
    return traceWork(callChannel, { system: this.#system, ...info }, work)
  }

  async #run<T>(options: CallOptions | undefined, work: (call: DriverCall) => Promise<T>): Promise<T> {
    const call = this.enter(options)
    try {
      return await work(call)
    } catch (error) {
      if (this.#keepsFailure) this.#lateFailure ??= { error }
      throw error
    } finally {
      this.leave()
    }
  }

  /** Throws `E_CLOSED`, `E_ABORTED`, and `E_UNSUPPORTED` for a call out of a hook. `leave` has to follow. */
  enter(options: CallOptions | undefined): DriverCall {
    this.checkOpen()
    if (this.#isInHook) {
      const info = 'A transaction hook must not call its own storage: both would wait for each other'
      throw new StorageError('E_UNSUPPORTED', info)
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
    if (this.#isClosed) throw new StorageError('E_CLOSED', this.#closed)
  }

  /** Lets nobody in any more, and waits for those who are in. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
  }

  /**
   * Closes, and stops what calls in flight wait for besides the storage: sources and nested transactions. Resolves when
   * none is in flight any more.
   */
  cut(reason: unknown): Promise<void> {
    const closed = this.close()
    this.#isCut ??= { reason }
    const stops = [...this.#stops]
    this.#stops.clear()
    for (const stop of stops) stop(reason)
    return closed
  }

  /** Calls `stop` at a cut, at once where there was one. Returns the function that prevents it. */
  onCut(stop: (reason: unknown) => void): () => void {
    if (this.#isCut !== undefined) stop(this.#isCut.reason)
    else this.#stops.add(stop)
    return () => this.#stops.delete(stop)
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

export function describeCall(
  operation: string,
  collection: string | undefined,
  resource?: string,
  items = 1,
): CallInfo {
  return { operation, collection, resource, items }
}

/** Of several resources: their collection where it is one. */
export function describeCalls(operation: string, infos: readonly ResourceInfo[]): CallInfo {
  const collections = new Set(infos.map(({ collection }) => collection))
  const [collection] = collections.size === 1 ? collections : []
  return describeCall(operation, collection, undefined, infos.length)
}
