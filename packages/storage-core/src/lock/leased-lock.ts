import { LockLostError, StorageError } from '../errors.js'
import type { HeldLock } from './lock.js'
import type { LockDriver, LockGrant } from './lock-driver.js'
import { checkLease } from './lock-times.js'

/** How often a lock is tried to be given back. */
const RELEASE_ATTEMPTS = 2

export interface Lease {
  readonly name: string
  readonly owner: string
  readonly leaseMs: number
  /** When the lock was asked for, on the scale of `performance.now()`: the lease counts from there. */
  readonly askedAt: number
}

/** What becomes of a lock after it was granted. */
export class LeasedLock implements HeldLock {
  readonly name: string
  readonly fencing: number | undefined
  readonly #lease: Lease
  readonly #driver: LockDriver
  readonly #onEnd: (ending: Promise<boolean>) => void
  readonly #lost = new AbortController()
  #heldUntil: number
  #timer: NodeJS.Timeout | undefined
  #isReleased = false
  #releasing: Promise<boolean> | undefined
  #extending: Promise<unknown> = Promise.resolve()

  /** `onEnd` is called once, with the work that is still running: the lock is released when that has settled. It never rejects. */
  constructor(lease: Lease, grant: LockGrant, driver: LockDriver, onEnd: (ending: Promise<boolean>) => void) {
    this.name = lease.name
    this.fencing = grant.fencing
    this.#lease = lease
    this.#driver = driver
    this.#onEnd = onEnd
    this.#heldUntil = this.#holdUntil(lease.askedAt + lease.leaseMs)
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  get remainingMs(): number {
    return this.#isOver ? 0 : Math.max(0, this.#heldUntil - performance.now())
  }

  async extend(leaseMs: number = this.#lease.leaseMs): Promise<void> {
    checkLease(leaseMs)
    this.#checkHeld()
    // One after the other: the server's last must be the last one here.
    const extending = this.#extending.then(() => this.#extend(leaseMs))
    this.#extending = extending.catch(() => undefined)
    await extending
  }

  release(): Promise<boolean> {
    if (this.#releasing === undefined) {
      this.#checkTime()
      if (this.signal.aborted) this.#releasing = Promise.resolve(false)
      else this.#releasing = this.#end()
    }
    return this.#releasing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  /** The driver found the lock lost. Does nothing if it was released or lost before. */
  lose(error: StorageError = this.#lostError()): void {
    if (this.#isOver) return
    this.#lost.abort(error)
    void this.#end()
  }

  get #isOver(): boolean {
    return this.#isReleased || this.signal.aborted
  }

  async #extend(leaseMs: number): Promise<void> {
    this.#checkHeld()
    const askedAt = performance.now()
    try {
      if (!(await this.#driver.extend(this.name, this.#lease.owner, leaseMs))) this.lose()
    } finally {
      // The driver's reason for the loss says more than an error of the server.
      this.#checkHeld()
    }
    this.#heldUntil = this.#holdUntil(askedAt + leaseMs)
  }

  #holdUntil(instant: number): number {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#checkTime(), Math.max(0, instant - performance.now()))
    this.#timer.unref()
    return instant
  }

  /** Timers come late where the process was busy or stopped, and a moment early by rounding. */
  #checkTime(): void {
    if (this.#isOver) return
    if (performance.now() >= this.#heldUntil) this.lose()
    else this.#holdUntil(this.#heldUntil)
  }

  #checkHeld(): void {
    this.#checkTime()
    if (this.signal.aborted) throw this.signal.reason
    if (this.#isReleased) throw new StorageError('E_CLOSED', 'The lock was released', { key: this.name })
  }

  #end(): Promise<boolean> {
    this.#isReleased = true
    clearTimeout(this.#timer)
    const ending = this.#giveBack()
    this.#onEnd(ending)
    return ending
  }

  /** Also what is lost, as far as is known here: on its server it may stand for some time yet. */
  async #giveBack(): Promise<boolean> {
    for (let left = RELEASE_ATTEMPTS; left > 0; left--) {
      try {
        return await this.#driver.release(this.name, this.#lease.owner)
      } catch {
        // Asked again, and then left to expire.
      }
    }
    return true
  }

  #lostError(): LockLostError {
    return new LockLostError(`The lock ${JSON.stringify(this.name)} is lost`, { key: this.name })
  }
}
