import type { CallOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { withTimeout } from '../transport/index.js'

/**
 * Several round trips as one call, which is aborted as a whole and settled within one time-out of the cache, counted
 * from `startMs` on the clock of `performance.now`. `run` is given the options that its commands are to have.
 */
export function withSharedDeadline<T, Options extends CallOptions | undefined>(
  { timeoutMs }: Pick<CommandCache, 'timeoutMs'>,
  options: Options,
  run: (options: Options) => Promise<T>,
  startMs = performance.now(),
): Promise<T> {
  if (timeoutMs === undefined) return run(options)
  const elapsedMs = performance.now() - startMs
  return withTimeout(timeoutMs, options?.signal, (signal) => run({ ...options, signal }), elapsedMs)
}
