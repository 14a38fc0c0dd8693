import {
  checkOptionNames,
  isStorageError,
  type StorageError,
  type StorageErrorCode,
} from '@larder/storage-core/base'
import { channel } from 'node:diagnostics_channel'
import type { CacheItem, CallOptions, PeekedItem, ReadOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { checkCounter } from '../protocol/counter.js'
import { exptimeOf } from '../protocol/expiry.js'
import { checkValue } from '../protocol/limits.js'
import { wireKeyText, type ClientKey } from './client-keys.js'
import {
  CLIENT_NAMES,
  COUNTER_NAMES,
  DEFAULT_CLIENT_OPTIONS,
  type CounterOptions,
  type MemcacheClientOptions,
  type PeekedValue,
  STORE_NAMES,
  type StoreCallOptions,
  type VersionedValue,
} from './client-options.js'
import { LockableItems, type CounterStep, type EncodedItem } from './lockable-items.js'
import type { Namespace } from './namespace.js'
import { together } from './together.js'
import { isLock } from './value-flags.js'
import { TREAT_AS_MISS, ValueCoder } from './values.js'

/** What is published for each command where somebody listens. */
export interface CommandEvent {
  readonly command: string
  /** How many keys it is about; 0 for commands to the servers themselves. */
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
const WITHOUT_TOKEN: ReadOptions = Object.freeze({ withoutToken: true })

/** For reads whose caller gets no token. */
export function withoutToken(options: CallOptions | undefined): ReadOptions {
  return options === undefined ? WITHOUT_TOKEN : { ...options, withoutToken: true }
}

/** What all commands of a client share: its keys, its values, its way with errors. */
export class ClientCore {
  readonly cache: CommandCache
  readonly options: Required<MemcacheClientOptions>
  readonly namespace: Namespace | undefined
  /** What is done to items among which there may be locks. */
  readonly items: LockableItems
  readonly #coder: ValueCoder

  constructor(cache: CommandCache, options: MemcacheClientOptions, namespace: Namespace | undefined) {
    checkOptionNames('MemcacheClient', options, CLIENT_NAMES)
    this.cache = cache
    this.options = checked({ ...DEFAULT_CLIENT_OPTIONS, ...options })
    this.namespace = namespace
    this.#coder = new ValueCoder(this.options.serializer, this.options.compression)
    this.items = new LockableItems(cache, this.#coder.counterFlags)
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
  withKey<T, Options extends CallOptions | undefined>(
    key: ClientKey,
    options: Options,
    run: (wireKey: string, options: Options) => Promise<T>,
  ): Promise<T> {
    if (this.namespace === undefined) return run(this.#text(key, this.options.prefix), options)
    return this.#under(this.namespace, options, (prefix, call) => run(this.#text(key, prefix), call))
  }

  /** Runs a command with the keys as they are on the wire. */
  async withKeys<T, Options extends CallOptions | undefined>(
    keys: readonly ClientKey[],
    keyPrefix: string,
    options: Options,
    run: (wireKeys: readonly string[], options: Options) => Promise<T>,
  ): Promise<T> {
    const ask = (prefix: string, call: Options) => {
      const full = prefix + keyPrefix
      const wireKeys = keys.map((key) => this.#text(key, full))
      return run(wireKeys, call)
    }
    return this.namespace === undefined
      ? ask(this.options.prefix, options)
      : this.#under(this.namespace, options, ask)
  }

  /** Refuses what would not fit, so that a batch with such a value fails before any of it is sent. */
  encode(value: unknown, options: StoreCallOptions | undefined): EncodedItem {
    if (options !== undefined) checkOptionNames('A store', options, STORE_NAMES)
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

  /** Throws `E_UNSUPPORTED` for an item whose value would be lost or damaged by more bytes. */
  checkAppend(key: string, item: CacheItem): void {
    this.#coder.checkAppend(item.flags, key)
  }

  decodePeeked<T>(key: string, item: PeekedItem | undefined): PeekedValue<T> | undefined {
    if (item === undefined) return undefined
    const { cas, ttlMs, idleMs, wasRead } = item
    const lockMs = isLock(item) ? ttlMs : undefined
    return { value: this.decode<T>(key, item)?.value, cas, ttlMs, idleMs, wasRead, lockMs }
  }

  async add(key: string, item: EncodedItem): Promise<boolean> {
    return (await this.cache.add(key, item.bytes, item.options)) !== undefined
  }

  /** What is asked of a counter. Bad options are a `RangeError` or `TypeError`. */
  counterStep(delta: bigint, options: CounterOptions | undefined): CounterStep {
    if (options !== undefined) checkOptionNames('A counter', options, COUNTER_NAMES)
    const { initial, ttlMs = this.options.ttlMs, signal, routeBy } = options ?? {}
    checkCounter(delta < 0n ? -delta : delta, 'A delta')
    exptimeOf(ttlMs)
    const first = initial === undefined ? undefined : checkCounter(integerOf(initial, 'initial'), 'initial')
    return { delta, initial: first, ttlMs, signal, routeBy }
  }

  /** The question for the stamp is put for others too: a signal gives up this call alone. */
  #under<T, Options extends CallOptions | undefined>(
    namespace: Namespace,
    options: Options,
    run: (prefix: string, options: Options) => Promise<T>,
  ): Promise<T> {
    const ask = (call: Options) =>
      namespace.under(
        (prefix) => run(prefix, call),
        ({ prefix, askedAt }) => together(this.cache, call, (rest) => run(prefix, rest), askedAt),
      )
    return options?.signal === undefined ? ask(options) : together(this.cache, options, ask)
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

  #text(key: ClientKey, prefix: string): string {
    return wireKeyText(key, prefix, this.options.unfitKeys)
  }
}

/** A number or `bigint` that is whole; anything else is a `TypeError` or `RangeError`. */
export function integerOf(value: unknown, what: string): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new TypeError(`${what} must be a number or a bigint, not ${typeof value}`)
  return BigInt(value)
}

function checked(options: Required<MemcacheClientOptions>): Required<MemcacheClientOptions> {
  const { unfitKeys, whenUnavailable, ttlMs } = options
  if (!['refuse', 'hash'].includes(unfitKeys))
    throw new RangeError(`There is no way ${unfitKeys} with unfit keys`)
  if (!['reject', 'miss'].includes(whenUnavailable))
    throw new RangeError(`There is no way ${whenUnavailable} with servers that do not answer`)
  exptimeOf(ttlMs)
  return options
}

function isForgiven(error: unknown): error is StorageError {
  return isStorageError(error) && FORGIVEN.has(error.code)
}
