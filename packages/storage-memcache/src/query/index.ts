/** Cached results of queries, tags, and the outbox of invalidations. */

export type { AnyCachedOptions, CachedOptions } from './cached-options.js'
export { CachedQuery, type CachedQueryConstructor, type CachedQueryOptions } from './cached-query.js'
export { invalidateAll, InvalidationError } from './invalidation-error.js'
export { QueryCache, type QueryCacheOptions, type QueryCacheSettings } from './query-cache.js'
export type { QueryCounters } from './query-counters.js'
export { type QuerySlots, querySlots, type StoredResult } from './query-form.js'
export { type InvalidationTarget, QueryKeys } from './query-keys.js'
export type { BeginOptions, QueryHit, QueryLookup, QueryMiss } from './query-lookup.js'
export type { EntryOptions, QueryOptions } from './query-options.js'
export type { QueryOutboxOptions } from './query-outbox.js'
export { type CachedResult, type FormOptions, InvalidResultError, type Own } from './result-form.js'
export type { SchemaIssue, SchemaOutput, SchemaResult, StandardSchema } from './standard-schema.js'
