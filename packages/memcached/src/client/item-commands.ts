import { wrongType } from '@larder/storage-core/base'
import { isCasToken, type CasToken } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { exptimeOf } from '../protocol/index.js'
import { ClientCore, withoutToken } from './client-core.js'
import type { ClientKey } from './client-keys.js'
import {
  CALL_OPTIONS,
  COUNTER_OPTIONS,
  DELETE_OPTIONS,
  STORE_OPTIONS,
  type ClientCallOptions,
  type ClientSettings,
  type CounterOptions,
  type DeleteCallOptions,
  type Outcome,
  type PeekedValue,
  type StoreCallOptions,
  type Unanswered,
  type VersionedValue,
  type WhenUnavailable,
} from './client-options.js'
import { counterStep, distanceOf, sumFor } from './counter-steps.js'
import { routed, type EncodedItem } from './lockable-items.js'
import type { Namespace } from './namespace.js'
import { peekedValue } from './peeked-value.js'
import { withSharedDeadline } from './with-shared-deadline.js'
import type { PlainValue } from './plain-serializer.js'
import { textBytes } from './strict-forms.js'

/** The commands about one key. Bad arguments are a `RangeError` or `TypeError` before any I/O. */
export abstract class ItemCommands<When extends WhenUnavailable> {
  protected readonly core: ClientCore<When>

  protected constructor(cache: CommandCache, settings: ClientSettings, namespace: Namespace | undefined) {
    this.core = new ClientCore(cache, settings, namespace)
  }

  /** Resolves to the value as the type that went in, null included; `undefined`: there is none. */
  get<T = PlainValue>(key: ClientKey, options?: ClientCallOptions): Promise<T | undefined> {
    const { core } = this
    return this.core.runForKey(
      'get',
      CALL_OPTIONS,
      key,
      options,
      () => (wireKey, call) =>
        core.cache.getAs(
          wireKey,
          (item) => core.decodeValue(wireKey, item) as T | undefined,
          withoutToken(call),
        ),
    )
  }

  /** As `get`, with the token for `cas`. */
  gets<T = PlainValue>(key: ClientKey, options?: ClientCallOptions): Promise<VersionedValue<T> | undefined> {
    return this.core.runForKey(
      'gets',
      CALL_OPTIONS,
      key,
      options,
      () => async (wireKey, call) => this.core.decode<T>(wireKey, await this.core.cache.get(wireKey, call)),
    )
  }

  /** Reads without counting as a use, locks too; rejects with `E_UNSUPPORTED` over the binary protocol. */
  peek<T = PlainValue>(key: ClientKey, options?: ClientCallOptions): Promise<PeekedValue<T> | undefined> {
    const { core } = this
    return this.core.runForKey('peek', CALL_OPTIONS, key, options, () => async (wireKey, call) => {
      const item = await core.cache.peek(wireKey, call)
      return item && peekedValue(item, core.decode<T>(wireKey, item)?.value)
    })
  }

  /** As `get`, and sets a new time to live. Two round trips, since a lock that `delete` left must stay as it is. */
  getAndTouch<T = PlainValue>(
    key: ClientKey,
    ttlMs: number | undefined,
    options?: ClientCallOptions,
  ): Promise<T | undefined> {
    const { cache } = this.core
    return this.core.runForKey('getAndTouch', CALL_OPTIONS, key, options, () => {
      exptimeOf(ttlMs)
      return (wireKey, call) =>
        withSharedDeadline(cache, call, async (rest) => {
          const found = this.core.decode<T>(wireKey, await cache.get(wireKey, rest))
          if (found === undefined) return undefined
          return (await cache.touch(wireKey, ttlMs, rest)) ? found.value : undefined
        })
    })
  }

  /** `true`: stored. */
  set(key: ClientKey, value: unknown, options?: StoreCallOptions): Promise<true | Unanswered<When>> {
    return this.#store('set', key, value, options, (wireKey, item) =>
      this.core.cache.put(wireKey, item.bytes, item.options),
    )
  }

  /** Stores only where nothing is; `false`: there is something, a lock that `delete` left included. */
  add(key: ClientKey, value: unknown, options?: StoreCallOptions): Promise<Outcome<When>> {
    return this.#store('add', key, value, options, (wireKey, item) => this.core.items.add(wireKey, item))
  }

  /** Stores only where something is. Two round trips, since a lock that `delete` left must not be replaced. */
  replace(key: ClientKey, value: unknown, options?: StoreCallOptions): Promise<Outcome<When>> {
    return this.#store('replace', key, value, options, (wireKey, item) =>
      this.core.items.replace(wireKey, item),
    )
  }

  /** Stores only over the state that the token stands for; `false`: it was changed, is gone, or the token is void. */
  cas(key: ClientKey, value: unknown, token: CasToken, options?: StoreCallOptions): Promise<Outcome<When>> {
    const check = () => {
      if (!isCasToken(token)) throw wrongType('token', 'a token of gets()', token)
    }
    return this.#store(
      'cas',
      key,
      value,
      options,
      (wireKey, item) => this.core.items.cas(wireKey, item, token),
      check,
    )
  }

  /**
   * Adds bytes at the end of a text or of bytes; `false`: no such item. `E_UNSUPPORTED` for an item whose value would be
   * lost or damaged: compressed, or JSON. Two round trips, as `getAndTouch`.
   */
  append(key: ClientKey, value: string | Uint8Array, options?: ClientCallOptions): Promise<Outcome<When>> {
    return this.#extend('append', key, value, options)
  }

  /** Adds bytes at the start; otherwise as `append`. */
  prepend(key: ClientKey, value: string | Uint8Array, options?: ClientCallOptions): Promise<Outcome<When>> {
    return this.#extend('prepend', key, value, options)
  }

  /** `true`: deleted. `false`: there was nothing, or not the state that `options.cas` stands for. */
  delete(key: ClientKey, options?: DeleteCallOptions): Promise<Outcome<When>> {
    return this.core.runForKey(
      'delete',
      DELETE_OPTIONS,
      key,
      options,
      () => (wireKey, call) => this.core.items.delete(wireKey, options, call),
    )
  }

  /** Sets a new time to live; `false`: no such item. Two round trips, as `getAndTouch`. */
  touch(key: ClientKey, ttlMs: number | undefined, options?: ClientCallOptions): Promise<Outcome<When>> {
    return this.core.runForKey('touch', CALL_OPTIONS, key, options, () => {
      exptimeOf(ttlMs)
      return (wireKey, call) =>
        this.core.items.change(wireKey, call, (rest) => this.core.cache.touch(wireKey, ttlMs, rest))
    })
  }

  /**
   * Counts up, around at 2^64; `undefined`: no such counter, and no initial value for it. A sum that is no safe integer
   * is `E_UNSUPPORTED` unless `options.bigint` asks for it; the counter was changed all the same. The server counts
   * whatever consists of digits: a stored boolean (0 or 1) and text of digits too. A boolean is `E_CORRUPT` afterwards,
   * unless its digit is 0 or 1 again.
   */
  incr(
    key: ClientKey,
    delta: bigint | number | undefined,
    options: CounterOptions & { readonly bigint: true },
  ): Promise<bigint | undefined>
  incr(
    key: ClientKey,
    delta?: bigint | number,
    options?: CounterOptions & { readonly bigint?: false | undefined },
  ): Promise<number | undefined>
  incr(
    key: ClientKey,
    delta: bigint | number = 1,
    options?: CounterOptions,
  ): Promise<bigint | number | undefined> {
    return this.#count('incr', key, () => distanceOf(delta), options)
  }

  /** Counts down, and stops at 0; otherwise as `incr`. */
  decr(
    key: ClientKey,
    delta: bigint | number | undefined,
    options: CounterOptions & { readonly bigint: true },
  ): Promise<bigint | undefined>
  decr(
    key: ClientKey,
    delta?: bigint | number,
    options?: CounterOptions & { readonly bigint?: false | undefined },
  ): Promise<number | undefined>
  decr(
    key: ClientKey,
    delta: bigint | number = 1,
    options?: CounterOptions,
  ): Promise<bigint | number | undefined> {
    return this.#count('decr', key, () => -distanceOf(delta), options)
  }

  #count(
    command: string,
    key: ClientKey,
    delta: () => bigint,
    options: CounterOptions | undefined,
  ): Promise<bigint | number | undefined> {
    return this.core.runForKey(command, COUNTER_OPTIONS, key, options, () => {
      const step = counterStep(this.core, delta(), options)
      return async (wireKey, call) =>
        sumFor(await this.core.items.count(wireKey, { ...step, ...call }), wireKey, options?.bigint)
    })
  }

  #store<T>(
    command: string,
    key: ClientKey,
    value: unknown,
    options: StoreCallOptions | undefined,
    store: (wireKey: string, item: EncodedItem) => Promise<T>,
    check?: () => void,
  ): Promise<T | Unanswered<When>> {
    return this.core.runForKey(command, STORE_OPTIONS, key, options, () => {
      check?.()
      const item = this.core.encode(value, options)
      return (wireKey, call) => store(wireKey, routed(item, call))
    })
  }

  #extend(
    command: 'append' | 'prepend',
    key: ClientKey,
    value: string | Uint8Array,
    options: ClientCallOptions | undefined,
  ): Promise<Outcome<When>> {
    return this.core.runForKey(command, CALL_OPTIONS, key, options, () => {
      if (typeof value !== 'string' && !(value instanceof Uint8Array))
        throw wrongType('value', 'text or bytes', value)
      const bytes = typeof value === 'string' ? textBytes(value) : Buffer.from(value)
      return (wireKey, call) =>
        this.core.items.change(
          wireKey,
          call,
          (rest) => this.core.cache[command](wireKey, bytes, rest),
          (item) => this.core.checkAppend(wireKey, item),
        )
    })
  }
}
