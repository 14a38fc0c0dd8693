import { type PendingWrite, StorageError, type TransactionHook, untilAborted } from '@larder/storage-core'

/** A hook, where there is one, and what it is to be told. */
export interface HookCall {
  readonly hook: TransactionHook | undefined
  readonly pending: PendingWrite
}

/**
 * Calls all hooks of a transaction at once. Resolves to the instant before which the commit must be sent, at latest
 * `deadline`. Rejects with what the first of them rejected with, once all have ended or are out of time.
 */
export async function callHooks(
  calls: readonly HookCall[],
  signal: AbortSignal | undefined,
  deadline: number,
): Promise<number> {
  const calling = calls.flatMap(({ hook, pending }) =>
    hook === undefined ? [] : [hookWithin(hook, pending, deadline)],
  )
  if (calling.length === 0) return deadline
  const ended = await untilAborted(Promise.allSettled(calling), signal, calls[0]?.pending.info.key)
  return ended.reduce((before, each) => {
    if (each.status === 'rejected') throw each.reason
    return Math.min(before, each.value?.commitBefore ?? Infinity)
  }, deadline)
}

async function hookWithin(
  hook: TransactionHook,
  pending: PendingWrite,
  deadline: number,
): ReturnType<TransactionHook['beforeCommit']> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const told = 'The hook outlived the time of its transaction. Does it wait for its own storage?'
    timer = setTimeout(
      () => reject(tooLate(pending.info.key, told)),
      Math.max(0, deadline - performance.now()),
    )
  })
  try {
    return await Promise.race([hook.beforeCommit(pending), late])
  } finally {
    clearTimeout(timer)
  }
}

export function tooLate(
  key: string | undefined,
  told = 'The transaction outlived the time it was given',
): StorageError {
  return new StorageError('E_TIMEOUT', told, { key })
}
