import { abortedError, onAbort, StorageError } from '@larder/storage-core/base'
import { afterAwakeTime } from './awake-time.js'

/**
 * Settles as `run` does, or with `E_TIMEOUT` or `E_ABORTED` where the time has passed or `signal` was aborted
 * before; then the signal that `run` was given is aborted as well. `elapsedMs` of the time are over already. Time in
 * which the event loop stood still does not count.
 */
export function withTimeout<T>(
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
    const stop = afterAwakeTime(timeoutMs - elapsedMs, () =>
      give(new StorageError('E_TIMEOUT', `There was no answer withTimeout ${timeoutMs} ms`)),
    )
    const release = signal && onAbort(signal, () => give(abortedError(signal)))
    const end = () => {
      stop()
      release?.()
    }
    run(inner.signal).then(resolve, reject).finally(end)
  })
}
