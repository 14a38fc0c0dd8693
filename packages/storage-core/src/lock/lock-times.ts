import {
  numberOption,
  type OptionsOf,
  optionTable,
  overridesOf,
  type ResolvedOptions,
  signalOption,
} from '../options/index.js'

const DAY_MS = 86_400_000

/** How long a lock is held and waited for. */
export const LOCK_TIME_OPTIONS = optionTable({
  /**
   * How long a lock is held unless it is extended, in milliseconds. If its holder dies or stops, others wait that long, or
   * a little longer. Default: 30,000.
   */
  leaseMs: numberOption({ min: 1, max: DAY_MS }, 30_000),
  /**
   * How long to wait while others hold the lock, in milliseconds; 0 asks once. A server that does not answer adds its own
   * time-outs. Default: 5,000.
   */
  waitMs: numberOption({ min: 0, max: DAY_MS }, 5_000),
})

/** How long a lock is held and waited for. */
export type LockTimes = OptionsOf<typeof LOCK_TIME_OPTIONS>
export type ResolvedTimes = ResolvedOptions<typeof LOCK_TIME_OPTIONS>

/** For one lock. */
export const ACQUIRE_OPTIONS = optionTable({
  ...overridesOf(LOCK_TIME_OPTIONS, 'the lock'),
  /** Settles the call with `E_ABORTED`. */
  signal: signalOption(),
})

/** For one lock; what is left out is the `Lock`'s own. */
export type AcquireOptions = OptionsOf<typeof ACQUIRE_OPTIONS>

/** The times of one lock, from options that were checked. */
export function timesOf({ leaseMs, waitMs }: LockTimes, defaults: ResolvedTimes): ResolvedTimes {
  return { leaseMs: leaseMs ?? defaults.leaseMs, waitMs: waitMs ?? defaults.waitMs }
}

export function checkLease(leaseMs: number): number {
  return LOCK_TIME_OPTIONS.leaseMs.check(leaseMs, 'leaseMs')
}
