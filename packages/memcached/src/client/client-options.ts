import type { NamesOf } from '@larder/storage-core/base'
import type { CallOptions, CasToken } from '../cache.js'
import type { UnfitKeys } from './client-keys.js'
import { COMPRESSION_NAMES, type CompressionOptions } from './compression.js'
import { plainSerializer } from './plain-serializer.js'
import type { ValueSerializer } from './values.js'

/** How a `MemcacheClient` makes keys and values. */
export interface MemcacheClientOptions {
  /** Goes before every key. Default: none. */
  readonly prefix?: string
  /** For stores that name none; undefined means for ever. */
  readonly ttlMs?: number | undefined
  /** What becomes of keys that memcached cannot take. Default: refused. */
  readonly unfitKeys?: UnfitKeys
  readonly serializer?: ValueSerializer
  /** Default: none. */
  readonly compression?: CompressionOptions | undefined
  /**
   * `'reject'`: a server that does not answer is told from a miss. `'miss'`: reads miss and stores answer `false`,
   * as the classic clients do. Bad arguments and items that cannot be read reject in any case.
   */
  readonly whenUnavailable?: 'reject' | 'miss'
}

export const CLIENT_NAMES: NamesOf<MemcacheClientOptions> = Object.freeze({
  prefix: true,
  ttlMs: true,
  unfitKeys: true,
  serializer: true,
  compression: COMPRESSION_NAMES,
  whenUnavailable: true,
})

/** What a `MemcacheClient` does unless told otherwise. */
export const DEFAULT_CLIENT_OPTIONS: Required<MemcacheClientOptions> = Object.freeze({
  prefix: '',
  ttlMs: undefined,
  unfitKeys: 'refuse',
  serializer: plainSerializer,
  compression: undefined,
  whenUnavailable: 'reject',
})

/** What a store can be told. */
export interface StoreCallOptions extends CallOptions {
  /** In milliseconds; the client's own where it is not named, for ever where that has none. */
  readonly ttlMs?: number | undefined
}

const CALL_NAMES: NamesOf<CallOptions> = Object.freeze({ signal: true, routeBy: true })
export const STORE_NAMES: NamesOf<StoreCallOptions & BatchOptions> = Object.freeze({
  ...CALL_NAMES,
  ttlMs: true,
  keyPrefix: true,
})
export const DELETE_NAMES: NamesOf<DeleteCallOptions & BatchOptions> = Object.freeze({
  ...CALL_NAMES,
  cas: true,
  lockMs: true,
  keyPrefix: true,
})
export const COUNTER_NAMES: NamesOf<CounterOptions & BatchOptions> = Object.freeze({
  ...STORE_NAMES,
  initial: true,
})

/** What a batch can be told. */
export interface BatchOptions extends CallOptions {
  /** Goes between the client's prefix and each key; answers come under the caller's own keys. */
  readonly keyPrefix?: string
}

/** What `delete` can be told. */
export interface DeleteCallOptions extends CallOptions {
  /** Deletes only the state that the token stands for. */
  readonly cas?: CasToken
  /** Leaves a lock behind: until it ends, `get` misses and `add`, `replace` and `cas` fail; `set` works. */
  readonly lockMs?: number
}

/** What `increment` and `decrement` can be told. */
export interface CounterOptions extends CallOptions {
  /** What a counter that is not there is taken to hold. */
  readonly initial?: bigint | number
  /** For a counter that is created. */
  readonly ttlMs?: number | undefined
}

/** A value, and the token to change it with. */
export interface VersionedValue<T> {
  readonly value: T
  readonly cas: CasToken
}

/** What `peek` sees. */
export interface PeekedValue<T> {
  /** Undefined where it is no value, but the lock that a deletion left. */
  readonly value: T | undefined
  readonly cas: CasToken
  /** What is left of its time to live, in milliseconds of whole seconds; undefined: it stays. */
  readonly ttlMs: number | undefined
  /** How long ago it was stored or read; memcached writes down one read a minute. */
  readonly idleMs: number
  readonly wasRead: boolean
  /** How long a deletion's lock still holds; undefined: it is no lock. */
  readonly lockMs: number | undefined
}

/** Answers under the caller's own keys. A key in neither map is a miss. */
export interface BatchAnswers<Key, Value> {
  readonly values: ReadonlyMap<Key, Value>
  readonly failed: ReadonlyMap<Key, Error>
}
