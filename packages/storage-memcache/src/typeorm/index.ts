export { MemcacheQueryResultCache } from './query-result-cache.js'
export type { CachedQueryResult, QueryResultCacheOptions, TransactionState } from './query-result-cache.js'
