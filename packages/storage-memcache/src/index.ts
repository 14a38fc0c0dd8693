/**
 * `MemcacheStorage`, a cache in front of any storage; `QueryCache` for results of your own queries; locks, maps and the
 * audit. The memcached client that they use is the package `@larder/memcached`.
 *
 * @packageDocumentation
 */

export { audit } from './audit.js'
export type {
  AuditOptions,
  AuditProgress,
  AuditReport,
  Disagreement,
  DisagreementKind,
  ListingAuditReport,
} from './audit/index.js'
export type { CacheChoice, OpenCacheChoice, ServersChoice } from './cache-choice.js'
export { MemcacheLock } from './lock/memcache-lock.js'
export type { MemcacheLockOptions, MemcacheLockSettings } from './lock/memcache-lock.js'
export {
  type FlushFailures,
  type MapOptions,
  type MapPlugin,
  type MapPluginSettings,
  type MapSource,
  MemcacheMap,
  MemcacheMaps,
  type MemcacheMapsOptions,
} from './map/index.js'
export {
  type AnyCachedOptions,
  type BeginOptions,
  type CachedOptions,
  CachedQuery,
  type CachedQueryConstructor,
  type CachedQueryOptions,
  type CachedResult,
  type EntryOptions,
  type FormOptions,
  InvalidationError,
  type InvalidationTarget,
  InvalidResultError,
  type Own,
  QueryCache,
  type QueryCacheOptions,
  type QueryCacheSettings,
  type QueryCounters,
  type QueryHit,
  type QueryLookup,
  type QueryMiss,
  type QueryOptions,
  type QueryOutboxOptions,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
} from './query/index.js'
export { MemcacheStorage } from './memcache-storage.js'
export type { MemcacheStorageOptions, MemcacheStorageSettings } from './memcache-storage.js'
export type { StorageCounters } from './counters.js'
export type { WhenCacheFails } from './coherence/index.js'
export type { ProtocolOptions, WhenStorageFails } from './settings.js'
