import {
  durationOption,
  listOption,
  nameOption,
  optionTable,
  pauseOption,
  type OptionsOf,
} from '@larder/storage-core/base'
import { CACHE_CHOICE_OPTIONS, type CacheChoice } from '../cache-choice.js'
import { environmentOption, keyPrefixOption } from '../common-options.js'

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

/** What a `MemcacheQueryResultCache` takes besides its cache. */
const SETTINGS = optionTable({
  /** Begins every key. One for each database. Default: `'typeorm:'`. */
  keyPrefix: keyPrefixOption('typeorm:'),
  /**
   * Tables that `invalidateTables` is called for. A query is taken to read those whose names occur in its SQL; what
   * it reads through views and functions needs their names here too. Default: none.
   */
  tables: listOption('a list of names of tables', nameOption()),
  /** How long a query may take to have its result cached, in milliseconds. Default: 10,000. */
  leaseTtlMs: durationOption(10_000),
  /** How long a query waits for the same one elsewhere before it is sent too, in milliseconds. Default: 250. */
  fillWaitMs: pauseOption(250),
  /** Clock, chance and waiting, for simulations. Default: the system's. */
  environment: environmentOption(),
})

export const RESULT_CACHE_OPTIONS = optionTable({ ...CACHE_CHOICE_OPTIONS, ...SETTINGS })

/** The options of a `MemcacheQueryResultCache`, besides its cache. */
export type QueryResultCacheSettings = OptionsOf<typeof SETTINGS>

/** The options of a `MemcacheQueryResultCache`. */
export type QueryResultCacheOptions = CacheChoice & QueryResultCacheSettings
