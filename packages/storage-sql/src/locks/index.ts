/** Advisory locks of a session, and leases in a SQLite file. */

export { LeaseLockDriver } from './lease-lock-driver.js'
export { SessionLockDriver } from './session-lock-driver.js'
