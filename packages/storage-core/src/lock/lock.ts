import type { AcquireOptions } from './lock-times.js'

/**
 * A lock that is held. It is lost when it is not extended in time, when its server forgets it (an eviction, a restart, a
 * connection that broke), or when the `Lock` is closed.
 */
export interface HeldLock extends AsyncDisposable {
  readonly name: string
  /**
   * Larger for every holder of this name than for all before it, also after the servers of the lock have lost
   * everything. Pass it to the resource that the lock protects, and let that refuse numbers smaller than the largest it has
   * seen: nothing else stops a holder that was paused, and writes after its time. Undefined where the lock has nothing
   * durable to count in.
   */
  readonly fencing: number | undefined
  /**
   * Fires when the lock is lost, as far as this process can tell; its reason is a `StorageError`, `E_LOCK_LOST` or
   * `E_CLOSED`. Not when it is released.
   */
  readonly signal: AbortSignal
  /** How long the lock is held from now on unless it is extended, in milliseconds; 0 once it is released or lost. */
  readonly remainingMs: number
  /**
   * Holds it for `leaseMs` from now, by default for as long as it was asked for at first. Rejects with `E_LOCK_LOST`
   * where it is lost, and with `E_CLOSED` where it was released. Any other error says that the server did not answer;
   * the lock is held until its time has passed.
   */
  extend(leaseMs?: number): Promise<void>
  /**
   * Gives it back. Resolves to false where it is known to have been lost before; then nothing is changed, and another's
   * lock stays. Never rejects: what cannot be given back expires. Calling it again gives the same answer.
   */
  release(): Promise<boolean>
}

/**
 * Locks by name, between processes. Every implementation passes `lockContract` of `@larder/storage-core/testing`.
 *
 * Names are 1 to 512 bytes of UTF-8 as those of resources; others are a `TypeError` or `RangeError` before any I/O.
 * Who waits in one `Lock` object is served in the order of coming; between objects and processes no order is promised. A
 * lock is not reentrant: who acquires a name twice waits for himself.
 */
export interface Lock extends AsyncDisposable {
  /**
   * Resolves once the lock is held. Rejects with `E_LOCK_TIMEOUT` where others hold it for longer than `waitMs`, with
   * `E_ABORTED` or `E_CLOSED` at once, and with the server's error where that did not answer for as long.
   */
  acquire(name: string, options?: AcquireOptions): Promise<HeldLock>
  /**
   * Holds the lock while `work` runs, extending it all the time, and resolves to what `work` does. Rejects as `acquire`;
   * with the error of `work`; and with `E_LOCK_LOST` where the lock was lost before `work` was done. `work` is told by
   * `held.signal`, and is waited for.
   */
  withLock<T>(name: string, work: (held: HeldLock) => Promise<T>, options?: AcquireOptions): Promise<T>
  /**
   * Those that wait reject with `E_CLOSED`; what is still held loses its lock and is given back. Idempotent; later calls
   * reject with `E_CLOSED`.
   */
  close(): Promise<void>
}
