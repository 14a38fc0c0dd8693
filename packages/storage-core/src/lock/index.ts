/** Locks: the contract, drivers and the shell around them. */

export { DrivenLock } from './driven-lock.js'
export type { LockDriver, LockGrant, LockRequest } from './lock-driver.js'
export { type AcquireOptions, LOCK_TIME_OPTIONS, type LockTimes } from './lock-times.js'
export type { HeldLock, Lock } from './lock.js'
export { FENCE_OPTIONS, VersionFence } from './version-fence.js'
