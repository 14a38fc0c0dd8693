import { checkOptionNames, type Codec, type NamesOf } from '@larder/storage-core'
import { argumentsText } from './arguments-text.js'
import type { AnyCachedOptions } from './cached-options.js'
import type { QueryCache } from './query-cache.js'
import { ENTRY_NAMES, type EntryOptions } from './query-options.js'
import type { CachedResult, FormOptions, Own } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'

type AnyCodec = Codec<unknown> | undefined
type AnySchema = StandardSchema | undefined

export interface CachedQueryOptions<
  Args extends readonly unknown[],
  T,
  C extends AnyCodec = undefined,
  S extends AnySchema = undefined,
>
  extends EntryOptions, FormOptions<C, S> {
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
  codec: true,
  schema: true,
  name: true,
  tags: true,
  load: true,
  loadMany: true,
})

/** Makes a `CachedQuery`: its results come back as its own codec and schema say, else as those of the query cache. */
export interface CachedQueryConstructor {
  /** Throws `TypeError` without a name or a loader, and for an unknown option. */
  new <
    Args extends readonly unknown[],
    T,
    C extends Codec<unknown>,
    S extends AnySchema,
    OwnC extends AnyCodec = undefined,
    OwnS extends AnySchema = undefined,
  >(
    queries: QueryCache<C, S>,
    options: CachedQueryOptions<Args, T, OwnC, OwnS>,
  ): CachedQuery<Args, CachedResult<T, Own<OwnC, C>, Own<OwnS, S>>>
}

/** One query with its arguments, and how it is cached. `R` is what it comes back as. */
export type CachedQuery<Args extends readonly unknown[], R> = Query<Args, R>

class Query<Args extends readonly unknown[], R> {
  readonly #queries: QueryCache
  readonly #options: CachedQueryOptions<Args, unknown, AnyCodec, AnySchema>
  readonly #entryOptions: AnyCachedOptions

  constructor(queries: QueryCache, options: CachedQueryOptions<Args, unknown, AnyCodec, AnySchema>) {
    checkOptionNames('CachedQuery', options, OPTION_NAMES)
    if (typeof options.name !== 'string' || options.name === '')
      throw new TypeError('A cached query needs a name')
    if (typeof options.load !== 'function') throw new TypeError('load must be a function')
    this.#queries = queries
    this.#options = options
    const { ttlMs, graceMs, softTimeoutMs, whenLoaderFails, codec, schema } = options
    this.#entryOptions = { ttlMs, graceMs, softTimeoutMs, whenLoaderFails, codec, schema }
  }

  /** As `QueryCache.cached`. */
  async get(...args: Args): Promise<R> {
    const { load } = this.#options
    return (await this.#queries.cached(this.key(...args), this.#entry(args), async () => load(...args))) as R
  }

  /**
   * Results in the order of `list`: what the cache does not have is loaded in one call of `loadMany`. Tags must not
   * depend on the arguments.
   */
  async getMany(list: readonly Args[]): Promise<R[]> {
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
      return new Map(missing.map((key, i) => [key, results[i]]))
    })
    return keys.map((key) => found.get(key) as R)
  }

  /** Voids the result for these arguments; see `QueryCache.invalidate`. */
  async invalidate(...args: Args): Promise<void> {
    return this.#queries.invalidate(this.key(...args))
  }

  /** Loads anew, whatever the cache has. */
  async refresh(...args: Args): Promise<R> {
    await this.invalidate(...args)
    return this.get(...args)
  }

  /** Where the result for these arguments is, as `QueryCache` takes keys. Throws `TypeError` for what JSON has no form for. */
  key(...args: Args): string {
    return `${this.#options.name}:${argumentsText(args)}`
  }

  #entry(args: Args): AnyCachedOptions {
    const { tags } = this.#options
    return { ...this.#entryOptions, tags: typeof tags === 'function' ? tags(...args) : tags }
  }
}

/** One query with its arguments, and how it is cached. */
export const CachedQuery = Query as CachedQueryConstructor

function all<Args extends readonly unknown[]>(
  load: (...args: Args) => unknown,
): (list: readonly Args[]) => Promise<unknown[]> {
  return (list) => Promise.all(list.map(async (args) => load(...args)))
}
