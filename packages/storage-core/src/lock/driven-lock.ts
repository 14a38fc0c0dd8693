import { randomBytes } from 'node:crypto'
import { abortedError, untilAborted } from '../abort.js'
import { Backoff } from '../backoff.js'
import { isStorageError, LockLostError, LockTimeoutError, StorageError } from '../errors.js'
import { KeyedMutex } from '../keyed-mutex.js'
import { checkLockName } from '../names.js'
import { checkOptions, resolveOptions, wrongType } from '../options/index.js'
import { LeasedLock } from './leased-lock.js'
import type { HeldLock, Lock } from './lock.js'
import type { LockDriver, LockGrant } from './lock-driver.js'
import {
  ACQUIRE_OPTIONS,
  type AcquireOptions,
  LOCK_TIME_OPTIONS,
  type LockTimes,
  type ResolvedTimes,
  timesOf,
} from './lock-times.js'
import { LockWait } from './lock-wait.js'

const PAUSES = Object.freeze({ firstMs: 1, longestMs: 50 })

/** One `acquire`. */
interface Asking {
  readonly name: string
  readonly owner: string
  readonly leaseMs: number
  readonly waitMs: number
  readonly wait: LockWait
}

/** A `Lock` of a driver. */
export class DrivenLock implements Lock {
  readonly #driver: LockDriver
  readonly #times: ResolvedTimes
  /** Those of one object queue here, so that one of them asks the server and all are served in their order. */
  readonly #queue = new KeyedMutex()
  readonly #waiting = new Set<LockWait>()
  /** By owner. */
  readonly #held = new Map<string, LeasedLock>()
  readonly #inFlight = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /** Throws a `RangeError` for times that make no sense. */
  constructor(driver: LockDriver, times: LockTimes = {}) {
    this.#driver = driver
    this.#times = resolveOptions('A lock', LOCK_TIME_OPTIONS, times)
  }

  async acquire(name: string, options: AcquireOptions = {}): Promise<HeldLock> {
    checkLockName(name)
    checkOptions('acquire', ACQUIRE_OPTIONS, options)
    const { signal } = options
    const { leaseMs, waitMs } = timesOf(options, this.#times)
    if (this.#closing !== undefined) throw closedError(name)
    if (signal?.aborted === true) throw abortedError(signal, name)
    const wait = new LockWait(name, waitMs, signal)
    const owner = randomBytes(12).toString('base64url')
    this.#waiting.add(wait)
    try {
      return await this.#track(this.#acquire({ name, owner, leaseMs, waitMs, wait }))
    } finally {
      this.#waiting.delete(wait)
      wait.end()
    }
  }

  async withLock<T>(
    name: string,
    work: (held: HeldLock) => Promise<T>,
    options: AcquireOptions = {},
  ): Promise<T> {
    if (typeof work !== 'function') throw wrongType('work', 'a function', work)
    const held = await this.acquire(name, options)
    const { leaseMs } = timesOf(options, this.#times)
    // One that fails is followed by others, and by the end of the lease where none gets through.
    const extend = (): void => void held.extend().catch(() => undefined)
    const timer = setInterval(extend, leaseMs / 3).unref()
    try {
      const result = await work(held)
      if (await held.release()) return result
    } finally {
      clearInterval(timer)
      await held.release()
    }
    throw held.signal.aborted ? held.signal.reason : lostError(name)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    for (const wait of this.#waiting) wait.leave(closedError())
    for (const held of this.#held.values()) held.lose(closedError(held.name))
    // Giving back may begin when an acquiring ends.
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight)
    await this.#driver.close()
  }

  async #acquire(asking: Asking): Promise<LeasedLock> {
    const { name, wait } = asking
    let leave: () => void
    try {
      leave = await this.#queue.acquire(name, wait.over)
    } catch {
      throw wait.error ?? timeoutError(asking)
    }
    try {
      return await this.#poll(asking, leave)
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Asks until the lock is granted; once more when the time has passed. */
  async #poll(asking: Asking, leave: () => void): Promise<LeasedLock> {
    const { wait } = asking
    const backoff = new Backoff(PAUSES)
    for (;;) {
      const wasOver = wait.over.aborted
      const answer = await this.#attempt(asking, leave)
      if (answer instanceof LeasedLock) return answer
      if (wasOver || asking.waitMs === 0) {
        if (answer === undefined) throw timeoutError(asking)
        this.#giveBack(asking)
        throw answer
      }
      await wait.pause(backoff.next())
      if (wait.error !== undefined) {
        if (answer !== undefined) this.#giveBack(asking)
        throw wait.error
      }
    }
  }

  /** Undefined: another has it. An error that may pass is an answer, too. */
  async #attempt(asking: Asking, leave: () => void): Promise<LeasedLock | StorageError | undefined> {
    const { name, owner, leaseMs, wait } = asking
    const askedAt = performance.now()
    let isLost = false
    const onLost = (): void => {
      isLost = true
      this.#held.get(owner)?.lose()
    }
    const attempt = this.#driver.attempt({ name, owner, leaseMs, onLost })
    let grant: LockGrant | undefined
    try {
      grant = await untilAborted(attempt, wait.left, name)
    } catch (error) {
      if (wait.error !== undefined) {
        this.#giveBack(asking, attempt)
        throw wait.error
      }
      if (isStorageError(error) && mayPass(error)) return error
      this.#giveBack(asking)
      throw error
    }
    if (grant === undefined || isLost) return undefined
    if (wait.error !== undefined) {
      this.#giveBack(asking)
      throw wait.error
    }
    const held = new LeasedLock({ name, owner, leaseMs, askedAt }, grant, this.#driver, (ending) => {
      this.#held.delete(owner)
      void this.#track(ending).then(leave)
    })
    this.#held.set(owner, held)
    return held
  }

  /** A grant that may have reached a caller who has given up. */
  #giveBack({ name, owner }: Asking, attempt: Promise<unknown> = Promise.resolve()): void {
    const afterwards = attempt.catch(() => undefined).then(() => this.#driver.release(name, owner))
    void this.#track(afterwards.catch(() => undefined))
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work)
    const done = (): void => void this.#inFlight.delete(work)
    work.then(done, done)
    return work
  }
}

/** An attempt of the same owner can be repeated, whether or not the one before succeeded. */
function mayPass(error: StorageError): boolean {
  return error.retryable || error.code === 'E_OUTCOME_UNKNOWN'
}

function closedError(name?: string): StorageError {
  return new StorageError('E_CLOSED', 'The lock was closed', { key: name })
}

function timeoutError({ name, waitMs }: Asking): LockTimeoutError {
  const message = `Another held the lock ${JSON.stringify(name)} for ${waitMs} ms`
  return new LockTimeoutError(message, { key: name })
}

function lostError(name: string): LockLostError {
  return new LockLostError(`The lock ${JSON.stringify(name)} was lost while it was used`, { key: name })
}
