import type { Cache, Environment } from '@larder/memcached'
import { watchedCounters } from '@larder/storage-core/driver'
import { listOption, nameOption, resolveOptions, type ResolvedOptions } from '@larder/storage-core/base'
import { type CacheChoice, chooseCache } from '../cache-choice.js'
import { type ClaimPolicy, claimSlot, settleAll, type SlotAddress, type Stamps } from '../coherence/index.js'
import {
  invalidateAll,
  InvalidationError,
  QueryKeys,
  type QuerySlots,
  querySlots,
  type StoredResult,
} from '../query/index.js'
import { intervalParserOf, isRunner } from './next-query.js'
import {
  type CachedQueryResult,
  type QueryResultCacheOptions,
  RESULT_CACHE_OPTIONS,
  type TransactionState,
} from './query-result-cache-options.js'
import { decodeRecords, TYPED_RECORDS } from './record-codec.js'
import { newResultCacheCounters, type ResultCacheCounters } from './result-cache-counters.js'
import { Leased, Restored } from './saved-result.js'

interface Connected {
  readonly slots: QuerySlots
  readonly owned: readonly Cache[]
}

/** memcached counts whole seconds. The exact end is part of the entry, which may stay this much longer. */
const ROUNDING_MS = 1_000
const IDENTIFIERS = listOption('a list of identifiers', nameOption())
const TABLES = listOption('a list of names of tables', nameOption())

/**
 * TypeORM's query result cache in memcached: `new DataSource({ cache: { provider: () => cache } })`. A result is
 * stored only if nothing was removed since its query began; queries within a transaction are neither answered from
 * the cache nor stored in it. A cache that does not answer is done without; `remove` and `clear` reject then.
 */
export class MemcacheQueryResultCache {
  readonly #choice: Pick<ResolvedOptions<typeof RESULT_CACHE_OPTIONS>, keyof CacheChoice>
  readonly #env: Environment
  readonly #keys: QueryKeys
  readonly #tables: readonly { readonly name: string; readonly pattern: RegExp }[]
  readonly #leaseTtlMs: number
  readonly #claims: ClaimPolicy
  readonly #counters: ResultCacheCounters
  #open: Connected | undefined

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: QueryResultCacheOptions) {
    const settings = resolveOptions('MemcacheQueryResultCache', RESULT_CACHE_OPTIONS, options)
    const { keyPrefix, tables = [], leaseTtlMs, fillWaitMs, environment } = settings
    this.#choice = settings
    this.#env = environment
    this.#keys = new QueryKeys(keyPrefix, false, true)
    this.#tables = tables.map((name) => ({ name, pattern: wordPattern(name) }))
    this.#leaseTtlMs = leaseTtlMs
    this.#claims = { fillWaitMs, inGrace: 'empty' }
    this.#counters = watchedCounters({ counters: 'typeorm', keyPrefix }, newResultCacheCounters())
    this.#open = this.#connect()
  }

  /** The tables that `invalidateTables` accepts. So `onTableChanges` takes this cache as its handler. */
  get tables(): readonly string[] {
    return this.#tables.map(({ name }) => name)
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
    if (this.#open === undefined) return undefined
    if (queryRunner?.isTransactionActive === true) return this.#bypass()
    const address = this.#address(options)
    const claim = await claimSlot(this.#open.slots, address, this.#claims, this.#env)
    switch (claim.kind) {
      case 'fresh':
        return this.#answer(options, claim.value, queryRunner, address)
      case 'claimed':
        this.#counters.misses++
        return new Leased(address, claim.fence, isRunner(queryRunner) ? queryRunner : undefined)
      case 'late':
        return this.#bypass()
      default:
        return undefined
    }
  }

  /** Stores nothing unless `saved` is what `getFromCache` gave for this query. */
  async storeInCache(
    options: CachedQueryResult,
    saved: CachedQueryResult | undefined,
    queryRunner?: TransactionState,
  ): Promise<void> {
    if (!(saved instanceof Leased) || this.#open === undefined) return
    const { slots } = this.#open
    const { key } = saved.address
    const isInTransaction = queryRunner?.isTransactionActive === true
    const result = isInTransaction ? undefined : saved.encode(options)
    if (result === undefined) {
      this.#counters[isInTransaction ? 'bypasses' : 'unrestorable']++
      return slots.release(key, saved.fence.token)
    }
    const content = { result, ttlMs: options.duration, graceMs: ROUNDING_MS }
    try {
      const status = await slots.fill(key, saved.fence, content)
      this.#counters[status === 'stored' ? 'fills' : 'fillsRefused']++
    } catch {
      this.#counters.cacheErrors++
    }
  }

  /** TypeORM runs the query where this is true, and then stores its result. */
  isExpired(saved: CachedQueryResult): boolean {
    return saved instanceof Leased || saved instanceof Restored ? saved.beforeQuery() : false
  }

  /** What this cache has done so far. */
  counters(): ResultCacheCounters {
    return { ...this.#counters }
  }

  /** Invalidates all results under this `keyPrefix`, and nothing else on the servers. Rejects as `remove` does. */
  async clear(): Promise<void> {
    await this.#stamps()
      .renew(this.#keys.clearKey())
      .catch((cause: unknown) => {
        throw new InvalidationError([], cause)
      })
    this.#counters.invalidations++
  }

  /**
   * Voids the results of these identifiers, with what TypeORM keeps beside them for counts and pages. Rejects with an
   * `InvalidationError` (`E_NOT_INVALIDATED`) that names the identifiers which a server did not confirm.
   */
  async remove(identifiers: readonly string[]): Promise<void> {
    IDENTIFIERS.check(identifiers, 'identifiers')
    await this.#invalidate(identifiers, (id) => [id, `${id}-count`, `${id}-pagination`].map(identifierTag))
  }

  /**
   * Voids the results of all queries that read one of these tables; see `tables`. Those named there are voided first;
   * then it rejects with a `RangeError` if there are others. Rejects as `remove` does.
   */
  async invalidateTables(names: readonly string[]): Promise<void> {
    TABLES.check(names, 'names')
    const isKnown = (name: string): boolean => this.#tables.some((table) => table.name === name)
    await this.#invalidate(names.filter(isKnown), (name) => [tableTag(name)])
    const unknown = names.filter((name) => !isKnown(name))
    if (unknown.length === 0) return
    throw new RangeError(`The option \`tables\` of this cache does not name ${unknown.join(', ')}`)
  }

  async #invalidate(names: readonly string[], tagsOf: (name: string) => readonly string[]): Promise<void> {
    const stamps = this.#stamps()
    await invalidateAll(names, async (name) => {
      await settleAll(tagsOf(name).map((tag) => stamps.renew(this.#keys.target({ tag }).key)))
      this.#counters.invalidations++
    })
  }

  #bypass(): undefined {
    this.#counters.bypasses++
  }

  #failed(): undefined {
    this.#counters.cacheErrors++
  }

  async #answer(
    { identifier, query, duration }: CachedQueryResult,
    result: StoredResult,
    queryRunner: TransactionState | undefined,
    address: SlotAddress,
  ): Promise<CachedQueryResult | undefined> {
    if (result?.flags === TYPED_RECORDS) {
      try {
        if (!isRunner(queryRunner)) throw new TypeError('A query runner is needed')
        const restored = new Restored(decodeRecords(result.bytes, intervalParserOf(queryRunner)), queryRunner)
        this.#counters.hits++
        return restored
      } catch {
        await this.#open?.slots.drop(address.key).catch(() => undefined)
        return this.#failed()
      }
    }
    this.#counters.hits++
    return {
      ...(identifier === undefined ? {} : { identifier }),
      ...(query === undefined ? {} : { query }),
      duration,
      result: Buffer.from(result?.bytes ?? NULL).toString(),
    }
  }

  #stamps(): Stamps {
    this.#open ??= this.#connect()
    return this.#open.slots.stamps
  }

  #connect(): Connected {
    const { cache, owned } = chooseCache(this.#choice, 'MemcacheQueryResultCache')
    return { owned, slots: querySlots(cache, this.#env, this.#leaseTtlMs, this.#counters) }
  }

  /** The same identifier with another query is another entry. */
  #address({ identifier, query = '' }: CachedQueryResult): SlotAddress {
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

const NULL = Buffer.from('null')
