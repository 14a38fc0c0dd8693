export type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
} from './cache.js'
export { RemoteCache } from './client/remote-cache.js'
export type { RemoteCacheOptions } from './client/remote-options.js'
export type { ArithmeticOptions, CommandCache, ServerAnswers } from './command-cache.js'
export { DEFAULT_EMBEDDED_CACHE_OPTIONS, EmbeddedCache } from './embedded-cache.js'
export type { EmbeddedCacheOptions } from './embedded-cache.js'
export type { Environment } from './environment.js'
export { MemcacheStorage } from './memcache-storage.js'
export type { MemcacheStorageOptions } from './memcache-storage.js'
export type { StorageCounters } from './proxy/counters.js'
export type { ProtocolOptions, WhenCacheFails } from './proxy/settings.js'
export { systemEnvironment } from './system-environment.js'
