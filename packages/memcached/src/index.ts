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
export {
  type BatchAnswers,
  type ClientCallOptions,
  type ClientKey,
  type ClientOfCache,
  type ClientOfServers,
  type ClientOptions,
  commandChannel,
  type CommandEvent,
  type CompressionOptions,
  type CounterOptions,
  type DeleteCallOptions,
  type DeleteManyOptions,
  DISCOVERY_CHANNEL,
  type DiscoveryEvent,
  type DiscoveryOptions,
  type InvalidKeys,
  type ItemCompression,
  type JsonValue,
  MemcacheClient,
  type MemcacheClientOptions,
  MemcacheNamespace,
  type Outcome,
  type PeekedValue,
  plainSerializer,
  type PlainValue,
  RemoteCache,
  type RemoteCacheOptions,
  type SerializedValue,
  type ServerCallOptions,
  type Servers,
  type ServerSummary,
  type StoreCallOptions,
  TREAT_AS_MISS,
  type Unanswered,
  ValueFlag,
  type ValueSerializer,
  type VersionedValue,
  type WhenUnavailable,
} from './client/index.js'
export type { ArithmeticOptions, CommandCache, ServerAnswers } from './command-cache.js'
export { EmbeddedCache } from './embedded/embedded-cache.js'
export type { EmbeddedCacheOptions } from './embedded/embedded-cache.js'
export type { Environment } from './environment.js'
export type { Distribution, KeyHash, KeyHashName, RoutingOptions } from './routing/index.js'
export type { ClusterConfig, Credentials, MemjsClient, MemjsServer, UdpOptions } from './transport/index.js'
export { systemEnvironment } from './system-environment.js'
