import { StorageError, type OptionTable } from '@larder/storage-core/base'
import {
  ARITHMETIC_OPTIONS,
  CALL_OPTIONS,
  checkCall,
  checkList,
  checkReader,
  checkToken,
  DELETE_OPTIONS,
  READ_OPTIONS,
  STORE_OPTIONS,
} from '../cache-options.js'
import type {
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
  ItemState,
  PeekedItem,
  ReadOptions,
} from '../cache.js'
import type { ArithmeticOptions, CommandCache } from '../command-cache.js'
import {
  addToCounter,
  checkCounter,
  checkDelta,
  checkFlags,
  checkValue,
  DEFAULT_SERVER_ITEM_LIMIT_BYTES,
  exptimeOf,
} from '../protocol/index.js'
import {
  type Cas,
  CasId,
  type Channel,
  type Command,
  type DatagramReader,
  type ExecuteOptions,
  foreignToken,
  type ResultOf,
  type Store,
  type StoreKind,
  type WireItem,
  type WireKey,
} from '../transport/index.js'
import { ClusterWatch, type DiscoveryOptions } from './cluster-watch.js'
import { resolveRemoteOptions, type RemoteCacheOptions } from './remote-options.js'
import { ItemLimit } from './item-limit.js'
import { ServerCommands } from './server-commands.js'
import { wireKeyOf } from './server-set.js'
import type { Servers } from './servers.js'

type StoreOptions = ItemOptions & CallOptions

/**
 * One or several memcached servers as one cache. A key lives on one server, chosen by consistent hashing; while
 * that server is dead its keys fail at once with `E_CACHE_UNAVAILABLE` and never move to another one, where they
 * would be found again in an old state.
 */
export class RemoteCache extends ServerCommands implements CommandCache {
  readonly #limit: ItemLimit
  #watch: ClusterWatch | undefined

  /**
   * For what `servers` may be see `Servers`.
   * Connects with the first command, and not before. Bad arguments are a `TypeError` or `RangeError`.
   */
  constructor(servers: Servers, options: RemoteCacheOptions = {}) {
    super(servers, options)
    this.#limit = new ItemLimit(options.serverItemLimitBytes ?? DEFAULT_SERVER_ITEM_LIMIT_BYTES)
  }

  get maxItemBytes(): number {
    return this.#limit.maxBytes
  }

  get(key: string, options?: ReadOptions): Promise<CacheItem | undefined> {
    return this.getAs(key, itself, options)
  }

  getAs<T>(key: string, as: (item: CacheItem) => T, options?: ReadOptions): Promise<T | undefined> {
    return this.serverSet.on('get', READ_OPTIONS, key, options, (server, wireKey, datagrams) => {
      checkReader(as)
      const command = { kind: 'get', key: wireKey, as, exptime: undefined } as const
      return datagrams === undefined || options?.withoutToken !== true
        ? server.execute(command, options)
        : datagrams.get(command, server, options)
    })
  }

  stateOf(key: string, options?: CallOptions): Promise<ItemState | undefined> {
    return this.#ask(
      'stateOf',
      CALL_OPTIONS,
      key,
      options,
      (wireKey) => ({ kind: 'state', key: wireKey }) as const,
    )
  }

  getAndTouch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<CacheItem | undefined> {
    return this.#ask('getAndTouch', CALL_OPTIONS, key, options, (wireKey) => {
      return { kind: 'get', key: wireKey, as: itself, exptime: exptimeOf(ttlMs) } as const
    })
  }

  peek(key: string, options?: CallOptions): Promise<PeekedItem | undefined> {
    return this.#ask(
      'peek',
      CALL_OPTIONS,
      key,
      options,
      (wireKey) => ({ kind: 'peek', key: wireKey }) as const,
    )
  }

  set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    return this.#store('set', key, value, options)
  }

  put(key: string, value: Uint8Array, options?: StoreOptions): Promise<true> {
    return this.#store('put', key, value, options)
  }

  add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return this.#store('add', key, value, options)
  }

  replace(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return this.#store('replace', key, value, options)
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: StoreOptions): Promise<CasResult> {
    return this.serverSet.on('cas', STORE_OPTIONS, key, options, (server, wireKey) => {
      this.#checkToken(token)
      const { flags, exptime } = this.#item(wireKey, value, options)
      const command: Cas = { kind: 'cas', key: wireKey, value, flags, exptime, token }
      return this.#limit.watch(server, value.byteLength, server.execute(command, options))
    })
  }

  append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#join('append', key, value, options)
  }

  prepend(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#join('prepend', key, value, options)
  }

  delete(
    key: string,
    options?: CallOptions & { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.serverSet.on('delete', DELETE_OPTIONS, key, options, (server, wireKey) => {
      const token = options?.cas
      if (token !== undefined) this.#checkToken(token)
      return server.execute({ kind: 'delete', key: wireKey, token } as const, options)
    })
  }

  touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.#ask('touch', CALL_OPTIONS, key, options, (wireKey) => {
      return { kind: 'touch', key: wireKey, exptime: exptimeOf(ttlMs) } as const
    })
  }

  arithmetic(key: string, delta: bigint, options?: ArithmeticOptions): Promise<bigint | undefined> {
    return this.#ask('arithmetic', ARITHMETIC_OPTIONS, key, options, (wireKey) => {
      checkDelta(delta)
      const { initial, ttlMs } = options ?? {}
      // The protocols store the initial value itself; here it is where the counting starts.
      const created =
        initial === undefined ? undefined : addToCounter(checkCounter(initial, 'initial'), delta)
      return { kind: 'count', key: wireKey, delta, initial: created, exptime: exptimeOf(ttlMs) } as const
    })
  }

  async getMulti(keys: readonly string[], options?: ReadOptions): Promise<CacheBatch> {
    checkCall('getMulti', READ_OPTIONS, options)
    checkList('keys', keys)
    this.checkOpen()
    const items = new Map<string, CacheItem>()
    const failed = new Map<string, Error>()
    let whole: CacheBatch | undefined
    const call = inBatch(options)
    const ask = async (server: Channel, group: readonly WireKey[], datagrams: DatagramReader | undefined) => {
      const batch =
        datagrams === undefined || options?.withoutToken !== true
          ? await server.execute({ kind: 'getMulti', keys: group }, call)
          : await datagrams.getMulti(group, server, call)
      if (group.length === keys.length) whole = batch
      else merge(batch)
    }
    const merge = (batch: CacheBatch) => {
      for (const [key, item] of batch.items) items.set(key, item)
      for (const [key, error] of batch.failed) failed.set(key, error)
    }
    await this.serverSet.each('getMulti', keys.map(wireKeyOf), options?.routeBy, ask, (key, error) =>
      failed.set(key.text, error),
    )
    return whole ?? { items, failed }
  }

  async setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    checkCall('setMulti', CALL_OPTIONS, options)
    checkList('entries', entries)
    this.checkOpen()
    const items = entries.map((entry) => this.#item(wireKeyOf(entry.key), entry.value, entry))
    const failed = new Map<string, Error>()
    const call = inBatch(options)
    const store = async (server: Channel, group: readonly WireItem[]) => {
      const command = { kind: 'setMulti', items: group } as const
      const refused = await server.execute(command, call)
      for (const [key, error] of refused) failed.set(key, error)
      const largest = group.reduce((bytes, { value }) => Math.max(bytes, value.byteLength), 0)
      await this.#limit.learn(server, largest, refused.values())
    }
    await this.serverSet.each('setMulti', items, options?.routeBy, store, (item, error) =>
      failed.set(item.key.text, error),
    )
    return failed
  }

  /**
   * A cache of the servers that a cluster's configuration endpoint names (`config get cluster`, as in Amazon
   * ElastiCache), which it polls until it is closed: servers come and go as by `setServers`, and stay what
   * they are while the endpoint is silent. `options.tls` is for the endpoint as well. Rejects where the first question
   * is not answered: `E_CACHE_UNAVAILABLE`, `E_TIMEOUT`, `E_SERVER`.
   */
  static async discover(
    endpoint: string,
    options: RemoteCacheOptions = {},
    discovery: DiscoveryOptions = {},
  ): Promise<RemoteCache> {
    resolveRemoteOptions(endpoint, options)
    const watch = new ClusterWatch(endpoint, discovery, options.tls)
    return new RemoteCache(await watch.first(), options).#follow(watch)
  }

  clone(): RemoteCache {
    const clone = new RemoteCache(this.list, this.options)
    return this.#watch === undefined ? clone : clone.#follow(this.#watch.clone())
  }

  override async close(): Promise<void> {
    this.#watch?.stop()
    await super.close()
  }

  #follow(watch: ClusterWatch): this {
    this.#watch = watch
    watch.start((servers) => this.setServers(servers))
    return this
  }

  /** Asks the key's server what `make` makes of the key; what that throws rejects. */
  #ask<C extends Command>(
    operation: string,
    table: OptionTable,
    key: string,
    options: CallOptions | undefined,
    make: (key: WireKey) => C,
  ): Promise<ResultOf<C>> {
    return this.serverSet.on(operation, table, key, options, (server, wireKey) =>
      server.execute(make(wireKey), options),
    )
  }

  #store<K extends StoreKind>(
    kind: K,
    key: string,
    value: Uint8Array,
    options: StoreOptions | undefined,
  ): Promise<ResultOf<Store<K>>> {
    return this.serverSet.on(
      kind === 'put' ? 'set' : kind,
      STORE_OPTIONS,
      key,
      options,
      (server, wireKey) => {
        checkValue(value, this.maxItemBytes)
        const [flags, exptime] = [checkFlags(options?.flags), exptimeOf(options?.ttlMs)]
        const command: Store<K> = { kind, key: wireKey, value, flags, exptime }
        return this.#limit.watch(server, value.byteLength, server.execute(command, options))
      },
    )
  }

  async #join(
    how: 'append' | 'prepend',
    key: string,
    value: Uint8Array,
    options: CallOptions | undefined,
  ): Promise<boolean> {
    checkCall(how, CALL_OPTIONS, options)
    checkValue(value, this.maxItemBytes)
    if (await this.#store(how, key, value, options)) return true
    // memcached 1.6.18 answers "not stored" for an item that would grow too large, as for one that is not there.
    const item = await this.get(key, options)
    if (item === undefined || item.value.length + value.length <= this.maxItemBytes) return false
    throw new StorageError('E_TOO_LARGE', `An item may have ${this.maxItemBytes} bytes`, { key })
  }

  #checkToken(token: CasToken): asserts token is CasId {
    checkToken(token)
    if (!(token instanceof CasId) || token.isForeignTo(this)) throw foreignToken()
  }

  #item(key: WireKey, value: Uint8Array, options: ItemOptions | undefined): WireItem {
    checkValue(value, this.maxItemBytes)
    return { key, value, flags: checkFlags(options?.flags), exptime: exptimeOf(options?.ttlMs) }
  }
}

/** For a command of a batch, which is one of its own unless the caller says of which it is a part. */
function inBatch(options: CallOptions | undefined): ExecuteOptions {
  return { signal: options?.signal, batch: options?.batch ?? {} }
}

/** The item unchanged, for callers that want its bytes. */
function itself(item: CacheItem): CacheItem {
  return item
}
