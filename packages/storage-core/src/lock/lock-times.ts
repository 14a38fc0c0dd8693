import type { NamesOf } from '../options/option-names.js'
import type { AcquireOptions, LockTimes } from './lock.js'

export type ResolvedTimes = { readonly [name in keyof LockTimes]-?: number }

/** The names of `LockTimes`, for the options of a lock of your own. */
export const LOCK_TIME_NAMES: NamesOf<LockTimes> = Object.freeze({ leaseMs: true, waitMs: true })
export const ACQUIRE_NAMES: NamesOf<AcquireOptions> = Object.freeze({ ...LOCK_TIME_NAMES, signal: true })

const DEFAULTS: ResolvedTimes = Object.freeze({ leaseMs: 30_000, waitMs: 5_000 })
const DAY_MS = 86_400_000

/** Fills in what is not given. Throws a `RangeError` for what is no sensible time. */
export function resolveTimes(
  { leaseMs, waitMs }: LockTimes,
  defaults: ResolvedTimes = DEFAULTS,
): ResolvedTimes {
  return {
    leaseMs: leaseMs === undefined ? defaults.leaseMs : checkLease(leaseMs),
    waitMs: waitMs === undefined ? defaults.waitMs : checkTime('waitMs', waitMs, 0),
  }
}

export function checkLease(leaseMs: number): number {
  return checkTime('leaseMs', leaseMs, 1)
}

function checkTime(name: string, value: number, smallest: number): number {
  if (typeof value !== 'number' || !(value >= smallest && value <= DAY_MS)) {
    throw new RangeError(`${name} must be a number from ${smallest} to ${DAY_MS}, not ${String(value)}`)
  }
  return value
}
