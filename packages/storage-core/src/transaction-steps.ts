import { tooLate, withDeadline } from './deadline.js'
import { isStorageError, StorageError } from './errors.js'
import { callHooks, earliestTerms, type HookCall } from './hook-calls.js'
import type { BoundCalls, Participant, TransactionOutcome } from './transaction.js'

/** What happens around the end of a transaction, in its order, for drivers. */
export class TransactionSteps {
  readonly outcome: Promise<TransactionOutcome>
  #resolve: (outcome: TransactionOutcome) => void = () => undefined
  #hooks: { readonly depth: number; readonly call: HookCall }[] = []
  readonly #participants: Participant[] = []
  readonly #calls: BoundCalls[] = []
  #isEnded = false

  constructor() {
    this.outcome = new Promise((resolve) => (this.#resolve = resolve))
  }

  /** Hooks of writes that were made in so many nested transactions. */
  add(calls: readonly HookCall[], depth: number): void {
    for (const call of calls) this.#hooks.push({ depth, call })
  }

  /** After a nested transaction was rolled back: its writes are undone. */
  undo(depth: number): void {
    this.#hooks = this.#hooks.filter((each) => each.depth <= depth)
  }

  /** After a nested transaction was committed: its writes are the outer one's. */
  keep(depth: number): void {
    this.#hooks = this.#hooks.map(({ depth: own, call }) => ({ depth: Math.min(own, depth), call }))
  }

  enlist(participant: Participant): void {
    if (this.#isEnded) throw new StorageError('E_CLOSED', 'The transaction has ended')
    this.#participants.push(participant)
  }

  closeWith(calls: BoundCalls): void {
    this.#calls.push(calls)
  }

  /** Calls participants, which may still write, and then accepts no more calls. Rejects with `E_TIMEOUT`. */
  async close(deadline: number): Promise<void> {
    await withDeadline(this.#close(), deadline, () => tooLate(undefined))
  }

  async #close(): Promise<void> {
    await this.closing()
    for (const calls of this.#calls) await calls.drain()
  }

  /** To be called first: participants may still write. */
  async closing(): Promise<void> {
    // The last to come stands in front of the others, and calls them.
    for (const participant of [...this.#participants].reverse()) await participant.closing?.()
  }

  /** To be called with all rows locked. Resolves to the instant by which the commit must have been sent. */
  async beforeCommit(signal: AbortSignal | undefined, deadline: number): Promise<number> {
    const calls = this.#hooks.map(({ call }) => call)
    const byHooks = await callHooks(calls, signal, deadline)
    const marking = this.#participants.map((each) => async () => each.beforeCommit?.())
    return earliestTerms(marking, signal, byHooks, calls[0]?.pending.info.key)
  }

  /** Resolves to whether all caches were invalidated. Never rejects. */
  async afterCommit(): Promise<boolean> {
    if (this.#isEnded) return false
    this.#isEnded = true
    const answers = await Promise.allSettled(
      this.#participants.map(async (each) => (await each.afterCommit?.()) ?? true),
    )
    const cacheInvalidated = answers.every((each) => each.status === 'fulfilled' && each.value)
    this.#resolve({ status: 'committed', cacheInvalidated })
    return cacheInvalidated
  }

  /** With why nothing was written, or with an `E_OUTCOME_UNKNOWN`. Never rejects. */
  async afterRollback(reason: unknown): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await Promise.allSettled(this.#calls.map((calls) => calls.cut(reason)))
    await Promise.allSettled(this.#participants.map(async (each) => each.afterRollback?.(reason)))
    const isUnknown = isStorageError(reason, 'E_OUTCOME_UNKNOWN')
    this.#resolve(
      isUnknown
        ? { status: 'unknown', cacheInvalidated: false }
        : { status: 'rolled back', cacheInvalidated: true },
    )
  }
}
