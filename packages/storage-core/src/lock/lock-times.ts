import { numberOption, signalOption } from '../options/option-kinds.js'
import type { NamesOf } from '../options/option-names.js'
import { optionTable } from '../options/option-table.js'
import type { LockTimes } from './lock.js'

export type ResolvedTimes = { readonly [name in keyof LockTimes]-?: number }

/** The names of `LockTimes`, for the options of a lock of your own. */
export const LOCK_TIME_NAMES: NamesOf<LockTimes> = Object.freeze({ leaseMs: true, waitMs: true })

const DAY_MS = 86_400_000
const LEASE = numberOption({ min: 1, max: DAY_MS })
const WAIT = numberOption({ min: 0, max: DAY_MS })
/** What an `AcquireOptions` is. */
export const ACQUIRE_OPTIONS = optionTable({ leaseMs: LEASE, waitMs: WAIT, signal: signalOption() })

const DEFAULTS: ResolvedTimes = Object.freeze({ leaseMs: 30_000, waitMs: 5_000 })

/** Fills in what is not given. Throws `TypeError` or `RangeError` for what is no sensible time. */
export function resolveTimes(
  { leaseMs, waitMs }: LockTimes,
  defaults: ResolvedTimes = DEFAULTS,
): ResolvedTimes {
  return {
    leaseMs: leaseMs === undefined ? defaults.leaseMs : checkLease(leaseMs),
    waitMs: waitMs === undefined ? defaults.waitMs : WAIT.check(waitMs, 'waitMs'),
  }
}

export function checkLease(leaseMs: number): number {
  return LEASE.check(leaseMs, 'leaseMs')
}
