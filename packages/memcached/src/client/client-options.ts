import {
  booleanOption,
  choiceOption,
  groupOption,
  numberOption,
  objectOption,
  optionTable,
  signalOption,
  textOption,
  typedOption,
  type Option,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import { isCasToken, type CasToken } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { COMPRESSION_OPTIONS } from './compression-options.js'
import { REMOTE_OPTIONS, type RemoteCacheOptions } from './remote-options.js'
import { SERVERS_OPTION, type Servers } from './servers.js'
import { plainSerializer } from './plain-serializer.js'
import type { ValueSerializer } from './values.js'

/** What becomes of a call whose server does not answer. */
export type WhenUnavailable = 'reject' | 'miss'

/** How a `MemcacheClient` makes keys and values. */
export const CLIENT_OPTIONS = optionTable({
  /** Begins every key. Default: none. */
  keyPrefix: textOption(''),
  /** How long values of stores that do not say live, in milliseconds. Default: for ever. */
  ttlMs: ttlOption(),
  /**
   * What becomes of keys that memcached cannot take: `'refuse'`, a `RangeError`, or `'hash'`, SHA-256 of prefix and key
   * takes the place of both. Default: `'refuse'`.
   */
  invalidKeys: choiceOption(['refuse', 'hash'], 'refuse'),
  /** Turns values into bytes and flags, and back. Default: `plainSerializer`. */
  serializer: typedOption('a serializer', isSerializer, plainSerializer),
  /** Compresses large values. Default: none. */
  compression: groupOption(COMPRESSION_OPTIONS),
  /**
   * `'reject'`: a call whose server does not answer rejects. `'miss'`: it resolves to `undefined`, which is a miss to a
   * read, and neither `true` nor `false` to a change. Bad arguments and items that cannot be read reject in any case.
   * Default: `'reject'`.
   */
  whenUnavailable: choiceOption<WhenUnavailable>(['reject', 'miss'], 'reject'),
})

export type ClientSettings = ResolvedOptions<typeof CLIENT_OPTIONS>

const ALL_OPTIONS = optionTable({
  ...REMOTE_OPTIONS,
  ...CLIENT_OPTIONS,
  /** The servers, whose connections are closed with the client. */
  servers: SERVERS_OPTION,
  /** In the place of `servers`: a cache of the caller's, which stays open. */
  cache: typedOption('a cache of commands', isCommandCache),
})

/** How a `MemcacheClient` makes keys and values. */
export type ClientOptions = OptionsOf<typeof CLIENT_OPTIONS>

/** `servers` with the options of a `RemoteCache`, or a `cache`; and how to make keys and values. */
export type MemcacheClientOptions = ClientOptions & (ClientOfServers | ClientOfCache)

/** The connections belong to the client. */
export type ClientOfServers = RemoteCacheOptions & {
  readonly servers: Servers
  readonly cache?: undefined
}

/** The cache belongs to the caller, and stays open. */
export type ClientOfCache = { readonly [name in keyof RemoteCacheOptions]?: undefined } & {
  readonly cache: CommandCache
  readonly servers?: undefined
}

export { ALL_OPTIONS as MEMCACHE_CLIENT_OPTIONS }

const CALL = {
  /** Settles the call with `E_ABORTED`. A command that was already sent may still be executed by the server. */
  signal: signalOption(),
  /** Goes between the client's own prefix and the key; answers come under the caller's own keys. */
  keyPrefix: textOption(),
  /** The batch that a call about one key is part of: see `CallOptions.batch`. Those about many are one by themselves. */
  batch: objectOption(),
}

/** For commands about keys. */
export const CALL_OPTIONS = optionTable(CALL)
/** Options of a call about one key or about many. */
export type ClientCallOptions = OptionsOf<typeof CALL_OPTIONS>

/** For commands to the servers themselves. */
export const SERVER_CALL_OPTIONS = optionTable({ signal: CALL.signal })
/** Options of a command to the servers themselves. */
export type ServerCallOptions = OptionsOf<typeof SERVER_CALL_OPTIONS>

const STORE = {
  ...CALL,
  /** How long the value lives, in milliseconds; `Infinity`: for ever. Default: the client's `ttlMs`. */
  ttlMs: ttlOption(),
}
export const STORE_OPTIONS = optionTable(STORE)
/** Options of a call that stores values. */
export type StoreCallOptions = OptionsOf<typeof STORE_OPTIONS>

const DELETE_MANY = {
  ...CALL,
  /** Leaves a lock behind: until it ends, `get` misses and `add`, `replace` and `cas` fail; `set` works. */
  lockMs: ttlOption(),
}
export const DELETE_MANY_OPTIONS = optionTable(DELETE_MANY)
/** Options of `deleteMulti`. */
export type DeleteManyOptions = OptionsOf<typeof DELETE_MANY_OPTIONS>

export const DELETE_OPTIONS = optionTable({
  ...DELETE_MANY,
  /** Deletes only the state that the token stands for. */
  cas: typedOption<CasToken>('a token of gets()', isCasToken),
})
/** Options of `delete`. */
export type DeleteCallOptions = OptionsOf<typeof DELETE_OPTIONS>

export const COUNTER_OPTIONS = optionTable({
  ...CALL,
  /** How long a counter that is created lives, in milliseconds; an existing one keeps its time to live. */
  ttlMs: ttlOption(),
  /** What a missing counter is taken to hold. Default: none, it stays missing. */
  initial: typedOption(
    'a number or a bigint',
    (value): value is number | bigint => typeof value === 'number' || typeof value === 'bigint',
  ),
  /** Answers with a `bigint`, however small the sum. Default: false. */
  bigint: booleanOption(false),
})
/** Options of `incr`, `decr` and `offsetMulti`. */
export type CounterOptions = OptionsOf<typeof COUNTER_OPTIONS>

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

/**
 * Answers under the caller's own keys. A key in neither map is a miss. A server that does not answer never rejects a
 * batch: its keys are in `failed`, whatever `whenUnavailable` says.
 */
export interface BatchAnswers<Key, Value> {
  readonly values: ReadonlyMap<Key, Value>
  readonly failed: ReadonlyMap<Key, Error>
}

/**
 * Whether a change was made. `false`: its condition did not hold. `undefined`, which only `whenUnavailable: 'miss'`
 * allows: the server did not answer, and it may have been made or not.
 */
export type Outcome<When extends WhenUnavailable> = boolean | Unanswered<When>
/** What a change resolves to whose server does not answer. */
export type Unanswered<When extends WhenUnavailable> = When extends 'miss' ? undefined : never

function ttlOption(): Option<number> {
  return numberOption({ above: 0, isUnlimited: true })
}

function isSerializer(value: unknown): value is ValueSerializer {
  if (typeof value !== 'object' || value === null) return false
  const { serialize, deserialize } = value as Partial<ValueSerializer>
  return typeof serialize === 'function' && typeof deserialize === 'function'
}

function isCommandCache(value: unknown): value is CommandCache {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<CommandCache>).arithmetic === 'function'
  )
}
