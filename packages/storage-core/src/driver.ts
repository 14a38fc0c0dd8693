/**
 * What implementers of a storage or a lock need: drivers and the shell around them, the sides of the contract that
 * caches and relays use (transaction hooks, outbox), names, sources, deadlines, abort signals, call info.
 *
 * @packageDocumentation
 */

export { abortedError, onAbort, throwIfAborted, untilAborted } from './abort.js'
export { Address, type AddressMaker } from './address.js'
export { Backoff, type BackoffOptions } from './backoff.js'
export { BaseStorage } from './base-storage.js'
export { type CheckedSource, checkSource, closeUnread, collect } from './bytes.js'
export { claimCall } from './call-arguments.js'
export type { EntityTags, Match, NoneMatch, TagsByPart, ClaimOptions } from './call-options.js'
export { COMPRESSED_CODEC_OPTIONS, type CompressionOptions } from './codecs/index.js'
export { tooLate, withDeadline } from './deadline.js'
export { DrivenStorage } from './driven-storage.js'
export type { EntityTag } from './entity-tags.js'
export { isRetryable, isServerFailure } from './error-codes.js'
export type { StorageErrorDetails } from './errors.js'
export { eventLoopTurn, frequentTurn } from './event-loop.js'
export { type OpenFlow, enterFlow, followFlows, isInFlowOf, runInFlow } from './flow.js'
export { type HookCall, callHooks, earliestTerms } from './hook-calls.js'
export { toJsonText } from './json-text.js'
export { defaultKeyGenerator } from './key-generator.js'
export { KeyedMutex } from './keyed-mutex.js'
export {
  DrivenLock,
  FENCE_OPTIONS,
  LOCK_TIME_OPTIONS,
  type LockDriver,
  type LockGrant,
  type LockRequest,
} from './lock/index.js'
export { hasLoneSurrogate } from './lone-surrogate.js'
export { MEMORY_STORAGE_OPTIONS } from './memory-storage.js'
export { checkCollectionName, checkLockName, checkResourceName, compareNames, normalizeExt } from './names.js'
export {
  type PoolEvent,
  type PoolState,
  type WatchedPool,
  addPool,
  openPools,
  poolChannel,
  removePool,
} from './pools.js'
export { assertConditions, conditionsOf, preconditionsOf } from './preconditions.js'
export { processWide } from './process-wide.js'
export { etagOf } from './resource.js'
export type {
  DriverCall,
  DriverTransaction,
  ListRequest,
  ListRow,
  ListRows,
  PartChange,
  PartCondition,
  StorageDriver,
  TransactionRequest,
  ClaimRequest,
  WriteRequest,
} from './storage-driver.js'
export type {
  JournalRow,
  OnePart,
  Outbox,
  ExternalChange,
  PutArguments,
  TransactionalInvalidator,
} from './storage.js'
export { type TracedFields, type WorkChannel, traceWork, watchedCounters } from './tracing.js'
export { TransactionSteps } from './transaction-steps.js'
export type {
  BoundCalls,
  CommitTerms,
  OutboxTransaction,
  Participant,
  PendingWrite,
  TransactionHook,
} from './transaction.js'
export type {
  UnitParts,
  UnitPartsOptions,
  UnitPutArguments,
  UnitRemoveOptions,
  UnitWriteOptions,
} from './unit-of-work.js'
export type { UnitStep } from './unit-steps.js'
