import type { CallOptions, CasResult, CasToken } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { exptimeOf } from '../protocol/expiry.js'
import { ClientCore, integerOf, withoutToken } from './client-core.js'
import { routeOf, type ClientKey } from './client-keys.js'
import type {
  CounterOptions,
  DeleteCallOptions,
  MemcacheClientOptions,
  PeekedValue,
  StoreCallOptions,
  VersionedValue,
} from './client-options.js'
import type { Namespace } from './namespace.js'
import { together } from './together.js'
import type { PlainValue } from './plain-serializer.js'
import { textBytes } from './strict-forms.js'

/** The commands about one key. Bad keys and values are a `RangeError` or `TypeError` before any I/O. */
export abstract class ItemCommands {
  protected readonly core: ClientCore

  protected constructor(
    cache: CommandCache,
    options: MemcacheClientOptions,
    namespace: Namespace | undefined,
  ) {
    this.core = new ClientCore(cache, options, namespace)
  }

  /** Resolves to the value as the type that went in, null included; `undefined`: there is none. */
  get<T = PlainValue>(key: ClientKey, options?: CallOptions): Promise<T | undefined> {
    return this.#run('get', undefined, key, options, (wireKey, routed) =>
      this.core.cache.getAs(
        wireKey,
        (item) => this.core.decodeValue(wireKey, item) as T | undefined,
        withoutToken(routed),
      ),
    )
  }

  /** As `get`, with the token for `cas`. */
  gets<T = PlainValue>(key: ClientKey, options?: CallOptions): Promise<VersionedValue<T> | undefined> {
    return this.#run('gets', undefined, key, options, async (wireKey, routed) =>
      this.core.decode<T>(wireKey, await this.core.cache.get(wireKey, routed)),
    )
  }

  /** Looks without a trace, at locks too; rejects with `E_UNSUPPORTED` over the binary protocol. */
  peek<T = PlainValue>(key: ClientKey, options?: CallOptions): Promise<PeekedValue<T> | undefined> {
    return this.#run('peek', undefined, key, options, async (wireKey, routed) =>
      this.core.decodePeeked<T>(wireKey, await this.core.cache.peek(wireKey, routed)),
    )
  }

  /** As `get`, and sets a new time to live. Two round trips, since a lock that `delete` left must stay as it is. */
  getAndTouch<T = PlainValue>(
    key: ClientKey,
    ttlMs: number | undefined,
    options?: CallOptions,
  ): Promise<T | undefined> {
    const { cache } = this.core
    return this.#run('getAndTouch', undefined, key, options, (wireKey, routed) => {
      exptimeOf(ttlMs)
      return together(cache, routed, async (call) => {
        const found = this.core.decode<T>(wireKey, await cache.get(wireKey, call))
        if (found === undefined) return undefined
        return (await cache.touch(wireKey, ttlMs, call)) ? found.value : undefined
      })
    })
  }

  /** `true`: stored. */
  set(key: ClientKey, value: unknown, options?: StoreCallOptions): Promise<boolean> {
    return this.#run('set', false, key, options, (wireKey, routed) => {
      const item = this.core.encode(value, routed)
      return this.core.cache.put(wireKey, item.bytes, item.options)
    })
  }

  /** Stores only where nothing is; `false`: there is something, a lock that `delete` left included. */
  add(key: ClientKey, value: unknown, options?: StoreCallOptions): Promise<boolean> {
    return this.#run('add', false, key, options, (wireKey, routed) =>
      this.core.add(wireKey, this.core.encode(value, routed)),
    )
  }

  /** Stores only where something is. Two round trips, since a lock that `delete` left must not be replaced. */
  replace(key: ClientKey, value: unknown, options?: StoreCallOptions): Promise<boolean> {
    return this.#run('replace', false, key, options, (wireKey, routed) =>
      this.core.items.replace(wireKey, this.core.encode(value, routed)),
    )
  }

  /** Stores over the state that the token stands for. */
  cas(key: ClientKey, value: unknown, token: CasToken, options?: StoreCallOptions): Promise<CasResult> {
    return this.#run('cas', NOT_STORED, key, options, (wireKey, routed) => {
      const item = this.core.encode(value, routed)
      return this.core.cache.cas(wireKey, item.bytes, token, item.options)
    })
  }

  /**
   * Adds bytes at the end of a text or of bytes; `false`: no such item. `E_UNSUPPORTED` for an item whose value would be
   * lost or damaged: compressed, or JSON. Two round trips, as `getAndTouch`.
   */
  append(key: ClientKey, value: string | Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#extend('append', key, value, options)
  }

  /** Adds bytes at the start; otherwise as `append`. */
  prepend(key: ClientKey, value: string | Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#extend('prepend', key, value, options)
  }

  /** `'exists'`: the token stands for another state, or the server did not answer and the options forgive that. */
  delete(key: ClientKey, options: DeleteCallOptions = {}): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.#run('delete', 'exists', key, options, (wireKey, routed) =>
      this.core.items.delete(wireKey, routed),
    )
  }

  /** Sets a new time to live; `false`: no such item. Two round trips, as `getAndTouch`. */
  touch(key: ClientKey, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.#run('touch', false, key, options, (wireKey, routed = {}) => {
      exptimeOf(ttlMs)
      return this.core.items.change(wireKey, routed, (call) => this.core.cache.touch(wireKey, ttlMs, call))
    })
  }

  /** Counts up, around at 2^64; `undefined`: no such counter, and no initial value for it. */
  incr(
    key: ClientKey,
    delta: bigint | number = 1n,
    options: CounterOptions = {},
  ): Promise<bigint | undefined> {
    return this.#run('incr', undefined, key, options, (wireKey, routed) =>
      this.core.items.count(wireKey, this.core.counterStep(step(delta), routed)),
    )
  }

  /** Counts down, and stops at 0; `undefined`: as `incr`. */
  decr(
    key: ClientKey,
    delta: bigint | number = 1n,
    options: CounterOptions = {},
  ): Promise<bigint | undefined> {
    return this.#run('decr', undefined, key, options, (wireKey, routed) =>
      this.core.items.count(wireKey, this.core.counterStep(-step(delta), routed)),
    )
  }

  #run<T, Options extends CallOptions | undefined>(
    command: string,
    otherwise: T,
    key: ClientKey,
    options: Options,
    ask: (wireKey: string, options: Options) => Promise<T>,
  ): Promise<T> {
    return this.core.run(
      command,
      1,
      () => otherwise,
      () => {
        const routeBy = routeOf(key)
        const routed = routeBy === undefined ? options : { ...options, routeBy }
        return this.core.withKey(key, routed, ask)
      },
    )
  }

  #extend(
    command: 'append' | 'prepend',
    key: ClientKey,
    value: string | Uint8Array,
    options: CallOptions | undefined,
  ): Promise<boolean> {
    return this.#run(command, false, key, options, (wireKey, routed = {}) => {
      const bytes = typeof value === 'string' ? textBytes(value) : Buffer.from(value)
      return this.core.items.change(
        wireKey,
        routed,
        (call) => this.core.cache[command](wireKey, bytes, call),
        (item) => this.core.checkAppend(wireKey, item),
      )
    })
  }
}

const NOT_STORED: CasResult = Object.freeze({ status: 'exists' })

function step(delta: bigint | number): bigint {
  const value = integerOf(delta, 'A delta')
  if (value < 0n) throw new RangeError('A delta must not be negative; incr and decr are the two directions')
  return value
}
