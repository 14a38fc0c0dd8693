import type { CacheBatch, CacheItem, CasResult, CasToken, ItemState, PeekedItem } from '../cache.js'
import type { CasId } from './cas-id.js'

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

/** Reads an item and resolves to what `as` makes of it; where `as` throws, the promise rejects. */
export interface Get<T = unknown> {
  readonly kind: 'get'
  readonly key: WireKey
  readonly as: (item: CacheItem) => T
  /** Set: the read also sets a new time to live. */
  readonly exptime: number | undefined
}

/** `state`: an item without its bytes. `peek`: an item and its times, without a trace. */
export interface Lookup<K extends 'state' | 'peek'> {
  readonly kind: K
  readonly key: WireKey
}

/** `put` is `set` without a token. */
export type StoreKind = 'set' | 'put' | 'add' | 'replace' | 'append' | 'prepend'

export interface Store<K extends StoreKind = StoreKind> extends WireItem {
  readonly kind: K
}

/** Stores over the state that the token stands for. */
export interface Cas extends WireItem {
  readonly kind: 'cas'
  readonly token: CasId
}

export interface Delete {
  readonly kind: 'delete'
  readonly key: WireKey
  /** Set: deletes only the state that it stands for. */
  readonly token: CasId | undefined
}

export interface Touch {
  readonly kind: 'touch'
  readonly key: WireKey
  readonly exptime: number
}

/** Adds to a counter: `delta` has 64 bits and a sign; `initial` is what a counter that is created will hold. */
export interface Count {
  readonly kind: 'count'
  readonly key: WireKey
  readonly delta: bigint
  readonly initial: bigint | undefined
  readonly exptime: number
}

/** One round trip for all keys. */
export interface GetMulti {
  readonly kind: 'getMulti'
  readonly keys: readonly WireKey[]
}

/** One round trip for all items; resolves to those that were not stored. */
export interface SetMulti {
  readonly kind: 'setMulti'
  readonly items: readonly WireItem[]
}

export interface FlushAll {
  readonly kind: 'flushAll'
  readonly delaySeconds: number
}

export interface Stats {
  readonly kind: 'stats'
  readonly topic: string
}

export interface Version {
  readonly kind: 'version'
}

/** Each command about one key, by its kind. */
interface KeyCommands {
  readonly get: Get
  readonly state: Lookup<'state'>
  readonly peek: Lookup<'peek'>
  readonly set: Store<'set'>
  readonly put: Store<'put'>
  readonly add: Store<'add'>
  readonly replace: Store<'replace'>
  readonly append: Store<'append'>
  readonly prepend: Store<'prepend'>
  readonly cas: Cas
  readonly delete: Delete
  readonly touch: Touch
  readonly count: Count
}

export type KeyKind = keyof KeyCommands
export type KeyCommand<K extends KeyKind = KeyKind> = KeyCommands[K]
/** The commands to a server itself. */
export type ServerCommand = FlushAll | Stats | Version
/** What a server can be asked, as data: every protocol writes it and reads its replies. */
export type Command = KeyCommand | Store | GetMulti | SetMulti | ServerCommand

/** What each kind of command resolves to; a `get` to what its `as` makes of the item. */
export interface Results {
  readonly get: unknown
  readonly state: ItemState | undefined
  readonly peek: PeekedItem | undefined
  readonly set: CasToken
  readonly put: true
  readonly add: CasToken | undefined
  readonly replace: CasToken | undefined
  readonly append: boolean
  readonly prepend: boolean
  readonly cas: CasResult
  readonly delete: 'deleted' | 'exists' | 'not-found'
  readonly touch: boolean
  readonly count: bigint | undefined
  readonly getMulti: CacheBatch
  readonly setMulti: ReadonlyMap<string, Error>
  readonly flushAll: true
  readonly stats: ReadonlyMap<string, string>
  readonly version: string
}

export type ResultOf<C extends Command> = C extends Get<infer T> ? T | undefined : Results[C['kind']]

/** How a protocol reads the one reply to each kind of command about one key; what a reader throws rejects the call. */
export type ReplyReaders<Frame> = {
  readonly [K in KeyKind]: (frame: Frame, from: object, command: KeyCommand<K>) => Results[K]
}

/** What the queue holds of a command beside its key and value. */
const OVERHEAD_BYTES = 64

/** How much the queue holds because of a command. */
export function bytesOf(command: Command): number {
  if ('value' in command) return itemBytes(command)
  if ('key' in command) return command.key.bytes + OVERHEAD_BYTES
  if ('keys' in command) return command.keys.reduce((sum, key) => sum + key.bytes + OVERHEAD_BYTES, 0)
  if ('items' in command) return command.items.reduce((sum, item) => sum + itemBytes(item), 0)
  return OVERHEAD_BYTES
}

function itemBytes({ key, value }: WireItem): number {
  return key.bytes + value.byteLength + OVERHEAD_BYTES
}

/** Whether it changes nothing, so that it may be sent a second time. */
export function isRead(command: Command): boolean {
  switch (command.kind) {
    case 'get':
      return command.exptime === undefined
    case 'stats':
      return command.topic !== 'reset'
    case 'state':
    case 'peek':
    case 'getMulti':
    case 'version':
      return true
    default:
      return false
  }
}

/** The one connection that may carry it; undefined: any. */
export function boundTo(command: Command): object | undefined {
  return 'token' in command ? command.token?.origin : undefined
}

/** Once aborted, a store is no longer the caller's, and still on its way: it must not see later changes. */
export function withOwnBytes<C extends Command>(command: C): C {
  if ('value' in command) return { ...command, value: Buffer.from(command.value) }
  if ('items' in command) {
    return { ...command, items: command.items.map((item) => ({ ...item, value: Buffer.from(item.value) })) }
  }
  return command
}
