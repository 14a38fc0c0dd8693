/**
 * `MemcacheStorage`, a cache in front of any storage; `QueryCache` for results of your own queries; locks, maps and the
 * audit. The memcached client that they use is the package `@larder/memcached`.
 *
 * @packageDocumentation
 */

export { audit } from './audit.js'
export type { AuditOptions } from './audit/audit.js'
export type {
  AuditProgress,
  AuditReport,
  Disagreement,
  DisagreementKind,
  ListingAuditReport,
} from './audit/report.js'
export type { CacheChoice, OpenCacheChoice, ServersChoice } from './cache-choice.js'
export { MemcacheLock } from './lock/memcache-lock.js'
export type { MemcacheLockOptions, MemcacheLockSettings } from './lock/memcache-lock.js'
export { MemcacheMap } from './map/memcache-map.js'
export type { FlushFailures } from './map/memcache-map.js'
export { MemcacheMaps } from './map/memcache-maps.js'
export type {
  MapOptions,
  MapPlugin,
  MapPluginSettings,
  MapSource,
  MemcacheMapsOptions,
} from './map/memcache-maps.js'
export { CachedQuery } from './query/cached-query.js'
export type { CachedQueryConstructor, CachedQueryOptions } from './query/cached-query.js'
export type { AnyCachedOptions, CachedOptions } from './query/cached-options.js'
export { InvalidationError } from './query/invalidation-error.js'
export { InvalidResultError } from './query/result-form.js'
export type { CachedResult, FormOptions, Own } from './query/result-form.js'
export type { SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from './query/standard-schema.js'
export { QueryCache } from './query/query-cache.js'
export type { QueryCacheOptions, QueryCacheSettings } from './query/query-cache.js'
export type { QueryOutboxOptions } from './query/query-outbox.js'
export type { QueryCounters } from './query/query-counters.js'
export type { InvalidationTarget } from './query/query-keys.js'
export type { BeginOptions, QueryHit, QueryLookup, QueryMiss } from './query/query-lookup.js'
export type { EntryOptions, QueryOptions } from './query/query-options.js'
export { MemcacheStorage } from './memcache-storage.js'
export type { MemcacheStorageOptions, MemcacheStorageSettings } from './memcache-storage.js'
export type { StorageCounters } from './counters.js'
export type { WhenCacheFails } from './coherence/index.js'
export type { ProtocolOptions, WhenStorageFails } from './settings.js'
