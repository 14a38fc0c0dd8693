import type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
} from '@larder/memcached'

type StoreOptions = Parameters<Cache['set']>[2]
type DeleteOptions = Parameters<Cache['delete']>[1]

/**
 * A cache for callers to whom a refused command costs more than a late one: a read would go to the database, and what it
 * finds would not be cached. A command that finds the queue of its server full waits for a place.
 */
export class WaitingCache implements Cache {
  readonly #cache: Cache
  /** As the cache has it, or not. */
  readonly stateOf?: NonNullable<Cache['stateOf']>

  constructor(cache: Cache) {
    this.#cache = cache
    if (cache.stateOf !== undefined)
      this.stateOf = async (key, options) => cache.stateOf?.(key, waiting(options))
  }

  get maxItemBytes(): number {
    return this.#cache.maxItemBytes
  }

  get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    return this.#cache.get(key, waiting(options))
  }

  getMulti(keys: readonly string[], options?: CallOptions): Promise<CacheBatch> {
    return this.#cache.getMulti(keys, options)
  }

  set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    return this.#cache.set(key, value, waiting(options))
  }

  setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    return this.#cache.setMulti(entries, options)
  }

  add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return this.#cache.add(key, value, waiting(options))
  }

  replace(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return this.#cache.replace(key, value, waiting(options))
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: StoreOptions): Promise<CasResult> {
    return this.#cache.cas(key, value, token, waiting(options))
  }

  append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#cache.append(key, value, waiting(options))
  }

  prepend(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#cache.prepend(key, value, waiting(options))
  }

  delete(key: string, options?: DeleteOptions): ReturnType<Cache['delete']> {
    return this.#cache.delete(key, waiting(options))
  }

  touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.#cache.touch(key, ttlMs, waiting(options))
  }

  close(): Promise<void> {
    return this.#cache.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Each command is a batch of its own: none waits for all of another caller's. */
function waiting<Options extends CallOptions>(options: Options | undefined): Options & CallOptions {
  return { ...(options as Options), batch: {} }
}
