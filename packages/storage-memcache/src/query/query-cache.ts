import { type Cache, type Environment, systemEnvironment } from '@larder/memcached'
import {
  checkOptionNames,
  type Codec,
  type JsonCodec,
  jsonCodec,
  type NamesOf,
  type OutboxTransaction,
  StorageError,
  type TransactionalInvalidator,
  untilAborted,
  watchedCounters,
} from '@larder/storage-core'
import { CACHE_CHOICE_NAMES, type CacheChoice, chooseCache } from '../cache-choice.js'
import { checkNamespace } from '../proxy/cache-key.js'
import { wavesOf } from '../proxy/promises.js'
import { checkNumber } from '../proxy/settings.js'
import { type AnyCachedOptions, type CachedOptions, checkCall } from './cached-options.js'
import { FencedEntries, type QueryLook } from './fenced-entries.js'
import { invalidateAll, InvalidationError } from './invalidation-error.js'
import type { LoadMany } from './loader-batch.js'
import { newQueryCounters, type QueryCounters } from './query-counters.js'
import { type InvalidationTarget, QueryKeys } from './query-keys.js'
import {
  checkEntryOptions,
  entrySettings,
  QUERY_NAMES,
  type QueryOptions,
  type QuerySettings,
  resolveQueryOptions,
} from './query-options.js'
import { QueryOutbox, type QueryOutboxOptions, type QueryTarget } from './query-outbox.js'
import { QueryReader, type Wanted } from './query-reader.js'
import { QueryResolver, type ResultCall, UNREADABLE } from './query-resolver.js'
import { type CachedResult, type FormOptions, type Own, ResultForm } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'
import { Stamps } from './stamps.js'

/** The options of a `QueryCache`. */
export type QueryCacheOptions<
  C extends Codec<unknown> = JsonCodec<unknown>,
  S extends StandardSchema | undefined = undefined,
> = CacheChoice & QueryCacheSettings<C, S>

/** The options of a `QueryCache`, besides its cache. */
export interface QueryCacheSettings<
  C extends Codec<unknown> = JsonCodec<unknown>,
  S extends StandardSchema | undefined = undefined,
>
  extends QueryOptions, QueryOutboxOptions, FormOptions<C, S> {
  /** Begins every key, up to 80 characters of ASCII. Default: `'cached:'`. */
  readonly namespace?: string | undefined
  /** Clock, chance and waiting, for simulations. */
  readonly environment?: Environment | undefined
}

const OPTION_NAMES: NamesOf<QueryCacheOptions> = Object.freeze({
  ...QUERY_NAMES,
  ...CACHE_CHOICE_NAMES,
  namespace: true,
  codec: true,
  schema: true,
  outbox: true,
  whenCacheFails: true,
  relayIntervalMs: true,
  relayAfterMs: true,
  environment: true,
})

/**
 * Results of queries, and of whatever else takes long, in memcached: a miss runs the loader and keeps what it brings.
 * An invalidation that has resolved is seen by every call that starts later, in any process: a loader that was still
 * running is not able to store what it read before.
 *
 * `C` and `S` are the codec and the schema of the results; a call can have its own.
 */
export class QueryCache<
  C extends Codec<unknown> = JsonCodec<unknown>,
  S extends StandardSchema | undefined = undefined,
>
  implements AsyncDisposable, TransactionalInvalidator<InvalidationTarget>
{
  readonly #owned: readonly Cache[]
  readonly #settings: QuerySettings
  readonly #form: ResultForm
  readonly #keys: QueryKeys
  readonly #stamps: Stamps
  readonly #entries: FencedEntries
  readonly #reader: QueryReader
  readonly #resolver: QueryResolver
  readonly #counters: QueryCounters
  readonly #outbox: QueryOutbox | undefined
  #isClosed = false

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: QueryCacheOptions<C, S>) {
    checkOptionNames('QueryCache', options, OPTION_NAMES)
    const { namespace = 'cached:', codec = jsonCodec(), environment: env = systemEnvironment } = options
    this.#settings = resolveQueryOptions(options)
    this.#form = new ResultForm(codec, options.schema)
    const { prefixSeparator, clearable, leaseTtlMs } = this.#settings
    this.#keys = new QueryKeys(checkNamespace(namespace), prefixSeparator, clearable)
    const { cache, owned } = chooseCache(options, 'QueryCache')
    this.#counters = watchedCounters({ counters: 'query', namespace }, newQueryCounters())
    this.#owned = owned
    this.#stamps = new Stamps(cache, env)
    this.#entries = new FencedEntries(cache, this.#stamps, env, leaseTtlMs)
    this.#reader = new QueryReader(this.#entries, this.#settings, env, this.#counters)
    this.#resolver = new QueryResolver(this.#entries, this.#reader, this.#counters)
    const targets = {
      invalidate: (target: QueryTarget) => this.#invalidate(target),
      probe: async ({ key }: QueryTarget) => void (await cache.get(key)),
    }
    checkOutboxOptions(options)
    this.#outbox = options.outbox && new QueryOutbox(options.outbox, namespace, targets, options, env)
  }

  /**
   * The result under `key`. On a miss the loader's result, which is then kept. The result has been through the codec and
   * the schema in either case, and its type says so: with JSON, a `Date` is a string from the first call on (`Jsonify`);
   * with a schema, it is what the schema makes of that.
   *
   * Rejects with what the loader rejects with, with a `TypeError` that names the path of what JSON cannot carry, and
   * with an `InvalidResultError` for a new result that does not fit the schema. Nothing is kept then. A cache that does
   * not answer is bypassed.
   */
  async cached<
    T,
    OwnC extends Codec<unknown> | undefined = undefined,
    OwnS extends StandardSchema | undefined = undefined,
  >(
    key: string,
    options: CachedOptions<OwnC, OwnS>,
    loader: (key: string) => Promise<T> | T,
  ): Promise<CachedResult<T, Own<OwnC, C>, Own<OwnS, S>>> {
    checkCall(options, loader)
    this.#checkOpen()
    checkEntryOptions(this.#settings, options)
    const form = this.#form.with(options)
    const wanted = { key, address: this.#keys.address(key, options.tags) }
    const startedAt = this.#reader.tick()
    const look = this.#entries.look(wanted.address)
    const found = await (options.signal === undefined ? look : untilAborted(look, options.signal, key))
    this.#count(found)
    if (found.kind === 'fresh') {
      const value = await this.#resolver.tryRead(key, found.result, form)
      if (value !== UNREADABLE) return value as never
    }
    const load: LoadMany = async () => new Map([[key, await form.write(key, await loader(key))]])
    const settings = entrySettings(this.#settings, options)
    const call: ResultCall = { load, settings, form, startedAt, mayMiss: false }
    const [value] = await untilAborted(this.#resolver.resolve([wanted], [found], call), options.signal, key)
    return value as never
  }

  /**
   * The results under many keys, in one batch. The loader is called once for all keys that the cache does not have; a
   * key that its answer leaves out has no result, which is remembered like any other. A key that another process is
   * loading may need a second call of the loader. Of more than 1,000 keys, 1,000 are looked up and loaded at a time.
   */
  async cachedMany<
    T,
    OwnC extends Codec<unknown> | undefined = undefined,
    OwnS extends StandardSchema | undefined = undefined,
  >(
    keys: readonly string[],
    options: CachedOptions<OwnC, OwnS>,
    loader: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>,
  ): Promise<Map<string, Exclude<CachedResult<T, Own<OwnC, C>, Own<OwnS, S>>, undefined>>> {
    checkCall(options, loader)
    if (!Array.isArray(keys)) throw new TypeError('cachedMany takes a list of keys')
    this.#checkOpen()
    checkEntryOptions(this.#settings, options)
    const wanted = [...new Set(keys as readonly string[])].map((key) => ({
      key,
      address: this.#keys.address(key, options.tags),
    }))
    const found = new Map<string, unknown>()
    for (const some of wavesOf(wanted)) {
      const values = await untilAborted(this.#manyAtOnce(some, options, loader), options.signal)
      for (const [i, value] of values.entries()) if (value !== undefined) found.set(some[i]?.key ?? '', value)
    }
    return found as never
  }

  /**
   * Once this has resolved, no call that starts later gets what was read before. Call it after the commit of what has
   * changed. Rejects with an `InvalidationError` (`E_NOT_INVALIDATED`) if a server did not confirm it: its `targets` may
   * still be read until their `ttlMs`, all others are invalidated. Repeating the call is harmless.
   */
  async invalidate(...targets: readonly InvalidationTarget[]): Promise<void> {
    this.#checkOpen()
    // All are checked before the first is sent.
    const found = new Map(targets.map((target) => [target, this.#keys.target(target)]))
    await invalidateAll([...found.keys()], async (target) => {
      await this.#invalidate(found.get(target) ?? this.#keys.target(target))
    })
  }

  #invalidate({ kind, key }: QueryTarget): Promise<void> {
    return kind === 'entry' ? this.#entries.drop(key) : this.#stamps.renew(key)
  }

  /**
   * As `invalidate`, if and only if the transaction commits that the program has open with `manager`, TypeORM's
   * `EntityManager`: an outbox row of it names the targets. After the commit this process invalidates them, before the
   * program's own call resolves; if it cannot, any process does that has the same `outbox`.
   *
   * Needs the option `outbox`. Rejects with a `TypeError` for a manager of another database or without a transaction.
   */
  async invalidateWith(manager: object, ...targets: readonly InvalidationTarget[]): Promise<void> {
    await this.#outboxInUse().add(this.#outboxInUse().within(manager), this.#found(targets))
  }

  /** The same in a transaction of a storage on the same database: `tx.invalidate(queries, ...targets)`. */
  async invalidateIn(tx: OutboxTransaction, ...targets: readonly InvalidationTarget[]): Promise<void> {
    await this.#outboxInUse().add(tx, this.#found(targets))
  }

  #found(targets: readonly InvalidationTarget[]): QueryTarget[] {
    return targets.map((target) => this.#keys.target(target))
  }

  #outboxInUse(): QueryOutbox {
    this.#checkOpen()
    if (this.#outbox !== undefined) return this.#outbox
    throw new TypeError('To invalidate in a transaction, a QueryCache needs the option outbox')
  }

  /** Invalidates all entries of this namespace. Rejects as `invalidate` does; `TypeError` unless it is `clearable`. */
  async clear(): Promise<void> {
    this.#checkOpen()
    if (!this.#settings.clearable) throw new TypeError('Only a cache with clearable: true can be cleared')
    await this.#stamps.renew(this.#keys.clearKey()).catch((cause: unknown) => {
      throw new InvalidationError([], cause)
    })
  }

  /** What this cache has done so far. */
  counters(): QueryCounters {
    return { ...this.#counters }
  }

  /** Closes the connections that it has opened itself. Idempotent; later calls reject with `E_CLOSED`. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#outbox?.stop()
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

  async #manyAtOnce(
    wanted: readonly Wanted[],
    options: AnyCachedOptions,
    loader: (keys: readonly string[]) => unknown,
  ): Promise<unknown[]> {
    const form = this.#form.with(options)
    const settings = entrySettings(this.#settings, options)
    const load: LoadMany = async (missing) => {
      const found: unknown = await loader(missing)
      if (!(found instanceof Map)) throw new TypeError('The loader of many keys must answer with a Map')
      const written = missing.map(async (key) => {
        const value: unknown = found.get(key)
        return [key, value === undefined ? undefined : await form.write(key, value)] as const
      })
      return new Map(await Promise.all(written))
    }
    const startedAt = this.#reader.tick()
    const looks = await Promise.all(wanted.map(({ address }) => this.#entries.look(address)))
    for (const look of looks) this.#count(look)
    return this.#resolver.resolve(wanted, looks, { load, settings, form, startedAt, mayMiss: true })
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The query cache is closed')
    this.#outbox?.start()
  }
}

function checkOutboxOptions({
  outbox,
  whenCacheFails,
  relayIntervalMs,
  relayAfterMs,
}: QueryOutboxOptions): void {
  if (outbox === undefined) {
    const given = Object.entries({ whenCacheFails, relayIntervalMs, relayAfterMs })
    const [idle] = given.filter(([, value]) => value !== undefined)
    if (idle !== undefined) throw new TypeError(`Without outbox, ${idle[0]} would have no effect`)
    return
  }
  if (typeof outbox.within !== 'function') throw new TypeError('outbox must be a storage or a SqlOutbox')
  if (whenCacheFails !== undefined && whenCacheFails !== 'bypass' && whenCacheFails !== 'reject')
    throw new RangeError(`whenCacheFails must be 'bypass' or 'reject', not ${String(whenCacheFails)}`)
  if (relayIntervalMs !== undefined) checkNumber('relayIntervalMs', relayIntervalMs, NONE_MAY_BE_ZERO)
  if (relayAfterMs !== undefined) checkNumber('relayAfterMs', relayAfterMs, new Set(['relayAfterMs']))
}

const NONE_MAY_BE_ZERO: ReadonlySet<string> = new Set()
