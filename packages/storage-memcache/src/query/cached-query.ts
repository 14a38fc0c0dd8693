import { checkOptionNames, type NamesOf } from '@larder/storage-core'
import { argumentsText } from './arguments-text.js'
import type { QueryCache } from './query-cache.js'
import { ENTRY_NAMES, type EntryOptions } from './query-options.js'

export interface CachedQueryOptions<Args extends readonly unknown[], T> extends EntryOptions {
  /**
   * Begins the key of every result, up to the arguments, which follow as JSON, with colons written otherwise, since
   * each would be the end of a prefix. Arguments must be what JSON can tell apart; two queries of one cache need two
   * names.
   */
  readonly name: string
  /** What `invalidate({ tag })` of the query cache voids the results by, for all or by the arguments. */
  readonly tags?: readonly string[] | ((...args: Args) => readonly string[]) | undefined
  /** Asks the database. */
  readonly load: (...args: Args) => Promise<T> | T
  /** Asks the database for many at once; results in the order of the arguments. Without it `getMany` calls `load`. */
  readonly loadMany?: ((list: readonly Args[]) => Promise<readonly T[]> | readonly T[]) | undefined
}

const OPTION_NAMES: NamesOf<CachedQueryOptions<[], unknown>> = Object.freeze({
  ...ENTRY_NAMES,
  name: true,
  tags: true,
  load: true,
  loadMany: true,
})

/** One query with its arguments, and all that is to be known of how it is cached. */
export class CachedQuery<Args extends readonly unknown[], T> {
  readonly #queries: QueryCache
  readonly #options: CachedQueryOptions<Args, T>
  readonly #entryOptions: EntryOptions

  /** Throws `TypeError` without a name or a loader, and for an option that there is not. */
  constructor(queries: QueryCache, options: CachedQueryOptions<Args, T>) {
    checkOptionNames('CachedQuery', options, OPTION_NAMES)
    if (typeof options.name !== 'string' || options.name === '')
      throw new TypeError('A cached query needs a name')
    if (typeof options.load !== 'function') throw new TypeError('load must be a function')
    this.#queries = queries
    this.#options = options
    const { ttlMs, graceMs, softTimeoutMs, whenLoaderFails } = options
    this.#entryOptions = { ttlMs, graceMs, softTimeoutMs, whenLoaderFails }
  }

  /** As `QueryCache.cached`. */
  async get(...args: Args): Promise<T> {
    const { load } = this.#options
    return this.#queries.cached(this.key(...args), this.#entry(args), async () => load(...args))
  }

  /**
   * Results in the order of `list`: what the cache does not have is loaded in one call of `loadMany`. Tags must not
   * depend on the arguments.
   */
  async getMany(list: readonly Args[]): Promise<T[]> {
    const { load, loadMany = all(load), tags } = this.#options
    if (typeof tags === 'function')
      throw new TypeError('getMany cannot do with tags that depend on the arguments')
    const keys = list.map((args) => this.key(...args))
    const byKey = new Map(keys.map((key, i) => [key, list[i] as Args]))
    const found = await this.#queries.cachedMany(keys, { ...this.#entryOptions, tags }, async (missing) => {
      const asked = missing.map((key) => byKey.get(key) as Args)
      const results = await loadMany(asked)
      if (results.length !== asked.length) {
        throw new TypeError(
          `loadMany of ${this.#options.name} gave ${results.length} results for ${asked.length}`,
        )
      }
      return new Map(missing.map((key, i) => [key, results[i] as T]))
    })
    return keys.map((key) => found.get(key) as T)
  }

  /** Voids the result for these arguments; see `QueryCache.invalidate`. */
  async invalidate(...args: Args): Promise<void> {
    return this.#queries.invalidate(this.key(...args))
  }

  /** Loads anew, whatever the cache has. */
  async refresh(...args: Args): Promise<T> {
    await this.invalidate(...args)
    return this.get(...args)
  }

  /** Where the result for these arguments is, as `QueryCache` takes keys. Throws `TypeError` for what JSON has no form for. */
  key(...args: Args): string {
    return `${this.#options.name}:${argumentsText(args)}`
  }

  #entry(args: Args): EntryOptions & { readonly tags: readonly string[] | undefined } {
    const { tags } = this.#options
    return { ...this.#entryOptions, tags: typeof tags === 'function' ? tags(...args) : tags }
  }
}

function all<Args extends readonly unknown[], T>(
  load: (...args: Args) => Promise<T> | T,
): (list: readonly Args[]) => Promise<T[]> {
  return (list) => Promise.all(list.map(async (args) => load(...args)))
}
