import { tooLate, withDeadline } from './deadline.js'
import type { CommitTerms, PendingWrite, TransactionHook } from './transaction.js'

/** A hook, if any, and its argument. */
export interface HookCall {
  readonly hook: TransactionHook | undefined
  readonly pending: PendingWrite
}

type Terms = Promise<CommitTerms | void>

/**
 * Calls all hooks of a transaction at once. Resolves to the instant before which the commit must be sent, `deadline` at
 * the latest. Rejects with what the first of them rejected with, once all have ended or are out of time.
 */
export function callHooks(
  calls: readonly HookCall[],
  signal: AbortSignal | undefined,
  deadline: number,
): Promise<number> {
  const hooked = calls.flatMap(({ hook, pending }) => (hook === undefined ? [] : { hook, pending }))
  return earliestTerms(
    hooked.map(
      ({ hook, pending }) =>
        () =>
          hook.beforeCommit(pending),
    ),
    signal,
    deadline,
    hooked[0]?.pending.info.key,
  )
}

/** The same for anything that gives terms. */
export async function earliestTerms(
  calls: readonly (() => Terms)[],
  signal: AbortSignal | undefined,
  deadline: number,
  key: string | undefined,
): Promise<number> {
  if (calls.length === 0) return deadline
  const message = 'The hook outlived the time of its transaction. Does it wait for its own storage?'
  const late = () => tooLate(key, message)
  const calling = calls.map(async (call) => withDeadline(call(), deadline, late, signal, key))
  const ended = await Promise.allSettled(calling)
  return ended.reduce((before, each) => {
    if (each.status === 'rejected') throw each.reason
    return Math.min(before, each.value?.commitBefore ?? Infinity)
  }, deadline)
}
