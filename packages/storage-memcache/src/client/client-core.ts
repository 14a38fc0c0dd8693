import { isStorageError, type StorageError, type StorageErrorCode } from '@larder/storage-core'
import { channel } from 'node:diagnostics_channel'
import type { CacheItem, CallOptions, ItemOptions, PeekedItem, ReadOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { addToCounter, checkCounter } from '../protocol/counter.js'
import { checkValue } from '../protocol/limits.js'
import { wireKeyText, type ClientKey } from './client-keys.js'
import {
  DEFAULT_CLIENT_OPTIONS,
  type CounterOptions,
  type DeleteCallOptions,
  type MemcacheClientOptions,
  type PeekedValue,
  type StoreCallOptions,
  type VersionedValue,
} from './client-options.js'
import type { Namespace } from './namespace.js'
import { ValueFlag } from './value-flags.js'
import { TREAT_AS_MISS, ValueCoder } from './values.js'

/** What is published for each command where somebody listens. */
export interface CommandEvent {
  readonly command: string
  /** How many keys it is about. */
  readonly keys: number
  readonly durationMs: number
  /** Undefined where it succeeded. */
  readonly error: unknown
}

/** The name of the `node:diagnostics_channel` on which a `CommandEvent` is published for each command. */
export const COMMAND_CHANNEL = 'larder:memcache:command'
const commands = channel(COMMAND_CHANNEL)

/** What `whenUnavailable: 'miss'` forgives: the server's troubles, not the caller's and not damaged items. */
const FORGIVEN: ReadonlySet<StorageErrorCode> = new Set([
  'E_CACHE_UNAVAILABLE',
  'E_TIMEOUT',
  'E_OVERLOADED',
  'E_SERVER',
])
const NO_VALUE = Buffer.alloc(0)

const WITHOUT_TOKEN: ReadOptions = Object.freeze({ withoutToken: true })

/** For reads whose caller gets no token. */
export function withoutToken(options: CallOptions | undefined): ReadOptions {
  return options === undefined ? WITHOUT_TOKEN : { ...options, withoutToken: true }
}

/** A value as it is stored. */
export interface EncodedItem {
  readonly bytes: Uint8Array
  readonly options: ItemOptions & CallOptions
}

/** What all commands of a client share: its keys, its values, its way with errors. */
export class ClientCore {
  readonly cache: CommandCache
  readonly options: Required<MemcacheClientOptions>
  readonly namespace: Namespace | undefined
  readonly #coder: ValueCoder

  constructor(cache: CommandCache, options: MemcacheClientOptions, namespace: Namespace | undefined) {
    this.cache = cache
    this.options = { ...DEFAULT_CLIENT_OPTIONS, ...options }
    this.namespace = namespace
    this.#coder = new ValueCoder(this.options.serializer, this.options.compression)
  }

  /**
   * Runs a command, reports it, and answers with `otherwise` where the options forgive its failure. Where nobody
   * listens and nothing is forgiven, the promise of `ask` is the answer: each one around it costs as much as the rest.
   */
  run<T>(command: string, keys: number, otherwise: (error: Error) => T, ask: () => Promise<T>): Promise<T> {
    if (commands.hasSubscribers || this.options.whenUnavailable !== 'reject')
      return this.#runWatched(command, keys, otherwise, ask)
    try {
      return ask()
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /** Without the failures of servers where the options forgive them: those keys are misses. */
  report<Key>(failed: ReadonlyMap<Key, Error>): ReadonlyMap<Key, Error> {
    if (this.options.whenUnavailable === 'reject') return failed
    return new Map([...failed].filter(([, error]) => !isForgiven(error)))
  }

  /** Runs a command with the key as it is on the wire. */
  withKey<T>(key: ClientKey, run: (wireKey: string) => Promise<T>): Promise<T> {
    if (this.namespace === undefined) return run(this.#text(key, this.options.prefix))
    return this.namespace.under((prefix) => run(this.#text(key, prefix)))
  }

  async keys(keys: readonly ClientKey[], keyPrefix = ''): Promise<readonly string[]> {
    const prefix =
      (this.namespace === undefined ? this.options.prefix : await this.namespace.prefix()) + keyPrefix
    return keys.map((key) => this.#text(key, prefix))
  }

  /** Refuses what would not fit, so that a batch with such a value fails before any of it is sent. */
  encode(value: unknown, options: StoreCallOptions | undefined): EncodedItem {
    const { bytes, flags } = this.#coder.encode(value)
    checkValue(bytes, this.cache.maxItemBytes)
    const ttlMs = options !== undefined && 'ttlMs' in options ? options.ttlMs : this.options.ttlMs
    return { bytes, options: { flags, ttlMs, signal: options?.signal, routeBy: options?.routeBy } }
  }

  decode<T>(key: string, item: CacheItem | undefined): VersionedValue<T> | undefined {
    if (item === undefined) return undefined
    const value = this.#coder.decode(item.value, item.flags, key)
    return value === TREAT_AS_MISS ? undefined : { value: value as T, cas: item.cas }
  }

  /** As `decode`, without the token. */
  decodeValue(key: string, item: CacheItem | undefined): unknown {
    if (item === undefined) return undefined
    const value = this.#coder.decode(item.value, item.flags, key)
    return value === TREAT_AS_MISS ? undefined : value
  }

  decodePeeked<T>(key: string, item: PeekedItem | undefined): PeekedValue<T> | undefined {
    if (item === undefined) return undefined
    const { cas, ttlMs, idleMs, wasRead } = item
    const lockMs = isLock(item) ? ttlMs : undefined
    return { value: this.decode<T>(key, item)?.value, cas, ttlMs, idleMs, wasRead, lockMs }
  }

  /** Changes an item where there is one; a lock that a deletion left stays as it is. */
  async change(
    key: string,
    options: CallOptions | undefined,
    change: () => Promise<boolean>,
  ): Promise<boolean> {
    const found = await this.cache.get(key, options)
    return found !== undefined && !isLock(found) && change()
  }

  async add(key: string, item: EncodedItem): Promise<boolean> {
    return (await this.cache.add(key, item.bytes, item.options)) !== undefined
  }

  /** Two round trips, since a lock that a deletion left must not be replaced. */
  async replace(key: string, item: EncodedItem): Promise<boolean> {
    for (;;) {
      const found = await this.cache.get(key, item.options)
      if (found === undefined || isLock(found)) return false
      const { status } = await this.cache.cas(key, item.bytes, found.cas, item.options)
      if (status !== 'exists') return status === 'stored'
    }
  }

  /** With `lockMs`, leaves a lock behind. */
  delete(key: string, options: DeleteCallOptions): Promise<'deleted' | 'exists' | 'not-found'> {
    return options.lockMs === undefined
      ? this.cache.delete(key, options)
      : this.#lock(key, options.lockMs, options)
  }

  async #runWatched<T>(
    command: string,
    keys: number,
    otherwise: (error: Error) => T,
    ask: () => Promise<T>,
  ): Promise<T> {
    const start = commands.hasSubscribers ? performance.now() : 0
    let failure: unknown
    try {
      return await ask()
    } catch (error) {
      failure = error
      if (this.options.whenUnavailable === 'miss' && isForgiven(error)) return otherwise(error)
      throw error
    } finally {
      if (start !== 0) {
        const event: CommandEvent = { command, keys, durationMs: performance.now() - start, error: failure }
        commands.publish(event)
      }
    }
  }

  async #lock(
    key: string,
    lockMs: number,
    options: DeleteCallOptions,
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    const { cas, signal, routeBy } = options
    const lock = { flags: ValueFlag.deletionLock, ttlMs: lockMs, signal, routeBy }
    if (cas !== undefined) {
      const { status } = await this.cache.cas(key, NO_VALUE, cas, lock)
      return status === 'stored' ? 'deleted' : status
    }
    const item = await this.cache.get(key, { signal, routeBy })
    await this.cache.set(key, NO_VALUE, lock)
    return item === undefined || isLock(item) ? 'not-found' : 'deleted'
  }

  /** A lock reads as a counter that is not there; an initial value takes its place. */
  async count(key: string, delta: bigint, options: CounterOptions = {}): Promise<bigint | undefined> {
    const { ttlMs = this.options.ttlMs, signal, routeBy } = options
    const initial =
      options.initial === undefined ? undefined : checkCounter(BigInt(options.initial), 'initial')
    try {
      return await this.cache.arithmetic(key, delta, { initial, ttlMs, signal, routeBy })
    } catch (error) {
      if (!isStorageError(error, 'E_SERVER')) throw error
      const item = await this.cache.get(key, { signal, routeBy })
      if (item === undefined || !isLock(item)) throw error
      if (initial === undefined) return undefined
      const sum = addToCounter(initial, delta)
      const result = await this.cache.cas(key, Buffer.from(String(sum)), item.cas, { ttlMs, signal, routeBy })
      return result.status === 'stored' ? sum : this.count(key, delta, options)
    }
  }

  #text(key: ClientKey, prefix: string): string {
    return wireKeyText(key, prefix, this.options.unfitKeys)
  }
}

/** Whether it is no value, but what a deletion with a lock left behind. */
function isLock(item: CacheItem): boolean {
  return (item.flags & ValueFlag.deletionLock) !== 0
}

function isForgiven(error: unknown): error is StorageError {
  return isStorageError(error) && FORGIVEN.has(error.code)
}
