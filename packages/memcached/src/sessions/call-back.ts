/** Calls back once with the answer or the error. What the callback throws is an uncaught exception, and no rejection. */
export function callBack<T>(answer: Promise<T>, callback?: (error: unknown, found?: T) => void): void {
  answer.then(
    (found) => queueMicrotask(() => callback?.(null, found)),
    (error: unknown) => queueMicrotask(() => callback?.(error)),
  )
}
