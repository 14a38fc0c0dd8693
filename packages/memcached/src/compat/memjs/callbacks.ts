/** Of memjs: no error is null. */
export type Callback<Args extends readonly unknown[]> = (error: Error | null, ...args: Args) => void

/**
 * The promise, where there is no callback. Else the callback gets what `argsOf` makes of the answer, or the error with a
 * null for each argument; what it throws is an uncaught exception, and no rejection.
 */
export function settled<T>(
  answer: Promise<T>,
  callback: unknown,
  argsOf: (answer: T) => readonly unknown[],
): Promise<T> | undefined {
  if (typeof callback !== 'function') return answer
  const run = callback as (...args: readonly unknown[]) => void
  const call = (...args: readonly unknown[]) => queueMicrotask(() => run(...args))
  answer.then(
    (found) => call(null, ...argsOf(found)),
    (error: unknown) => call(error, null, null),
  )
  return undefined
}

/** Options and callback of the last arguments: options first, or a callback with the options as arguments behind it. */
export function lastArguments(
  rest: readonly unknown[],
  names: readonly string[],
): { readonly options: Readonly<Record<string, unknown>>; readonly callback: unknown } {
  const [first, second] = rest
  if (typeof first !== 'function') return { options: { ...(first as object | null) }, callback: second }
  return { options: Object.fromEntries(names.map((name, i) => [name, rest[i + 1]])), callback: first }
}
