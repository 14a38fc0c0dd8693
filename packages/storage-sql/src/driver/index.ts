/** Reads, writes, listings, content chunks, and the care of the tables. */

export { Care, type PurgeOptions, type PurgeResult, type RestoredOptions } from './care.js'
export { SqlDriver } from './sql-driver.js'
