/** What an item says of itself, beside its bytes. */
export interface ItemOptions {
  /** The 32 bits that memcached keeps beside an item. Default: 0. */
  readonly flags?: number
  /**
   * How long the item may live, in milliseconds; `undefined` means for ever, zero and less are refused.
   * Rounded up to whole seconds plus one, since a server counts whole seconds of its own clock and an item of
   * N seconds may vanish after little more than N - 1.
   */
  readonly ttlMs?: number | undefined
}

/** What every call of a cache can be told. */
export interface CallOptions {
  /** Settles the call with `E_ABORTED`. A command that was already sent may still be executed by the server. */
  readonly signal?: AbortSignal | undefined
  /**
   * Chooses the server in place of the key: text as a key of that name would, a number (an integer from 0 to
   * 2^53 - 1) as the hash itself. Every user of the key must pass the same. Means nothing where all is in one
   * place.
   */
  readonly routeBy?: string | number | undefined
  /**
   * The batch that the call is part of: any object, the same for all of its calls. Where the queue of the server is
   * full, the call waits for a place, in turn with other batches, instead of `E_OVERLOADED`; its time-out counts from when it
   * has one. Meant for callers who have a bounded number of calls under way. Means nothing where there is no queue.
   */
  readonly batch?: object | undefined
}

/** What a read of a cache can be told. */
export interface ReadOptions extends CallOptions {
  /**
   * The caller has no use for the token, which may then match nothing. A `RemoteCache` with the option `udp` reads by
   * datagram where this is true; elsewhere it means nothing. Default: false.
   */
  readonly withoutToken?: boolean | undefined
}

/**
 * The version of an item as one reply told it. It is bound to the connection it came by: a server that restarted
 * counts from 1 again, so that a number seen before may come back on another value. A token whose connection is
 * gone never matches: `cas` and `delete` answer `'exists'` for it without asking the server. A token of another cache,
 * a clone included, is a `TypeError`; one of another key answers `'exists'`.
 */
export interface CasToken {
  /** memcached's 64-bit number, never 0. For logs and comparison within one connection. */
  readonly id: bigint
  /** Whether both tokens stand for the same state of the same item, as seen by the same connection. */
  equals(other: CasToken): boolean
}

/** Whether it has the form of a token; it need not be one that still matches anything. */
export function isCasToken(value: unknown): value is CasToken {
  if (typeof value !== 'object' || value === null || !('id' in value)) return false
  return typeof (value as Partial<CasToken>).equals === 'function'
}

/** What a cache holds under a key. */
export interface CacheItem {
  /** Owned by the caller; shares no memory with the receive buffer. */
  readonly value: Buffer
  readonly flags: number
  readonly cas: CasToken
}

/** An item without its bytes. */
export interface ItemState extends Omit<CacheItem, 'value'> {
  /** The bytes, if the cache had to read them: only the meta commands tell a state alone. */
  readonly value?: Buffer
}

/** An item, and what its cache knows of it. */
export interface PeekedItem extends CacheItem {
  /** What is left of its time to live, in milliseconds; a server counts whole seconds. Undefined: it stays. */
  readonly ttlMs: number | undefined
  /**
   * How long ago it was stored or read, in milliseconds. memcached writes down one read a minute (items.h,
   * ITEM_UPDATE_INTERVAL), so that this may be up to a minute more than it was.
   */
  readonly idleMs: number
  /** Whether it was read since it was stored. */
  readonly wasRead: boolean
}

/** Answers under the keys that were asked; a key in neither map is a miss. */
export interface CacheBatch {
  readonly items: ReadonlyMap<string, CacheItem>
  /** Keys whose server did not answer, each with its reason. */
  readonly failed: ReadonlyMap<string, Error>
}

export interface CacheEntry extends ItemOptions {
  readonly key: string
  readonly value: Uint8Array
}

/** How a `cas` ended. */
export type CasResult =
  | { readonly status: 'stored'; readonly cas: CasToken }
  /** Another client changed the item, or the token's connection is gone. */
  | { readonly status: 'exists' }
  | { readonly status: 'not-found' }

/**
 * The contract of a cache of bytes, kept by memcached and by `EmbeddedCache`. A miss is `undefined` and never an
 * error; a rejection (`E_CACHE_UNAVAILABLE`, `E_TIMEOUT`, `E_OVERLOADED`, `E_SERVER`, `E_CLOSED`, `E_ABORTED`)
 * means that the outcome is unknown: the command may have been executed, or may still be.
 * Keys are 1 to 250 bytes of UTF-8 without spaces and control characters; others are a `RangeError` before any
 * I/O, as is a value over `maxItemBytes`. A server with a smaller `-I` answers with `E_TOO_LARGE`, and has deleted the old
 * item; `maxItemBytes` is then what that server takes.
 * Stores copy or send `value` before the promise settles; the caller must not change it before.
 */
export interface Cache extends AsyncDisposable {
  /** The largest value that can be stored under a 250-byte key, in bytes. */
  readonly maxItemBytes: number
  get(key: string, options?: ReadOptions): Promise<CacheItem | undefined>
  /** A batch, of any size. Never rejects because of a server: see `CacheBatch.failed`. */
  getMulti(keys: readonly string[], options?: ReadOptions): Promise<CacheBatch>
  /**
   * The flags and the token of an item, and its bytes only if the cache had to read them; `undefined`: a miss. A cache may
   * omit this method; callers then use `get`.
   */
  stateOf?(key: string, options?: CallOptions): Promise<ItemState | undefined>
  set(key: string, value: Uint8Array, options?: ItemOptions & CallOptions): Promise<CasToken>
  /** A batch, of any size. Answers with the keys that were not stored, each with its reason. */
  setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>>
  /** Stores only where nothing is; `undefined`: there is something. */
  add(key: string, value: Uint8Array, options?: ItemOptions & CallOptions): Promise<CasToken | undefined>
  /** Stores only where something is; `undefined`: there is nothing. */
  replace(key: string, value: Uint8Array, options?: ItemOptions & CallOptions): Promise<CasToken | undefined>
  cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions & CallOptions,
  ): Promise<CasResult>
  /**
   * Adds bytes at the end; the item keeps its time to live and flags. `false`: no such item. An item that would
   * grow past the limit stays as it was, and the call rejects with `E_TOO_LARGE`.
   */
  append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean>
  /** Adds bytes at the start; otherwise as `append`. */
  prepend(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean>
  /**
   * With `cas`, deletes only the state that the token stands for. Answers with a word, as `cas` does, since a caller with
   * a token must tell a conflict from a miss; `MemcacheClient.delete` makes a boolean of it.
   */
  delete(
    key: string,
    options?: CallOptions & { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'>
  /** Sets a new time to live; the CAS stays. `false`: no such item. */
  touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean>
  /** Settles everything in flight, closes every connection. Idempotent; later calls reject with `E_CLOSED`. */
  close(): Promise<void>
}
