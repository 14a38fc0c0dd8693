import type { Codec } from '@larder/storage-core'
import {
  checkOptions,
  functionOption,
  listOption,
  nameOption,
  optionTable,
  required,
  wrongType,
  type Option,
} from '@larder/storage-core/base'
import { hasMethods } from '../common-options.js'
import { argumentsText } from './arguments-text.js'
import type { AnyCachedOptions } from './cached-options.js'
import type { QueryCache } from './query-cache.js'
import { CALL_ENTRY_OPTIONS, type EntryOptions } from './query-options.js'
import { type CachedResult, FORM_OPTIONS, type FormOptions, type Own } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'

type AnyCodec = Codec<unknown> | undefined
type AnySchema = StandardSchema | undefined

type Load<Args extends readonly unknown[], T> = (...args: Args) => Promise<T> | T
type LoadAll<Args extends readonly unknown[], T> = (
  list: readonly Args[],
) => Promise<readonly T[]> | readonly T[]
type Tags<Args extends readonly unknown[]> = readonly string[] | ((...args: Args) => readonly string[])

/** What a `CachedQuery` takes besides what each of its calls can be told. */
const OWN_OPTIONS = optionTable({
  /**
   * Begins the key of every result; the arguments follow as JSON, with colons written otherwise, since each would be the
   * end of a prefix. Arguments must be what JSON can tell apart; two queries of one cache need two names.
   */
  name: required(nameOption()),
  /** What `invalidate({ tag })` of the query cache invalidates the results by, for all or by the arguments. Default: none. */
  tags: tagsOption(),
  /** Asks the database. */
  load: required(functionOption<Load<never, unknown>>()),
  /**
   * Asks the database for many at once; results in the order of the arguments. Default: `getMany` calls `load` for each.
   */
  loadMany: functionOption<LoadAll<never, unknown>>(),
})

export const CACHED_QUERY_OPTIONS = optionTable({ ...CALL_ENTRY_OPTIONS, ...OWN_OPTIONS, ...FORM_OPTIONS })

/** The options of a `CachedQuery`. */
export type CachedQueryOptions<
  Args extends readonly unknown[],
  T,
  C extends AnyCodec = undefined,
  S extends AnySchema = undefined,
> = EntryOptions &
  FormOptions<C, S> & {
    readonly [name in keyof Pick<typeof OWN_OPTIONS, 'name' | 'load'>]: OwnTypes<Args, T>[name]
  } & {
    readonly [name in keyof Pick<typeof OWN_OPTIONS, 'tags' | 'loadMany'>]?:
      OwnTypes<Args, T>[name] | undefined
  }

interface OwnTypes<Args extends readonly unknown[], T> {
  readonly name: string
  readonly tags: Tags<Args>
  readonly load: Load<Args, T>
  readonly loadMany: LoadAll<Args, T>
}

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
    if (!hasMethods(queries, 'cached', 'cachedMany', 'invalidate'))
      throw wrongType('queries', 'a QueryCache', queries)
    checkOptions('CachedQuery', CACHED_QUERY_OPTIONS, options)
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
    checkLists(list)
    if (typeof tags === 'function')
      throw new TypeError('getMany needs `tags` that do not depend on the arguments')
    const keys = list.map((args) => this.key(...args))
    const byKey = new Map(keys.map((key, i) => [key, list[i] as Args]))
    const found = await this.#queries.cachedMany(keys, { ...this.#entryOptions, tags }, async (missing) => {
      const asked = missing.map((key) => byKey.get(key) as Args)
      const results: readonly unknown[] = await loadMany(asked)
      if (!Array.isArray(results)) throw wrongType('the result of loadMany', 'a list', results)
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

function checkLists(list: readonly (readonly unknown[])[]): void {
  if (!Array.isArray(list)) throw wrongType('list', 'a list of lists of arguments', list)
  for (const [i, args] of list.entries())
    if (!Array.isArray(args)) throw wrongType(`list[${i}]`, 'a list of arguments', args)
}

function tagsOption(): Option<Tags<never>> {
  const list = listOption('a list of tags, or a function', nameOption())
  return {
    takes: list.takes,
    fallback: undefined,
    check: (value, name) => (typeof value === 'function' ? (value as Tags<never>) : list.check(value, name)),
  }
}
