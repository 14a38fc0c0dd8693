/**
 * A memcached client: `MemcacheClient` for typed values, `RemoteCache` for bytes over all servers, `EmbeddedCache` with
 * the same contract inside the process.
 *
 * @packageDocumentation
 */

export type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
  ItemState,
  PeekedItem,
  ReadOptions,
} from './cache.js'
export { commandChannel } from './client/command-events.js'
export type { CommandEvent } from './client/command-events.js'
export type { ClientKey, InvalidKeys } from './client/client-keys.js'
export type {
  BatchAnswers,
  ClientCallOptions,
  ClientOfCache,
  ClientOfServers,
  ClientOptions,
  CounterOptions,
  DeleteCallOptions,
  DeleteManyOptions,
  MemcacheClientOptions,
  Outcome,
  PeekedValue,
  ServerCallOptions,
  StoreCallOptions,
  Unanswered,
  VersionedValue,
  WhenUnavailable,
} from './client/client-options.js'
export { DISCOVERY_CHANNEL } from './client/cluster-watch.js'
export type { DiscoveryEvent, DiscoveryOptions } from './client/cluster-watch.js'
export { MemcacheClient, MemcacheNamespace } from './client/memcache-client.js'
export type { ServerSummary } from './client/server-summary.js'
export { RemoteCache } from './client/remote-cache.js'
export type { RemoteCacheOptions } from './client/remote-options.js'
export type { Servers } from './client/servers.js'
export type { ItemCompression } from './client/compression.js'
export type { CompressionOptions } from './client/compression-options.js'
export { ValueFlag } from './client/value-flags.js'
export { plainSerializer } from './client/plain-serializer.js'
export type { JsonValue, PlainValue } from './client/plain-serializer.js'
export { TREAT_AS_MISS } from './client/values.js'
export type { SerializedValue, ValueSerializer } from './client/values.js'
export type { ArithmeticOptions, CommandCache, ServerAnswers } from './command-cache.js'
export { EmbeddedCache } from './embedded/embedded-cache.js'
export type { EmbeddedCacheOptions } from './embedded/embedded-cache.js'
export type { Environment } from './environment.js'
export type { KeyHash, KeyHashName } from './routing/hashes.js'
export type { Distribution } from './routing/placement.js'
export type { RoutingOptions } from './routing/router.js'
export type { ClusterConfig } from './transport/cluster-config.js'
export type { Credentials } from './transport/credentials.js'
export type { MemjsClient, MemjsServer } from './transport/memjs.js'
export type { UdpOptions } from './transport/udp-options.js'
export { systemEnvironment } from './system-environment.js'
