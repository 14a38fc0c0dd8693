/**
 * The `Storage` contract and what is common to all storages: resources and their parts, errors, preconditions, codecs,
 * locks, the shell around drivers, and `MemoryStorage`.
 *
 * @packageDocumentation
 */

export * from './abort.js'
export * from './address.js'
export * from './bytes.js'
export * from './codec.js'
export * from './codecs/bytes.js'
export * from './codecs/compressed.js'
export * from './codecs/json.js'
export * from './codecs/text.js'
export { BaseStorage } from './base-storage.js'
export * from './driven-storage.js'
export * from './driver.js'
export * from './errors.js'
export * from './json-text.js'
export { enterFlow, isInFlowOf, type OpenFlow, runInFlow } from './flow.js'
export * from './hook-calls.js'
export * from './key-generator.js'
export * from './keyed-mutex.js'
export * from './lock/driven-lock.js'
export * from './lock/lock.js'
export * from './lock/lock-driver.js'
export { LOCK_TIME_NAMES } from './lock/lock-times.js'
export * from './lock/version-fence.js'
export * from './memory-storage.js'
export * from './names.js'
export * from './options/option-names.js'
export * from './preconditions.js'
export * from './resource.js'
export * from './storage.js'
export * from './transaction.js'
export * from './transaction-steps.js'
export * from './unit-of-work.js'
export * from './watch.js'
