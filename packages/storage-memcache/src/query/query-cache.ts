import { type Cache, type Environment, systemEnvironment } from '@larder/memcached'
import {
  checkOptionNames,
  type Codec,
  jsonCodec,
  type NamesOf,
  StorageError,
  untilAborted,
  watchedCounters,
} from '@larder/storage-core'
import { CACHE_CHOICE_NAMES, type CacheChoice, chooseCache } from '../cache-choice.js'
import { checkNamespace } from '../proxy/cache-key.js'
import { inWaves, settleAll } from '../proxy/promises.js'
import { FencedEntries, type QueryLook, type StoredResult } from './fenced-entries.js'
import { LoaderBatch, type LoadMany } from './loader-batch.js'
import { newQueryCounters, type QueryCounters } from './query-counters.js'
import { type InvalidationTarget, QueryKeys } from './query-keys.js'
import {
  checkEntryOptions,
  ENTRY_NAMES,
  type EntryOptions,
  type EntrySettings,
  entrySettings,
  QUERY_NAMES,
  type QueryOptions,
  type QuerySettings,
  resolveQueryOptions,
} from './query-options.js'
import { QueryReader, type Wanted } from './query-reader.js'
import { Stamps } from './stamps.js'

export type QueryCacheOptions = CacheChoice & QueryCacheSettings

/** The options of a `QueryCache`, besides its cache. */
export interface QueryCacheSettings extends QueryOptions {
  /** Begins every key, up to 80 characters of ASCII. Default: `'cached:'`. */
  readonly namespace?: string | undefined
  /** Results to bytes and back. Default: JSON, which makes every entry as a whole a JSON text. */
  readonly codec?: Codec<unknown> | undefined
  /** Clock, chance and waiting, for simulations. */
  readonly environment?: Environment | undefined
}

const OPTION_NAMES: NamesOf<QueryCacheOptions> = Object.freeze({
  ...QUERY_NAMES,
  ...CACHE_CHOICE_NAMES,
  namespace: true,
  codec: true,
  environment: true,
})

/** What a call of `cached` can be told. */
export interface CachedOptions extends EntryOptions {
  /**
   * What `invalidate({ tag })` voids this result by. All calls with the same key must name the same tags in the same
   * order.
   */
  readonly tags?: readonly string[] | undefined
  /** Settles the call with `E_ABORTED`; a loader that runs goes on, for those who share it. */
  readonly signal?: AbortSignal | undefined
}

const CACHED_NAMES: NamesOf<CachedOptions> = Object.freeze({ ...ENTRY_NAMES, tags: true, signal: true })

/** How what is missing is loaded. */
interface LoadCall {
  readonly load: LoadMany
  readonly settings: EntrySettings
  readonly startedAt: number
}

/** Not all commands may wait for one server at once. */
const KEYS_AT_ONCE = 1_000

const UNREADABLE: unique symbol = Symbol('unreadable')
const DOWN: QueryLook = Object.freeze({ kind: 'down' })

/**
 * Results of queries, and of whatever else takes long, in memcached: a miss runs the loader and keeps what it brings.
 * An invalidation that has resolved is seen by every call that starts later, in any process: a loader that was still
 * running is not able to store what it read before.
 */
export class QueryCache implements AsyncDisposable {
  readonly #owned: readonly Cache[]
  readonly #settings: QuerySettings
  readonly #codec: Codec<unknown>
  readonly #keys: QueryKeys
  readonly #stamps: Stamps
  readonly #entries: FencedEntries
  readonly #reader: QueryReader
  readonly #counters: QueryCounters
  #isClosed = false

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: QueryCacheOptions) {
    checkOptionNames('QueryCache', options, OPTION_NAMES)
    const { namespace = 'cached:', codec = jsonCodec(), environment: env = systemEnvironment } = options
    this.#settings = resolveQueryOptions(options)
    this.#codec = codec
    const { prefixSeparator, clearable, leaseTtlMs } = this.#settings
    this.#keys = new QueryKeys(checkNamespace(namespace), prefixSeparator, clearable)
    const { cache, owned } = chooseCache(options, 'QueryCache')
    this.#counters = watchedCounters({ counters: 'query', namespace }, newQueryCounters())
    this.#owned = owned
    this.#stamps = new Stamps(cache, env)
    this.#entries = new FencedEntries(cache, this.#stamps, env, leaseTtlMs)
    this.#reader = new QueryReader(this.#entries, this.#settings, env, this.#counters)
  }

  /**
   * The result under `key`; where the cache has none, what the loader brings, which is then kept. What comes back has
   * been through the codec in either case: with JSON, a `Date` is a string from the first call on. Rejects with what
   * the loader rejects with, and keeps nothing then; a cache that does not answer is done without.
   */
  async cached<T>(key: string, options: CachedOptions, loader: (key: string) => Promise<T> | T): Promise<T> {
    checkCall(options, loader)
    this.#checkOpen()
    checkEntryOptions(this.#settings, options)
    const address = this.#keys.address(key, options.tags)
    const startedAt = this.#reader.tick()
    const look = this.#entries.look(address)
    const found = await (options.signal === undefined ? look : untilAborted(look, options.signal, key))
    this.#count(found)
    const cached = found.kind === 'fresh' ? this.#tryDecode(found.result) : UNREADABLE
    if (cached !== UNREADABLE) return cached as T
    const load: LoadMany = async () => new Map([[key, this.#encode(await loader(key))]])
    const settings = entrySettings(this.#settings, options)
    const wanted = [{ key, address }]
    const results = this.#resolve(wanted, [found], { load, settings, startedAt })
    const [value] = await untilAborted(results, options.signal, key)
    return value as T
  }

  /**
   * The results under many keys, in one batch; the loader is called once for all that the cache does not have, and a
   * key that it leaves out of its answer has no result, which is remembered like any other. Keys of which another
   * process runs the loader may need a second call. Of more than 1,000 keys, 1,000 are looked up and loaded at a time.
   */
  async cachedMany<T>(
    keys: readonly string[],
    options: CachedOptions,
    loader: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>,
  ): Promise<Map<string, T>> {
    checkCall(options, loader)
    if (!Array.isArray(keys)) throw new TypeError('cachedMany takes a list of keys')
    this.#checkOpen()
    if (keys.length > KEYS_AT_ONCE) {
      const all = new Map<string, T>()
      for (let start = 0; start < keys.length; start += KEYS_AT_ONCE) {
        const some = keys.slice(start, start + KEYS_AT_ONCE)
        for (const [key, value] of await this.cachedMany<T>(some, options, loader)) all.set(key, value)
      }
      return all
    }
    const wanted = [...new Set(keys as readonly string[])].map((key) => ({
      key,
      address: this.#keys.address(key, options.tags),
    }))
    checkEntryOptions(this.#settings, options)
    const settings = entrySettings(this.#settings, options)
    const load: LoadMany = async (missing) => {
      const found: unknown = await loader(missing)
      if (!(found instanceof Map)) throw new TypeError('The loader of many keys must answer with a Map')
      return new Map(missing.map((key) => [key, this.#encode(found.get(key))]))
    }
    const read = async () => {
      const startedAt = this.#reader.tick()
      const looks = await Promise.all(wanted.map(({ address }) => this.#entries.look(address)))
      for (const look of looks) this.#count(look)
      return this.#resolve(wanted, looks, { load, settings, startedAt })
    }
    const values = await untilAborted(read(), options.signal)
    const found = new Map<string, T>()
    for (const [i, value] of values.entries()) {
      if (value !== undefined) found.set(wanted[i]?.key ?? '', value as T)
    }
    return found
  }

  /**
   * From when this resolves, no call that starts later gets what was read before. Call it after the commit of what
   * has changed. Rejects where a server did not confirm it; what could be invalidated then is, and to call it again
   * does no harm.
   */
  async invalidate(...targets: readonly InvalidationTarget[]): Promise<void> {
    this.#checkOpen()
    const found = targets.map((target) => this.#keys.target(target))
    const failures: unknown[] = []
    await inWaves(found, ({ kind, key }) =>
      (kind === 'entry' ? this.#entries.drop(key) : this.#stamps.renew(key)).catch((error: unknown) => {
        failures.push(error)
      }),
    )
    if (failures.length > 0) throw failures[0]
  }

  /** Invalidates all entries of this namespace. Throws `TypeError` unless the cache is `clearable`. */
  async clear(): Promise<void> {
    this.#checkOpen()
    if (!this.#settings.clearable) throw new TypeError('Only a cache with clearable: true can be cleared')
    await this.#stamps.renew(this.#keys.clearKey())
  }

  /** What this cache has done so far. */
  counters(): QueryCounters {
    return { ...this.#counters }
  }

  /** Closes the connections that it has opened itself. Idempotent; later calls reject with `E_CLOSED`. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#owned.map((cache) => cache.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #count(look: QueryLook): void {
    if (look.kind === 'fresh') this.#counters.hits++
    else if (look.kind === 'down') this.#counters.cacheErrors++
    if (look.kind !== 'fresh' && look.kind !== 'stale') this.#counters.misses++
  }

  #counted(load: LoadMany): LoadMany {
    return async (keys) => {
      this.#counters.loaderCalls++
      try {
        return await load(keys)
      } catch (error) {
        this.#counters.loaderErrors++
        throw error
      }
    }
  }

  /** The values; what the codec cannot read goes from the cache, and is loaded. */
  async #resolve(wanted: readonly Wanted[], looks: readonly QueryLook[], call: LoadCall): Promise<unknown[]> {
    const { load, settings, startedAt } = call
    const batch = new LoaderBatch(this.#counted(load), wanted.length)
    const results = await settleAll(
      wanted.map((each, i) => this.#reader.resolve(each, looks[i] ?? DOWN, { settings, batch, startedAt })),
    )
    const values = results.map((result) => this.#tryDecode(result))
    const unread = wanted.filter((_, i) => values[i] === UNREADABLE)
    if (unread.length === 0) return values
    await Promise.all(unread.map(({ address }) => this.#entries.drop(address.key).catch(() => undefined)))
    const loaded = await this.#counted(load)(unread.map(({ key }) => key))
    return values.map((value, i) =>
      value === UNREADABLE ? this.#decode(loaded.get(wanted[i]?.key ?? '')) : value,
    )
  }

  #encode(value: unknown): StoredResult {
    return value === undefined ? undefined : this.#codec.encode(value)
  }

  #decode(result: StoredResult): unknown {
    return result === undefined ? undefined : this.#codec.decode(result.bytes, result.flags)
  }

  #tryDecode(result: StoredResult): unknown {
    try {
      return this.#decode(result)
    } catch {
      this.#counters.cacheErrors++
      return UNREADABLE
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The query cache is closed')
  }
}

function checkCall(options: unknown, loader: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('Options are needed, as {} at least')
  checkOptionNames('A cached query', options, CACHED_NAMES)
  if (typeof loader !== 'function') throw new TypeError('The loader must be a function')
}
