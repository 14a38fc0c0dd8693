import { untilAborted } from './abort.js'
import { StorageError } from './errors.js'

/** The longest delay of a timer of Node; a longer one fires at once. */
const MAX_TIMER_MS = 2_147_483_647

/** The `E_TIMEOUT` of a transaction that took longer than it may. */
export function tooLate(
  key: string | undefined,
  message = 'The transaction outlived the time it was given',
): StorageError {
  return new StorageError('E_TIMEOUT', message, { key })
}

/**
 * What `work` resolves to; `late()` once `performance.now()` has reached `deadline`, and `E_ABORTED` as soon as `signal`
 * fires. In these cases the result of the work is ignored. No timer is left behind.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  deadline: number,
  late: () => StorageError,
  signal?: AbortSignal,
  key?: string,
): Promise<T> {
  const leftMs = Math.max(0, deadline - performance.now())
  if (leftMs > MAX_TIMER_MS) return untilAborted(work, signal, key)
  let timer: NodeJS.Timeout | undefined
  const out = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), leftMs)
  })
  try {
    return await untilAborted(Promise.race([work, out]), signal, key)
  } finally {
    clearTimeout(timer)
  }
}
