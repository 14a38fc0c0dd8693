import { StorageError } from './errors.js'

/** Throws `E_ABORTED` if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, key?: string): void {
  if (signal?.aborted === true) throw abortedError(signal, key)
}

export function abortedError(signal: AbortSignal | undefined, key?: string): StorageError {
  return new StorageError('E_ABORTED', 'The caller aborted the operation', { key, cause: signal?.reason })
}
