import { exclusion, fencingNumbers } from './exclusion.js'
import { type LockContractOptions, type LockGroup, runLockGroup } from './harness.js'
import { leases, withLocks } from './leases.js'
import { closing, waiting } from './waiting.js'

/** All groups of the contract, for those who want to run some of them. */
export const lockContractGroups: readonly LockGroup[] = Object.freeze([
  exclusion,
  waiting,
  leases,
  withLocks,
  fencingNumbers,
  closing,
])

/**
 * The contract of `Lock` as tests, for every implementation, with any test runner. `forget` is what the servers of a lock
 * may do to it; where locks have no fencing numbers, that is asserted as well.
 */
export function lockContract(options: LockContractOptions): void {
  for (const group of lockContractGroups) runLockGroup(group, options)
}
