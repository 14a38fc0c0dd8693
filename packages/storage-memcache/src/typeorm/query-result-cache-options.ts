import type { Environment } from '@larder/memcached'
import type { NamesOf } from '@larder/storage-core'
import { CACHE_CHOICE_NAMES, type CacheChoice } from '../cache-choice.js'

/** What TypeORM says of a query and its result. */
export interface CachedQueryResult {
  readonly identifier?: string
  /** Milliseconds since 1970. */
  readonly time?: number
  /** How long the result may be used, in milliseconds. */
  readonly duration: number
  /** The SQL and its parameters. */
  readonly query?: string
  /** JSON. */
  readonly result?: unknown
}

/** What of TypeORM's query runner matters here. */
export interface TransactionState {
  readonly isTransactionActive: boolean
}

/** The options of a `MemcacheQueryResultCache`. */
export type QueryResultCacheOptions = CacheChoice & QueryResultCacheSettings

/** The options of a `MemcacheQueryResultCache`, besides its cache. */
export interface QueryResultCacheSettings {
  /** Begins every key, up to 80 characters of ASCII. One for each database. Default: `'typeorm:'`. */
  readonly namespace?: string | undefined
  /**
   * Tables that `invalidateTables` is called for. A query is taken to read those whose names occur in its SQL; what
   * it reads through views and functions needs their names here too. Default: none.
   */
  readonly tables?: readonly string[] | undefined
  /** How long a query may take to have its result cached, in milliseconds. Default: 10,000. */
  readonly leaseTtlMs?: number | undefined
  /** How long a query waits for the same one elsewhere before it is sent too, in milliseconds. Default: 250. */
  readonly fillWaitMs?: number | undefined
  /** Clock, chance and waiting, for simulations. */
  readonly environment?: Environment | undefined
}

export const OPTION_NAMES: NamesOf<QueryResultCacheOptions> = Object.freeze({
  ...CACHE_CHOICE_NAMES,
  namespace: true,
  tables: true,
  leaseTtlMs: true,
  fillWaitMs: true,
  environment: true,
})
