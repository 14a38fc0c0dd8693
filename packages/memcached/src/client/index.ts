/** `RemoteCache`, all servers as one `Cache`, and `MemcacheClient`, typed values over a `Cache`. */

export type { ClientKey, InvalidKeys } from './client-keys.js'
export {
  type BatchAnswers,
  CLIENT_OPTIONS,
  type ClientCallOptions,
  type ClientOfCache,
  type ClientOfServers,
  type ClientOptions,
  type CounterOptions,
  type DeleteCallOptions,
  type DeleteManyOptions,
  type MemcacheClientOptions,
  type Outcome,
  type PeekedValue,
  type ServerCallOptions,
  type StoreCallOptions,
  type Unanswered,
  type VersionedValue,
  type WhenUnavailable,
} from './client-options.js'
export { DISCOVERY_CHANNEL, type DiscoveryEvent, type DiscoveryOptions } from './cluster-watch.js'
export { commandChannel, type CommandEvent } from './command-events.js'
export type { CompressionOptions } from './compression-options.js'
export {
  brotliCompression,
  gzipCompression,
  type ItemCompression,
  MAX_INFLATED_BYTES,
  zlibCompression,
  zstdCompression,
} from './compression.js'
export { MemcacheClient, MemcacheNamespace } from './memcache-client.js'
export { type JsonValue, plainSerializer, type PlainValue } from './plain-serializer.js'
export { RemoteCache } from './remote-cache.js'
export {
  createServers,
  REMOTE_OPTIONS,
  type RemoteCacheOptions,
  resolveRemoteOptions,
} from './remote-options.js'
export { ServerSet, wireKeyOf } from './server-set.js'
export type { ServerSummary } from './server-summary.js'
export { type Servers, SERVERS_OPTION } from './servers.js'
export { corrupt, readFloat, readInteger, readJson, readText, textBytes } from './strict-forms.js'
export { ValueFlag } from './value-flags.js'
export { type SerializedValue, TREAT_AS_MISS, type ValueSerializer } from './values.js'
