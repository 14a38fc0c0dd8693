/**
 * Cached queries of Kysely: rows by query, and a dialect that invalidates what its statements change.
 *
 * @packageDocumentation
 */

export { cachedRows, type CacheableQuery, type CachedRowsOptions } from './cached-rows.js'
export { cachingDialect, type CachingDialectOptions, type TableInvalidator } from './caching-dialect.js'
