import { isStorageError, StorageError } from '@larder/storage-core'
import type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
} from '../cache.js'
import { exptimeOf } from '../protocol/expiry.js'
import { keyBytes } from '../protocol/key.js'
import { checkFlags, checkValue, maxItemBytesFor } from '../protocol/limits.js'
import { createRouter, type Router } from '../routing/router.js'
import type { Transport, WireItem, WireKey } from '../transport/transport.js'
import { createTransports, resolveRemoteOptions, type RemoteCacheOptions } from './remote-options.js'

type StoreOptions = ItemOptions & CallOptions

/**
 * One or several memcached servers as one cache. A key lives on one server, chosen by consistent hashing; while
 * that server is dead its keys fail at once with `E_CACHE_UNAVAILABLE` and never move to another one, where they
 * would be found again in an old state.
 */
export class RemoteCache implements Cache {
  readonly maxItemBytes: number
  readonly #transports: readonly Transport[]
  readonly #route: Router
  #isClosed = false

  /**
   * `servers`: `host:port`, `host:port:weight`, `[v6]:port` or `/path.sock`, as a list or separated by commas.
   * Connects with the first command, and not before. Bad arguments are a `TypeError` or `RangeError`.
   */
  constructor(servers: string | readonly string[], options: RemoteCacheOptions = {}) {
    const resolved = resolveRemoteOptions(servers, options)
    this.maxItemBytes = maxItemBytesFor(resolved.serverItemLimitBytes)
    this.#transports = createTransports(resolved)
    this.#route = createRouter(resolved.addresses)
  }

  get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    return this.#on(key, (server, wireKey) => server.get(wireKey, options?.signal))
  }

  set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    return this.#on(key, (server, wireKey) =>
      server.set(this.#item(wireKey, value, options), options?.signal),
    )
  }

  add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return this.#on(key, (server, wireKey) =>
      server.add(this.#item(wireKey, value, options), options?.signal),
    )
  }

  replace(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return this.#on(key, (server, wireKey) =>
      server.replace(this.#item(wireKey, value, options), options?.signal),
    )
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: StoreOptions): Promise<CasResult> {
    return this.#on(key, (server, wireKey) =>
      server.cas(this.#item(wireKey, value, options), token, options?.signal),
    )
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
    return this.#on(key, (server, wireKey) => server.delete(wireKey, options?.cas, options?.signal))
  }

  touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.#on(key, (server, wireKey) => server.touch(wireKey, exptimeOf(ttlMs), options?.signal))
  }

  async getMulti(keys: readonly string[], options?: CallOptions): Promise<CacheBatch> {
    this.#checkOpen()
    const groups = this.#group(keys.map(wireKeyOf), (key) => key)
    const items = new Map<string, CacheItem>()
    const failed = new Map<string, Error>()
    const ask = async (server: Transport, group: readonly WireKey[]) => {
      const batch = await server.getMulti(group, options?.signal)
      for (const [key, item] of batch.items) items.set(key, item)
      for (const [key, error] of batch.failed) failed.set(key, error)
    }
    await this.#each(groups, ask, (key, error) => failed.set(key.text, error))
    return { items, failed }
  }

  async setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    this.#checkOpen()
    const items = entries.map((entry) => this.#item(wireKeyOf(entry.key), entry.value, entry))
    const groups = this.#group(items, (item) => item.key)
    const failed = new Map<string, Error>()
    const store = async (server: Transport, group: readonly WireItem[]) => {
      for (const [key, error] of await server.setMulti(group, options?.signal)) failed.set(key, error)
    }
    await this.#each(groups, store, (item, error) => failed.set(item.key.text, error))
    return failed
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const transport of this.#transports) transport.close()
    // The sockets let go of the event loop in its closing phase.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Bad arguments reject, although what runs here may throw. */
  #on<T>(key: string, run: (server: Transport, key: WireKey) => Promise<T>): Promise<T> {
    try {
      const wireKey = wireKeyOf(key)
      return run(this.#transports[this.#route(key)] as Transport, wireKey)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  async #join(
    how: 'append' | 'prepend',
    key: string,
    value: Uint8Array,
    options?: CallOptions,
  ): Promise<boolean> {
    checkValue(value, this.maxItemBytes)
    if (await this.#on(key, (server, wireKey) => server[how](wireKey, value, options?.signal))) return true
    // memcached 1.6.18 answers "not stored" for an item that would grow too large, as for one that is not there.
    const item = await this.get(key, options)
    if (item === undefined || item.value.length + value.length <= this.maxItemBytes) return false
    throw new StorageError('E_TOO_LARGE', `An item may have ${this.maxItemBytes} bytes`, { key })
  }

  #item(key: WireKey, value: Uint8Array, options: ItemOptions | undefined): WireItem {
    checkValue(value, this.maxItemBytes)
    return { key, value, flags: checkFlags(options?.flags), exptime: exptimeOf(options?.ttlMs) }
  }

  #group<T>(members: readonly T[], keyOf: (member: T) => WireKey): ReadonlyMap<Transport, T[]> {
    const groups = new Map<Transport, T[]>()
    for (const member of members) {
      const server = this.#transports[this.#route(keyOf(member).text)] as Transport
      const group = groups.get(server)
      if (group === undefined) groups.set(server, [member])
      else group.push(member)
    }
    return groups
  }

  /** Asks all servers at once; one that fails concerns its own members only, an abort concerns the whole call. */
  async #each<T>(
    groups: ReadonlyMap<Transport, T[]>,
    run: (server: Transport, group: readonly T[]) => Promise<void>,
    onFailed: (member: T, error: Error) => void,
  ): Promise<void> {
    const runs = Array.from(groups, async ([server, group]) => {
      try {
        await run(server, group)
      } catch (error) {
        if (isStorageError(error, 'E_ABORTED')) throw error
        for (const member of group) onFailed(member, error as Error)
      }
    })
    await Promise.all(runs)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The cache was closed')
  }
}

function wireKeyOf(key: string): WireKey {
  return { text: key, bytes: keyBytes(key) }
}
