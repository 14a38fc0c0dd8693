import { StorageError } from './errors.js'

/** Who waits for each signal; the signal itself has one listener, however many they are. */
const waiting = new WeakMap<AbortSignal, Waiting>()

interface Waiting {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

/** Throws `E_ABORTED` if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, key?: string): void {
  if (signal?.aborted === true) throw abortedError(signal, key)
}

/**
 * Calls back once when `signal` fires, which must not have happened yet. Returns the function that ends the wait;
 * calling it twice does no harm. All calls with one signal share one listener, which goes with the last of them.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks } = waiting.get(signal) ?? listenTo(signal)
  // Its own function, so that the same callback may wait twice.
  const own = () => callback()
  callbacks.add(own)
  return () => {
    if (callbacks.delete(own) && callbacks.size === 0) forget(signal)
  }
}

/** What `work` resolves to, or `E_ABORTED` as soon as `signal` fires; the result of the work is then ignored. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, key?: string): Promise<T> {
  if (signal === undefined) return work
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(abortedError(signal, key))
    let release: (() => void) | undefined
    if (signal.aborted) abort()
    else release = onAbort(signal, abort)
    work.then(resolve, reject).finally(release)
  })
}

/** What an operation rejects with that its signal has ended: `E_ABORTED`, with the reason as its cause. */
export function abortedError(signal: AbortSignal | undefined, key?: string): StorageError {
  return new StorageError('E_ABORTED', 'The caller aborted the operation', { key, cause: signal?.reason })
}

function listenTo(signal: AbortSignal): Waiting {
  const callbacks = new Set<() => void>()
  const listener = () => {
    waiting.delete(signal)
    const all = [...callbacks]
    callbacks.clear()
    for (const callback of all) callback()
  }
  const created = { callbacks, listener }
  waiting.set(signal, created)
  signal.addEventListener('abort', listener, { once: true })
  return created
}

function forget(signal: AbortSignal): void {
  const found = waiting.get(signal)
  if (found === undefined) return
  signal.removeEventListener('abort', found.listener)
  waiting.delete(signal)
}
