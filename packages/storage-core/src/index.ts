/**
 * What programs use: the `Storage` contract, resources and their parts, errors, codecs, locks, preconditions of HTTP,
 * `MemoryStorage` and `UnitOfWork`. What implementers of a storage or a lock need beside it is in `./driver`.
 *
 * @packageDocumentation
 */

export type {
  CallOptions,
  ExistsOptions,
  ListOptions,
  ListOrder,
  PageOptions,
  Preconditions,
  ReadManyOptions,
  TransactionOptions,
  WriteOptions,
} from './call-options.js'
export type { Codec, Encoded, JsonCodec } from './codec.js'
export { bytesCodec, compressedCodec, jsonCodec, textCodec } from './codecs/index.js'
export { parseEntityTags } from './entity-tags.js'
export type { StorageErrorCode } from './error-codes.js'
export {
  CacheUnavailableError,
  LockLostError,
  LockTimeoutError,
  NotFoundError,
  OutcomeUnknownError,
  PreconditionFailedError,
  StorageError,
  isStorageError,
} from './errors.js'
export { type HeaderPreconditions, type RequestHeaders, parsePreconditions } from './http-preconditions.js'
export type { Jsonify } from './jsonify.js'
export type { KeyGenerator } from './key-generator.js'
export { type AcquireOptions, type HeldLock, type Lock, type LockTimes, VersionFence } from './lock/index.js'
export { MemoryStorage, type MemoryStorageOptions } from './memory-storage.js'
export { MAX_COLLECTION_BYTES, MAX_RESOURCE_BYTES } from './names.js'
export {
  type ListEntry,
  PART_NAMES,
  type PartInfo,
  type PartName,
  type PartStream,
  type ResourceInfo,
  type StoredPart,
  type Version,
} from './resource.js'
export type {
  ByteSource,
  ByteStream,
  ListPage,
  PartPreconditions,
  Parts,
  PartsWriteOptions,
  ResourceWrite,
  Storage,
  StorageFeatures,
  StorageTransaction,
  WriteResult,
} from './storage.js'
export {
  type CallEvent,
  type CountEvent,
  type RequestEvent,
  type WorkEvent,
  callChannel,
  countChannel,
  requestChannel,
} from './tracing.js'
export type { TransactionOutcome, TransactionResult } from './transaction.js'
export { UnitOfWork } from './unit-of-work.js'
export type { UnitSource } from './unit-steps.js'
