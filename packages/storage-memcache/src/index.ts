/**
 * `MemcacheStorage`, a cache in front of any storage; `QueryCache` for results of your own queries; `MemcacheClient` and
 * `RemoteCache`, the client by itself; `EmbeddedCache`, the same without a server; locks, maps and the audit.
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
export type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
  PeekedItem,
  ReadOptions,
} from './cache.js'
export type { CacheChoice } from './client/cache-choice.js'
export { COMMAND_CHANNEL } from './client/client-core.js'
export type { CommandEvent } from './client/client-core.js'
export type { ClientKey, UnfitKeys } from './client/client-keys.js'
export { DEFAULT_CLIENT_OPTIONS } from './client/client-options.js'
export type {
  BatchAnswers,
  BatchOptions,
  CounterOptions,
  DeleteCallOptions,
  MemcacheClientOptions,
  PeekedValue,
  StoreCallOptions,
  VersionedValue,
} from './client/client-options.js'
export { DEFAULT_DISCOVERY_OPTIONS, DISCOVERY_CHANNEL } from './client/cluster-watch.js'
export type { DiscoveryEvent, DiscoveryOptions } from './client/cluster-watch.js'
export { MemcacheClient } from './client/memcache-client.js'
export { RemoteCache } from './client/remote-cache.js'
export type { RemoteCacheOptions, Servers } from './client/remote-options.js'
export type { CompressionAlgorithm, CompressionOptions } from './client/compression.js'
export { ValueFlag } from './client/value-flags.js'
export { plainSerializer, TREAT_AS_MISS } from './client/values.js'
export type { JsonValue, PlainValue, SerializedValue, ValueSerializer } from './client/values.js'
export type { ArithmeticOptions, CommandCache, ServerAnswers } from './command-cache.js'
export { DEFAULT_EMBEDDED_CACHE_OPTIONS, EmbeddedCache } from './embedded/embedded-cache.js'
export type { EmbeddedCacheOptions } from './embedded/embedded-cache.js'
export type { Environment } from './environment.js'
export { MemcacheLock } from './memcache-lock.js'
export type { MemcacheLockOptions } from './memcache-lock.js'
export { MemcacheMap } from './map/memcache-map.js'
export type { FlushFailures } from './map/memcache-map.js'
export { MemcacheMaps } from './map/memcache-maps.js'
export type { MapOptions, MapPlugin, MapSource, MemcacheMapsOptions } from './map/memcache-maps.js'
export { CachedQuery } from './query/cached-query.js'
export type { CachedQueryOptions } from './query/cached-query.js'
export { QueryCache } from './query/query-cache.js'
export type { CachedOptions, QueryCacheOptions } from './query/query-cache.js'
export type { QueryCounters } from './query/query-counters.js'
export type { InvalidationTarget } from './query/query-keys.js'
export { DEFAULT_QUERY_OPTIONS } from './query/query-options.js'
export type { EntryOptions, QueryOptions } from './query/query-options.js'
export { MemcacheStorage } from './memcache-storage.js'
export type { MemcacheStorageOptions } from './memcache-storage.js'
export type { StorageCounters } from './proxy/counters.js'
export type { ProtocolOptions, WhenCacheFails, WhenStorageFails } from './proxy/settings.js'
export type { KeyHash, KeyHashName } from './routing/hashes.js'
export type { Distribution } from './routing/placement.js'
export type { RoutingOptions } from './routing/router.js'
export type { ClusterConfig } from './transport/cluster-config.js'
export type { Credentials } from './transport/credentials.js'
export type { MemjsClient, MemjsServer } from './transport/memjs-link.js'
export { DEFAULT_UDP_OPTIONS } from './transport/udp-options.js'
export type { UdpOptions } from './transport/udp-options.js'
export { systemEnvironment } from './system-environment.js'
