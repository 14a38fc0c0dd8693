/**
 * A provider for TypeORM's query cache.
 *
 * @packageDocumentation
 */

export { MemcacheQueryResultCache } from './query-result-cache.js'
export type {
  CachedQueryResult,
  QueryResultCacheOptions,
  QueryResultCacheSettings,
  TransactionState,
} from './query-result-cache-options.js'
export type { ResultCacheCounters } from './result-cache-counters.js'
