import type { CacheBatch, CacheItem, CasResult, CasToken, ItemState, PeekedItem } from '../cache.js'

/** A key that was checked: its text, and its length in bytes of UTF-8. */
export interface WireKey {
  readonly text: string
  readonly bytes: number
}

/** Something to store, checked: `exptime` in memcached's own seconds, `flags` within 32 bits. */
export interface WireItem {
  readonly key: WireKey
  readonly value: Uint8Array
  readonly flags: number
  readonly exptime: number
}

/** What to do to a counter: `delta` within 64 bits and a sign, `initial` what one that is created will hold. */
export interface WireStep {
  readonly delta: bigint
  readonly initial: bigint | undefined
  readonly exptime: number
}

/**
 * The commands of one server in one protocol. Arguments were checked by the caller. Every promise settles within
 * the channel's time-out; rejections are those of `Cache`. Two implementations pass one conformance suite.
 */
export interface Transport {
  get(key: WireKey, signal?: AbortSignal): Promise<CacheItem | undefined>
  /** `get`, with what `as` makes of the item; where that throws, the promise rejects. */
  getAs<T>(key: WireKey, as: (item: CacheItem) => T, signal?: AbortSignal): Promise<T | undefined>
  /** Flags and token of an item, without its bytes where the protocol can. */
  stateOf(key: WireKey, signal?: AbortSignal): Promise<ItemState | undefined>
  /** One round trip for all keys. Rejects where the server did not answer. */
  getMulti(keys: readonly WireKey[], signal?: AbortSignal): Promise<CacheBatch>
  set(item: WireItem, signal?: AbortSignal): Promise<CasToken>
  /** `set` without a token. */
  put(item: WireItem, signal?: AbortSignal): Promise<true>
  /** One round trip for all items; resolves to those that were not stored. Rejects where the server did not answer. */
  setMulti(items: readonly WireItem[], signal?: AbortSignal): Promise<ReadonlyMap<string, Error>>
  add(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined>
  replace(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined>
  cas(item: WireItem, token: CasToken, signal?: AbortSignal): Promise<CasResult>
  append(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean>
  prepend(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean>
  delete(key: WireKey, token?: CasToken, signal?: AbortSignal): Promise<'deleted' | 'exists' | 'not-found'>
  touch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<boolean>
  getAndTouch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<CacheItem | undefined>
  /** Rejects with `E_UNSUPPORTED` where the protocol has no such command. */
  peek(key: WireKey, signal?: AbortSignal): Promise<PeekedItem | undefined>
  arithmetic(key: WireKey, step: WireStep, signal?: AbortSignal): Promise<bigint | undefined>
  flushAll(delaySeconds: number, signal?: AbortSignal): Promise<true>
  stats(topic: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>>
  version(signal?: AbortSignal): Promise<string>
  /** Cuts the connection: reads in flight go over the next one, stores in flight reject. */
  disconnect(): void
  /** Settles everything in flight with `E_CLOSED` and cuts the connection. Idempotent. */
  close(): void
}
