/** What TypeORM's query cache has done so far, counted in queries that ask for the cache. */
export interface ResultCacheCounters {
  /** Results answered from the cache. */
  hits: number
  /** Queries without a result in the cache that counts, and that were sent to have theirs stored. */
  misses: number
  /** Queries that were sent without the cache: in a transaction, or since another's query took longer than `fillWaitMs`. */
  bypasses: number
  /** Results stored. */
  fills: number
  /** Results not stored: a removal came between, the query took longer than `leaseTtlMs`, or no item can hold them. */
  fillsRefused: number
  /** Results not stored since they hold values that could not be restored. */
  unrestorable: number
  /** Identifiers, tables and namespaces that were invalidated. */
  invalidations: number
  /** Calls to the cache that failed, and results there that could not be read. */
  cacheErrors: number
}

export function newResultCacheCounters(): ResultCacheCounters {
  return {
    hits: 0,
    misses: 0,
    bypasses: 0,
    fills: 0,
    fillsRefused: 0,
    unrestorable: 0,
    invalidations: 0,
    cacheErrors: 0,
  }
}
