import type { ReaderCounters } from '../coherence/index.js'

/** What a query cache has done so far, counted in keys. */
export interface QueryCounters extends ReaderCounters {
  /** Results answered from the cache, those past their `ttlMs` included. */
  hits: number
  /** Of the hits, those past their `ttlMs` (`graceMs`). */
  staleHits: number
  /** Keys of which the cache had no result that counts. */
  misses: number
  /** Keys that a loader was asked for. */
  loads: number
  /** Calls of loaders; one may be about several keys. */
  loaderCalls: number
  /** Calls of loaders that failed. */
  loaderErrors: number
  /** Results stored. */
  fills: number
  /** Results not stored: an invalidation came between, the loader took too long, or no item can hold them. */
  fillsRefused: number
  /** Keys loaded past the cache, alone or with others: another's loader was slow, or a server did not answer. */
  bypasses: number
  /** Values answered from a copy in this process that the server has confirmed (`nearBytes`). */
  nearHits: number
  /** Copies in this process that were out of date: the value was fetched in a second round trip. */
  nearMisses: number
  /** Calls to the cache that failed, and results there that could not be read. */
  cacheErrors: number
}

export function newQueryCounters(): QueryCounters {
  return {
    hits: 0,
    staleHits: 0,
    misses: 0,
    loads: 0,
    loaderCalls: 0,
    loaderErrors: 0,
    fills: 0,
    fillsRefused: 0,
    bypasses: 0,
    nearHits: 0,
    nearMisses: 0,
    cacheErrors: 0,
  }
}
