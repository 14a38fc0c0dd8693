import { type Cache, type Environment, systemEnvironment } from '@larder/memcached'
import { checkOptionNames, type NamesOf } from '@larder/storage-core'
import { CACHE_CHOICE_NAMES, type CacheChoice, chooseCache } from '../cache-choice.js'
import { checkNamespace } from '../proxy/cache-key.js'
import { settleAll } from '../proxy/promises.js'
import { type EntryAddress, type Fence, FencedEntries, type QueryLook } from '../query/fenced-entries.js'
import { QueryKeys } from '../query/query-keys.js'
import { Stamps } from '../query/stamps.js'

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

const OPTION_NAMES: NamesOf<QueryResultCacheOptions> = Object.freeze({
  ...CACHE_CHOICE_NAMES,
  namespace: true,
  tables: true,
  leaseTtlMs: true,
  fillWaitMs: true,
  environment: true,
})

/** What `getFromCache` hands to TypeORM for a query that is to be run, and gets back with its result. */
class Leased implements CachedQueryResult {
  readonly duration = 0
  readonly address: EntryAddress
  readonly fence: Fence

  constructor(address: EntryAddress, fence: Fence) {
    this.address = address
    this.fence = fence
  }
}

interface Connected {
  readonly entries: FencedEntries
  readonly stamps: Stamps
  readonly owned: readonly Cache[]
}

/** memcached counts whole seconds; the exact end is written in the entry, which may stay a while longer. */
const ROUNDING_MS = 1_000

/**
 * TypeORM's query result cache in memcached: `new DataSource({ cache: { provider: () => cache } })`. A result is
 * stored only if nothing was removed since its query began; queries within a transaction are neither answered from
 * the cache nor stored in it. A cache that does not answer is done without; `remove` and `clear` reject then.
 */
export class MemcacheQueryResultCache {
  readonly #choice: CacheChoice
  readonly #env: Environment
  readonly #keys: QueryKeys
  readonly #tables: readonly { readonly name: string; readonly pattern: RegExp }[]
  readonly #leaseTtlMs: number
  readonly #fillWaitMs: number
  #open: Connected | undefined

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: QueryResultCacheOptions) {
    checkOptionNames('MemcacheQueryResultCache', options, OPTION_NAMES)
    const { namespace = 'typeorm:', tables = [], leaseTtlMs = 10_000, fillWaitMs = 250 } = options
    if (!(leaseTtlMs > 0) || !(fillWaitMs >= 0))
      throw new RangeError('leaseTtlMs and fillWaitMs must be times')
    this.#choice = options
    this.#env = options.environment ?? systemEnvironment
    this.#keys = new QueryKeys(checkNamespace(namespace), false, true)
    this.#tables = tables.map((name) => ({ name, pattern: wordPattern(name) }))
    this.#leaseTtlMs = leaseTtlMs
    this.#fillWaitMs = fillWaitMs
    this.#open = this.#connect()
  }

  /** TypeORM calls it when the data source is initialized. */
  async connect(): Promise<void> {
    this.#open ??= this.#connect()
  }

  /** TypeORM calls it when the data source is destroyed. Closes the connections that this object has opened. */
  async disconnect(): Promise<void> {
    const owned = this.#open?.owned ?? []
    this.#open = undefined
    await Promise.all(owned.map((cache) => cache.close()))
  }

  /** There is no schema. */
  async synchronize(): Promise<void> {
    return Promise.resolve()
  }

  async getFromCache(
    options: CachedQueryResult,
    queryRunner?: TransactionState,
  ): Promise<CachedQueryResult | undefined> {
    if (this.#open === undefined || queryRunner?.isTransactionActive === true) return undefined
    const { entries } = this.#open
    const address = this.#address(options)
    const giveUpAt = this.#env.now() + this.#fillWaitMs
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 32)) {
      const look = await entries.look(address)
      if (look.kind === 'fresh') return answer(options, look)
      if (look.kind === 'down') return undefined
      if (look.kind === 'lease') {
        const leftMs = giveUpAt - this.#env.now()
        if (leftMs <= 0) return undefined
        await this.#env.sleep(Math.min(leftMs, pauseMs * (0.5 + this.#env.random())))
        continue
      }
      const fence = await entries.lease(address.key, look.fence).catch(() => 'down' as const)
      if (fence === 'down') return undefined
      if (fence !== undefined) return new Leased(address, fence)
    }
  }

  /** Stores nothing unless `saved` is what `getFromCache` gave for this query. */
  async storeInCache(
    options: CachedQueryResult,
    saved: CachedQueryResult | undefined,
    queryRunner?: TransactionState,
  ): Promise<void> {
    if (!(saved instanceof Leased) || this.#open === undefined) return
    const { entries } = this.#open
    const { key } = saved.address
    if (queryRunner?.isTransactionActive === true) return entries.release(key, saved.fence)
    const result = { bytes: Buffer.from(String(options.result)), flags: 0 }
    const freshness = { ttlMs: options.duration, graceMs: ROUNDING_MS }
    await entries.fill(key, saved.fence, result, freshness).catch(() => false)
  }

  /** TypeORM runs the query where this is true, and then stores its result. */
  isExpired(saved: CachedQueryResult): boolean {
    return saved instanceof Leased
  }

  /** Voids all results of this namespace, and nothing else on the servers. */
  async clear(): Promise<void> {
    await this.#stamps().renew(this.#keys.clearKey())
  }

  /** Voids the results of these identifiers, with what TypeORM keeps beside them for counts and pages. */
  async remove(identifiers: readonly string[]): Promise<void> {
    const all = identifiers.flatMap((id) => [id, `${id}-count`, `${id}-pagination`])
    await this.#invalidate(all.map(identifierTag))
  }

  /** Voids the results of all queries that read one of these tables; see `tables`. Throws for one not named there. */
  async invalidateTables(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!this.#tables.some((table) => table.name === name)) {
        throw new RangeError(`${name} is not one of the tables that this cache was made with`)
      }
    }
    await this.#invalidate(names.map(tableTag))
  }

  async #invalidate(tags: readonly string[]): Promise<void> {
    const stamps = this.#stamps()
    await settleAll(tags.map((tag) => stamps.renew(this.#keys.target({ tag }).key)))
  }

  #stamps(): Stamps {
    this.#open ??= this.#connect()
    return this.#open.stamps
  }

  #connect(): Connected {
    const { cache, owned } = chooseCache(this.#choice, 'MemcacheQueryResultCache')
    const stamps = new Stamps(cache, this.#env)
    return { stamps, owned, entries: new FencedEntries(cache, stamps, this.#env, this.#leaseTtlMs) }
  }

  /** The same identifier with another query is another entry. */
  #address({ identifier, query = '' }: CachedQueryResult): EntryAddress {
    const tags = this.#tables.filter(({ pattern }) => pattern.test(query)).map(({ name }) => tableTag(name))
    if (identifier !== undefined && identifier !== '') tags.push(identifierTag(identifier))
    return this.#keys.address(`${identifier ?? ''}\n${query}`, tags)
  }
}

function identifierTag(identifier: string): string {
  return `id:${identifier}`
}

function tableTag(name: string): string {
  return `table:${name}`
}

function wordPattern(name: string): RegExp {
  if (typeof name !== 'string' || name === '') throw new TypeError('A table must have a name')
  return new RegExp(
    `(?<![\\p{L}\\p{N}_])${name.replaceAll(/[$()*+.?[\\\]^{|}/]/g, String.raw`\$&`)}(?![\\p{L}\\p{N}_])`,
    'iu',
  )
}

function answer(
  { identifier, query, duration }: CachedQueryResult,
  { result }: Extract<QueryLook, { kind: 'fresh' }>,
): CachedQueryResult {
  const about = identifier === undefined ? {} : { identifier }
  return {
    ...about,
    ...(query === undefined ? {} : { query }),
    duration,
    result: String(result?.bytes ?? 'null'),
  }
}
