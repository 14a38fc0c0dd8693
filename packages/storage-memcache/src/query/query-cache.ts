import type { Cache, Environment } from '@larder/memcached'
import { type Codec, type JsonCodec, jsonCodec, StorageError } from '@larder/storage-core'
import {
  type OutboxTransaction,
  type TransactionalInvalidator,
  untilAborted,
  watchedCounters,
} from '@larder/storage-core/driver'
import {
  checkOptions,
  optionTable,
  resolveOptions,
  wrongType,
  type OptionsOf,
} from '@larder/storage-core/base'
import { CACHE_CHOICE_OPTIONS, type CacheChoice, chooseCache } from '../cache-choice.js'
import { environmentOption, hasMethods, keyPrefixOption } from '../common-options.js'
import { NearCopies, type ReaderPolicy, SlotReader, wavesOf } from '../coherence/index.js'
import { begin, type BeginCall } from './begin.js'
import { type AnyCachedOptions, type CachedOptions, checkCall } from './cached-options.js'
import { invalidateAll, InvalidationError } from './invalidation-error.js'
import type { LoadMany } from './loader-batch.js'
import { newQueryCounters, type QueryCounters } from './query-counters.js'
import { copyOf, type QueryContent, type QuerySlots, querySlots, type StoredResult } from './query-form.js'
import { type InvalidationTarget, QueryKeys } from './query-keys.js'
import { BEGIN_OPTIONS, type BeginOptions, type QueryLookup } from './query-lookup.js'
import {
  checkEntryOptions,
  checkQueryOptions,
  entrySettings,
  QUERY_OPTIONS,
  type QuerySettings,
} from './query-options.js'
import { checkOutboxOptions, OUTBOX_OPTIONS, QueryOutbox, type QueryTarget } from './query-outbox.js'
import { QueryResolver, type ResultCall, UNREADABLE, type Wanted } from './query-resolver.js'
import { type CachedResult, FORM_OPTIONS, type FormOptions, type Own, ResultForm } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'

/** What a `QueryCache` takes besides its cache, and besides how its results are formed. */
const SETTINGS = optionTable({
  /** Begins every key. Default: `'cached:'`. */
  keyPrefix: keyPrefixOption('cached:'),
  ...QUERY_OPTIONS,
  ...OUTBOX_OPTIONS,
  /** Clock, chance and waiting, for simulations. Default: the system's. */
  environment: environmentOption(),
})

export const QUERY_CACHE_OPTIONS = optionTable({ ...CACHE_CHOICE_OPTIONS, ...SETTINGS, ...FORM_OPTIONS })

/** The options of a `QueryCache`, besides its cache. */
export type QueryCacheSettings<
  C extends Codec<unknown> = JsonCodec<unknown>,
  S extends StandardSchema | undefined = undefined,
> = OptionsOf<typeof SETTINGS> & FormOptions<C, S>

/** The options of a `QueryCache`. */
export type QueryCacheOptions<
  C extends Codec<unknown> = JsonCodec<unknown>,
  S extends StandardSchema | undefined = undefined,
> = CacheChoice & QueryCacheSettings<C, S>

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
  readonly #settings: QuerySettings & { readonly environment: Environment }
  readonly #form: ResultForm
  readonly #keys: QueryKeys
  readonly #slots: QuerySlots
  readonly #reader: SlotReader<StoredResult, QueryContent>
  readonly #resolver: QueryResolver
  readonly #counters: QueryCounters
  readonly #outbox: QueryOutbox | undefined
  #isClosed = false

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: QueryCacheOptions<C, S>) {
    const settings = resolveOptions('QueryCache', QUERY_CACHE_OPTIONS, options)
    const { cache, owned } = chooseCache(settings, 'QueryCache')
    checkQueryOptions(settings)
    checkOutboxOptions(options)
    const { keyPrefix, codec = jsonCodec(), schema, environment: env } = settings
    this.#settings = settings
    this.#form = new ResultForm(codec, schema)
    this.#keys = new QueryKeys(keyPrefix, settings.prefixSeparator, settings.clearable)
    this.#counters = watchedCounters({ counters: 'query', keyPrefix }, newQueryCounters())
    this.#owned = owned
    const near = NearCopies.of(cache, settings.nearBytes, env, this.#counters)
    this.#slots = querySlots(cache, env, settings.leaseTtlMs, this.#counters, near)
    this.#reader = new SlotReader(this.#slots, readerPolicy(settings), env, this.#counters)
    this.#resolver = new QueryResolver(this.#slots, this.#reader, env, this.#counters)
    const targets = {
      invalidate: (target: QueryTarget) => this.#invalidate(target),
      probe: async ({ key }: QueryTarget) => void (await cache.get(key)),
    }
    this.#outbox = settings.outbox && new QueryOutbox(settings.outbox, keyPrefix, targets, settings, env)
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
    checkCall('cached', options, loader)
    checkEntryOptions(this.#settings, options)
    const form = this.#form.with(options)
    const wanted = { key, address: this.#keys.address(key, options.tags) }
    this.#checkOpen()
    const startedAt = this.#reader.tick()
    const lookup = this.#slots.lookUp(wanted.address)
    const found = await (options.signal === undefined ? lookup : untilAborted(lookup, options.signal, key))
    this.#reader.count(found)
    if (found.kind === 'fresh') {
      const value = await this.#resolver.tryRead(key, found.value, form)
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
    checkCall('cachedMany', options, loader)
    if (!Array.isArray(keys)) throw wrongType('keys', 'a list of keys', keys)
    checkEntryOptions(this.#settings, options)
    const wanted = [...new Set(keys as readonly string[])].map((key) => ({
      key,
      address: this.#keys.address(key, options.tags),
    }))
    this.#checkOpen()
    const found = new Map<string, unknown>()
    for (const some of wavesOf(wanted)) {
      const values = await untilAborted(this.#manyAtOnce(some, options, loader), options.signal)
      for (const [i, value] of values.entries()) if (value !== undefined) found.set(some[i]?.key ?? '', value)
    }
    return found as never
  }

  /**
   * As `cached`, for a caller that knows only get and put, such as the cache interface of another library: a hit, or a
   * lookup whose `fill` keeps what the caller loads after this call. A fill after an invalidation is not kept.
   *
   * Other callers wait for the fill, up to `fillWaitMs`. A caller that calls neither `fill` nor `release` counts as a dead
   * one: its lease ends after `leaseTtlMs`. Within `graceMs`, one caller gets a miss and the others the old result.
   */
  async begin<
    T = unknown,
    OwnC extends Codec<unknown> | undefined = undefined,
    OwnS extends StandardSchema | undefined = undefined,
  >(
    key: string,
    options: BeginOptions<OwnC, OwnS> = {},
  ): Promise<QueryLookup<CachedResult<T, Own<OwnC, C>, Own<OwnS, S>>>> {
    checkOptions('begin', BEGIN_OPTIONS, options)
    const { ttlMs, graceMs, fillWaitMs, environment: env } = this.#settings
    const call: BeginCall = {
      key,
      address: this.#keys.address(key, options.tags),
      form: this.#form.with(options),
      ttlMs: options.ttlMs ?? ttlMs,
      graceMs: options.graceMs ?? graceMs,
      fillWaitMs,
    }
    this.#checkOpen()
    const lookup = begin({ slots: this.#slots, env, counters: this.#counters }, call)
    try {
      return (await untilAborted(lookup, options.signal, key)) as never
    } catch (error) {
      // The lease may come after the caller has gone.
      void lookup.then((late) => (late.isHit ? undefined : late.release()))
      throw error
    }
  }

  /**
   * Once this has resolved, no call that starts later gets what was read before. Call it after the commit of what has
   * changed. Rejects with an `InvalidationError` (`E_NOT_INVALIDATED`) if a server did not confirm it: its `targets` may
   * still be read until their `ttlMs`, all others are invalidated. Repeating the call is harmless.
   */
  async invalidate(...targets: readonly InvalidationTarget[]): Promise<void> {
    // All are checked before the first is sent.
    const found = new Map(targets.map((target) => [target, this.#keys.target(target)]))
    this.#checkOpen()
    await invalidateAll([...found.keys()], async (target) => {
      await this.#invalidate(found.get(target) ?? this.#keys.target(target))
    })
  }

  #invalidate({ kind, key }: QueryTarget): Promise<void> {
    return kind === 'entry' ? this.#slots.drop(key) : this.#slots.stamps.renew(key)
  }

  /**
   * As `invalidate`, if and only if the transaction commits that the program has open with `manager`, TypeORM's
   * `EntityManager`: an outbox row of it names the targets. After the commit this process invalidates them, before the
   * program's own call resolves; if it cannot, any process does that has the same `outbox`.
   *
   * Needs the option `outbox`. Rejects with a `TypeError` for a manager of another database or without a transaction.
   */
  async invalidateWith(manager: object, ...targets: readonly InvalidationTarget[]): Promise<void> {
    if (typeof manager !== 'object' || manager === null)
      throw wrongType('manager', "TypeORM's EntityManager", manager)
    const found = this.#found(targets)
    const outbox = this.#outboxInUse()
    await outbox.add(outbox.within(manager), found)
  }

  /** The same in a transaction of a storage on the same database: `tx.invalidate(queries, ...targets)`. */
  async invalidateIn(tx: OutboxTransaction, ...targets: readonly InvalidationTarget[]): Promise<void> {
    if (!hasMethods(tx, 'journal', 'enlist')) throw wrongType('tx', 'an open transaction', tx)
    const found = this.#found(targets)
    await this.#outboxInUse().add(tx, found)
  }

  #found(targets: readonly InvalidationTarget[]): QueryTarget[] {
    return targets.map((target) => this.#keys.target(target))
  }

  #outboxInUse(): QueryOutbox {
    this.#checkOpen()
    if (this.#outbox !== undefined) return this.#outbox
    throw new TypeError('To invalidate in a transaction, a QueryCache needs the option `outbox`')
  }

  /** Invalidates all entries under this `keyPrefix`. Rejects as `invalidate` does; `TypeError` unless it is `clearable`. */
  async clear(): Promise<void> {
    if (!this.#settings.clearable) throw new TypeError('Only a cache with `clearable: true` can be cleared')
    this.#checkOpen()
    await this.#slots.stamps.renew(this.#keys.clearKey()).catch((cause: unknown) => {
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
    const lookups = await Promise.all(wanted.map(({ address }) => this.#slots.lookUp(address)))
    for (const lookup of lookups) this.#reader.count(lookup)
    return this.#resolver.resolve(wanted, lookups, { load, settings, form, startedAt, mayMiss: true })
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The query cache is closed')
    this.#outbox?.start()
  }
}

/** A loader that fails fails all callers of this process that share it; while a server is down, they wait for one another. */
function readerPolicy({ fillWaitMs }: QuerySettings): ReaderPolicy<StoredResult> {
  return { fillWaitMs, whenAnotherFails: 'reject', whileDown: 'wait', order: undefined, copyOf }
}
