/** What a storage has done since it was made. */
export interface StorageCounters {
  /** Parts answered from the cache, absences included. */
  hits: number
  /** Of the hits, those past their `ttlMs` (`graceMs`). */
  staleHits: number
  /** Parts that the cache did not have, or of which the storage behind was asked anew. */
  misses: number
  /** Parts read past the cache: a write or another's fill was under way, or a server did not answer. */
  bypasses: number
  /** Parts asked of the storage behind; several in one query count each. */
  durableReads: number
  /** Queries to the storage behind for parts. */
  durableQueries: number
  /** Listings, and pages of listings, read from the storage behind. */
  durableListings: number
  /** Listings answered from the cache. */
  listHits: number
  /** Values stored by readers. */
  fills: number
  /** Values not stored since a write came between. */
  fillsRefused: number
  /** Older values or leases that a reader took away. */
  helps: number
  /** Writes that went through. */
  writes: number
  /** Writes acknowledged without knowing that the cache is right (`whenCacheFails: 'bypass'`). */
  unconfirmedWrites: number
  /** Writes of other processes, or of before, for which this one set the cache right. */
  relayed: number
  /** Values answered from a copy in this process that the server has confirmed (`nearBytes`). */
  nearHits: number
  /** Copies in this process that were out of date: the value was fetched in a second round trip. */
  nearMisses: number
  /** Calls to the cache that failed. */
  cacheErrors: number
}

export function newCounters(): StorageCounters {
  return {
    hits: 0,
    staleHits: 0,
    misses: 0,
    bypasses: 0,
    durableReads: 0,
    durableQueries: 0,
    durableListings: 0,
    listHits: 0,
    fills: 0,
    fillsRefused: 0,
    helps: 0,
    writes: 0,
    unconfirmedWrites: 0,
    relayed: 0,
    nearHits: 0,
    nearMisses: 0,
    cacheErrors: 0,
  }
}
