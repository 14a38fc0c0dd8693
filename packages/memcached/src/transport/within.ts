import { abortedError, onAbort, StorageError } from '@larder/storage-core/base'

/**
 * Settles as `run` does, or with `E_TIMEOUT` or `E_ABORTED` where the time has passed or `signal` was aborted
 * before; then the signal that `run` was given is aborted as well. `elapsedMs` of the time are over already.
 */
export function within<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
  elapsedMs = 0,
): Promise<T> {
  if (signal?.aborted === true) return Promise.reject(abortedError(signal))
  const inner = new AbortController()
  return new Promise<T>((resolve, reject) => {
    const give = (error: StorageError) => {
      reject(error)
      inner.abort()
    }
    // If it was our own process that stood still, the answer lies in the socket: it is read first.
    const onTimer = () =>
      setImmediate(() => give(new StorageError('E_TIMEOUT', `There was no answer within ${timeoutMs} ms`)))
    const timer = setTimeout(onTimer, timeoutMs - elapsedMs).unref()
    const release = signal && onAbort(signal, () => give(abortedError(signal)))
    const end = () => {
      clearTimeout(timer)
      release?.()
    }
    run(inner.signal).then(resolve, reject).finally(end)
  })
}
