import {
  checkOptions,
  isServerFailure,
  isStorageError,
  StorageError,
  throwIfAborted,
  traceWork,
  untilAborted,
  type OptionTable,
} from '@larder/storage-core/base'
import type { CacheItem, CallOptions, ReadOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { checkValue } from '../protocol/index.js'
import { routeOf, wireKeyText, type ClientKey } from './client-keys.js'
import type {
  ClientCallOptions,
  ClientSettings,
  StoreCallOptions,
  Unanswered,
  VersionedValue,
  WhenUnavailable,
} from './client-options.js'
import { commandChannel } from './command-events.js'
import { LockableItems, type EncodedItem } from './lockable-items.js'
import type { Namespace } from './namespace.js'
import { withSharedDeadline } from './with-shared-deadline.js'
import { TREAT_AS_MISS, ValueCoder } from './values.js'

/** Checks the other arguments of a command, and returns what runs it. */
export type Prepare<T> = () => (wireKey: string, call: CallOptions | undefined) => Promise<T>

const NO_OPTIONS: ClientCallOptions = Object.freeze({})
const WITHOUT_TOKEN: ReadOptions = Object.freeze({ withoutToken: true })

/** For reads whose caller gets no token. */
export function withoutToken(call: CallOptions | undefined): ReadOptions {
  return call === undefined ? WITHOUT_TOKEN : { ...call, withoutToken: true }
}

/** What all commands of a client share: key mapping, codec and error policy. */
export class ClientCore<When extends WhenUnavailable = WhenUnavailable> {
  readonly cache: CommandCache
  readonly settings: ClientSettings
  readonly namespace: Namespace | undefined
  /** Commands about items among which there may be locks. */
  readonly items: LockableItems
  readonly #coder: ValueCoder
  #isClosed = false

  constructor(cache: CommandCache, settings: ClientSettings, namespace: Namespace | undefined) {
    this.cache = cache
    this.settings = settings
    this.namespace = namespace
    this.#coder = new ValueCoder(settings.serializer, settings.compression)
    this.items = new LockableItems(cache)
  }

  /** Later commands reject with `E_CLOSED`. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Checks the options, runs a command and publishes it. Where the client forgives its failure, the answer is
   * `otherwise`. Where nobody listens and nothing is forgiven, the promise of `ask` is the answer: each one around it
   * costs as much as the rest.
   */
  run<T, Otherwise>(
    command: string,
    keys: number,
    table: OptionTable,
    options: unknown,
    otherwise: (error: Error) => Otherwise,
    ask: () => Promise<T>,
  ): Promise<T | Otherwise> {
    const start = () => {
      this.#check(command, table, options)
      return ask()
    }
    if (this.#isWatched) return this.#runWatched(command, keys, otherwise, async () => start())
    try {
      return start()
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /**
   * As `run`, for a command about one key. `prepare` checks the arguments; what it returns runs with the key as it is
   * on the wire. Bad arguments and a bad key are refused before a namespace asks for its stamp.
   */
  runForKey<T>(
    command: string,
    table: OptionTable,
    key: ClientKey,
    options: ClientCallOptions | undefined,
    prepare: Prepare<T>,
  ): Promise<T | Unanswered<When>> {
    if (this.#isWatched)
      return this.#runWatched(command, 1, unanswered<When>, async () =>
        this.#askForKey(command, table, key, options, prepare),
      )
    try {
      return this.#askForKey(command, table, key, options, prepare)
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /**
   * The keys as they are on the wire. Bad keys are refused before a namespace asks for its stamp. That alone has a
   * time-out here: the commands that follow have their own.
   */
  async wireKeys(
    keys: readonly ClientKey[],
    options: ClientCallOptions | undefined,
  ): Promise<readonly string[]> {
    const { namespace, settings } = this
    const under = (prefix: string) => keys.map((key) => this.#text(key, prefix, options))
    if (namespace === undefined) return under(settings.keyPrefix)
    under(namespace.samplePrefix)
    throwIfAborted(options?.signal)
    const { prefix } = await untilAborted(namespace.stamp(), options?.signal)
    return under(prefix)
  }

  /** Refuses what would not fit, so that a batch with such a value fails before any of it is sent. */
  encode(value: unknown, options: StoreCallOptions | undefined): EncodedItem {
    const { bytes, flags } = this.#coder.encode(value)
    checkValue(bytes, this.cache.maxItemBytes)
    return { bytes, options: { flags, ttlMs: options?.ttlMs ?? this.settings.ttlMs } }
  }

  decode<T>(key: string, item: CacheItem | undefined): VersionedValue<T> | undefined {
    if (item === undefined) return undefined
    const value = this.#coder.decode(item.value, item.flags, key)
    return value === TREAT_AS_MISS ? undefined : { value: value as T, cas: item.cas }
  }

  /** As `decode`, without the token. */
  decodeValue(key: string, item: CacheItem): unknown {
    const value = this.#coder.decode(item.value, item.flags, key)
    return value === TREAT_AS_MISS ? undefined : value
  }

  /** Throws `E_UNSUPPORTED` for an item whose value would be lost or damaged by more bytes. */
  checkAppend(key: string, item: CacheItem): void {
    this.#coder.checkAppend(item.flags, key)
  }

  /** Flags of a counter that is created. */
  counterFlags(initial: number | bigint): number {
    return this.#coder.counterFlags(initial)
  }

  /** Whether the client turns the failure of a server into a miss, or a batch into a report. */
  static isForgivable(error: unknown): error is StorageError {
    return isStorageError(error) && isServerFailure(error.code)
  }

  /** Whether a call needs a promise around it: to publish it, or to forgive its failure. */
  get #isWatched(): boolean {
    return commandChannel.hasSubscribers || this.settings.whenUnavailable !== 'reject'
  }

  #askForKey<T>(
    command: string,
    table: OptionTable,
    key: ClientKey,
    options: ClientCallOptions | undefined,
    prepare: Prepare<T>,
  ): Promise<T> {
    this.#check(command, table, options)
    const { namespace, settings } = this
    const call = callFor(key, options)
    const run = prepare()
    if (namespace === undefined) return run(this.#text(key, settings.keyPrefix, options), call)
    this.#text(key, namespace.samplePrefix, options)
    return this.#under(namespace, call, (prefix, rest) => run(this.#text(key, prefix, options), rest))
  }

  #check(command: string, table: OptionTable, options: unknown): void {
    if (options !== undefined) checkOptions(command, table, options)
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The client was closed')
  }

  /** The question for the stamp is put for others too: a signal gives up this call alone. */
  #under<T>(
    namespace: Namespace,
    call: CallOptions | undefined,
    run: (prefix: string, call: CallOptions | undefined) => Promise<T>,
  ): Promise<T> {
    const ask = (rest: CallOptions | undefined) =>
      namespace.under(
        (prefix) => run(prefix, rest),
        ({ prefix, askedAt }) => withSharedDeadline(this.cache, rest, (last) => run(prefix, last), askedAt),
      )
    return call?.signal === undefined ? ask(call) : withSharedDeadline(this.cache, call, ask)
  }

  async #runWatched<T, Otherwise>(
    command: string,
    keys: number,
    otherwise: (error: Error) => Otherwise,
    ask: () => Promise<T>,
  ): Promise<T | Otherwise> {
    try {
      return await (commandChannel.hasSubscribers ? traceCommand(command, keys, ask) : ask())
    } catch (error) {
      if (this.settings.whenUnavailable === 'miss' && ClientCore.isForgivable(error)) return otherwise(error)
      throw error
    }
  }

  #text(key: ClientKey, prefix: string, options: ClientCallOptions | undefined): string {
    const keyPrefix = options?.keyPrefix
    const full = keyPrefix === undefined ? prefix : prefix + keyPrefix
    return wireKeyText(key, full, this.settings.invalidKeys)
  }
}

/** Called only where the client forgives the failure. */
export function unanswered<When extends WhenUnavailable>(): Unanswered<When> {
  return undefined as Unanswered<When>
}

/** What the cache is told about a call; undefined where there is nothing to tell. */
function callFor(key: ClientKey, options: ClientCallOptions | undefined): CallOptions | undefined {
  const routeBy = routeOf(key)
  const { signal, batch } = options ?? NO_OPTIONS
  const isPlain = routeBy === undefined && signal === undefined && batch === undefined
  return isPlain ? undefined : { signal, routeBy, batch }
}

function traceCommand<T>(operation: string, items: number, ask: () => Promise<T>): Promise<T> {
  return traceWork(commandChannel, { system: 'memcached', operation, items }, ask)
}
