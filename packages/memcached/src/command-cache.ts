import type { Cache, CacheItem, CallOptions, ItemOptions, PeekedItem, ReadOptions } from './cache.js'

/** What the counting of a cache can be told. */
export interface ArithmeticOptions extends CallOptions {
  /** What a counter that is not there is taken to hold. Without it, such a counter stays away. */
  readonly initial?: bigint | undefined
  /** How long a counter that is created lives; an existing one keeps its time to live. */
  readonly ttlMs?: number | undefined
}

/** One answer a server, by its address: `host:port` or the socket's path. */
export interface ServerAnswers<T> {
  readonly answers: ReadonlyMap<string, T>
  readonly failed: ReadonlyMap<string, Error>
}

/** What memcached can do beyond `Cache`: counters, and commands to the servers themselves. */
export interface CommandCache extends Cache {
  /** Within which every command is settled, in milliseconds; undefined: there is nothing to wait for. */
  readonly timeoutMs: number | undefined
  /**
   * As `get`, with what `as` makes of the item in its place: by one promise and not two. Where `as` throws, the promise
   * rejects. It runs while replies are read, and must not wait.
   */
  getAs<T>(key: string, as: (item: CacheItem) => T, options?: ReadOptions): Promise<T | undefined>
  /** As `set`, for callers who have no use for the token: the server is not asked for it. */
  put(key: string, value: Uint8Array, options?: ItemOptions & CallOptions): Promise<true>
  /** Reads an item and sets a new time to live, in one step. */
  getAndTouch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<CacheItem | undefined>
  /**
   * Reads an item without a trace: it counts as no use, and an item that nobody reads is evicted as early as
   * before. `E_UNSUPPORTED` over the binary protocol, which has no such command.
   */
  peek(key: string, options?: CallOptions): Promise<PeekedItem | undefined>
  /**
   * Adds `delta` to the decimal number that an item holds, and resolves to the sum; `undefined`: no such item.
   * Numbers have 64 bits: they wrap around at 2^64 and stop at 0. A counter that is created holds
   * `initial + delta` and has flags of 0. What is no number stays as it was: `E_SERVER`.
   */
  arithmetic(key: string, delta: bigint, options?: ArithmeticOptions): Promise<bigint | undefined>
  /** Drops all items of all servers, at once or after a delay, which is rounded up as a `ttlMs` is. Items stored before the delay has passed go too. */
  flushAll(delayMs?: number, options?: CallOptions): Promise<ServerAnswers<true>>
  /** What each server says of itself; `topic` as in memcached's `stats`: `settings`, `items`, `slabs`. */
  stats(topic?: string, options?: CallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>>
  version(options?: CallOptions): Promise<ServerAnswers<string>>
  /**
   * Cuts all connections and forgets which servers were dead; the next command connects anew. Reads in flight are
   * asked again, stores in flight reject with `E_CACHE_UNAVAILABLE`, tokens match no more.
   */
  disconnectAll(): void
  /** Another cache of the same items, with connections of its own; each is closed by itself. */
  clone(): CommandCache
}
