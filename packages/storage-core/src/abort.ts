import { StorageError } from './errors.js'

/** Throws `E_ABORTED` if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, key?: string): void {
  if (signal?.aborted === true) throw abortedError(signal, key)
}

/** What `work` resolves to, or `E_ABORTED` as soon as `signal` fires; the work itself goes on unheard. */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  key?: string,
): Promise<T> {
  if (signal === undefined) return work
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortedError(signal, key))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
  }
}

/** What an operation rejects with that its signal has ended: `E_ABORTED`, with the reason as its cause. */
export function abortedError(signal: AbortSignal | undefined, key?: string): StorageError {
  return new StorageError('E_ABORTED', 'The caller aborted the operation', { key, cause: signal?.reason })
}
