/**
 * For tests: the suites that every storage and lock has to pass, storages that fail or wait on demand, and judges of
 * what was read and written.
 *
 * @packageDocumentation
 */

export type { CallFilter, CallKind, FaultPoint, StorageCall } from './faults.js'
export { type FaultOptions, FaultyStorage } from './faulty-storage.js'
export { ForwardingStorage } from './forwarding-storage.js'
export type { Gate } from './gate.js'
export { LimitedStorage } from './limited-storage.js'
export type { ContractGroup, ContractOptions, OpenedStorage, TestRunner } from './contract/harness.js'
export { storageContract, storageContractGroups } from './contract/index.js'
export { AWKWARD_NAMES, BAD_NAMES, LONG_NAMES } from './contract/sample-names.js'
export { checkListings } from './history/check-listings.js'
export { checkRegisters } from './history/check-registers.js'
export { checkTogether } from './history/check-together.js'
export type {
  CollectionOperation,
  ListingOperation,
  MembershipOperation,
  ReadOperation,
  RegisterOperation,
  Violation,
  ViolationKind,
  WriteOperation,
} from './history/operations.js'
export { HistoryRecorder } from './history/recorder.js'
export type { LockContractOptions, LockGroup, OpenedLock } from './lock/harness.js'
export { lockContract, lockContractGroups } from './lock/index.js'
