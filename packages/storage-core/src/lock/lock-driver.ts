/** One attempt to get a lock, as a driver is asked for it. */
export interface LockRequest {
  readonly name: string
  /** Whose it is to be: of one `acquire`, and of nobody else ever. Letters, digits, `-` and `_`. */
  readonly owner: string
  readonly leaseMs: number
  /** To be called where the driver learns by itself that what it granted is lost. */
  readonly onLost: () => void
}

/** What a driver answers with that has given the lock. */
export interface LockGrant {
  /** See `HeldLock.fencing`. Drawn while the lock was held. */
  readonly fencing: number | undefined
}

/**
 * What an implementer writes: the few steps that differ between locks. `DrivenLock` makes a `Lock` of it, with its
 * queue, waiting, time-outs and closing. Every call ends by itself in bounded time.
 */
export interface LockDriver {
  /**
   * Asks once. Undefined: another has it. The lease counts from the call or from later on. After a rejection the lock
   * may be held all the same: the next call for the same owner gets it, or `release` gives it back.
   */
  attempt(request: LockRequest): Promise<LockGrant | undefined>
  /** A new lease from now. False: it is that owner's no more. After a rejection either may be true. */
  extend(name: string, owner: string, leaseMs: number): Promise<boolean>
  /** False: it was that owner's no more; nothing has changed. */
  release(name: string, owner: string): Promise<boolean>
  /** Called once, when nothing is held or in flight any more. */
  close(): Promise<void>
}
