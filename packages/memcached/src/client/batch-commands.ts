import { wrongType } from '@larder/storage-core/base'
import { isCasToken, type CacheItem, type CallOptions, type CasToken } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { entriesOf, keysOf } from './batch-members.js'
import { BatchRunner, type Batch } from './batch-runner.js'
import { withoutToken } from './client-core.js'
import type { ClientKey } from './client-keys.js'
import {
  CALL_OPTIONS,
  COUNTER_OPTIONS,
  DELETE_MANY_OPTIONS,
  STORE_OPTIONS,
  type BatchAnswers,
  type ClientCallOptions,
  type ClientSettings,
  type CounterOptions,
  type DeleteManyOptions,
  type StoreCallOptions,
  type VersionedValue,
  type WhenUnavailable,
} from './client-options.js'
import { counterStep, integerOf, sumFor } from './counter-steps.js'
import { ItemCommands } from './item-commands.js'
import { routed, type EncodedItem } from './lockable-items.js'
import type { Namespace } from './namespace.js'
import type { PlainValue } from './plain-serializer.js'

/**
 * The commands about many keys. Bad arguments are a `RangeError` or `TypeError` before any I/O. A batch may have any size:
 * what finds no place in the queue of a server waits for one, and a time-out counts from then.
 */
export abstract class BatchCommands<When extends WhenUnavailable> extends ItemCommands<When> {
  readonly #batches: BatchRunner

  protected constructor(cache: CommandCache, settings: ClientSettings, namespace: Namespace | undefined) {
    super(cache, settings, namespace)
    this.#batches = new BatchRunner(this.core)
  }

  /** One round trip a server for each 1,000 keys. */
  getMulti<T = PlainValue, Key extends ClientKey = ClientKey>(
    keys: Iterable<Key>,
    options?: ClientCallOptions,
  ): Promise<BatchAnswers<Key, T>> {
    return this.#read('getMulti', keys, options, withoutToken, (wireKey, item) => {
      return item && (this.core.decodeValue(wireKey, item) as T | undefined)
    })
  }

  /** As `getMulti`, with the tokens for `cas`. */
  getsMulti<T = PlainValue, Key extends ClientKey = ClientKey>(
    keys: Iterable<Key>,
    options?: ClientCallOptions,
  ): Promise<BatchAnswers<Key, VersionedValue<T>>> {
    return this.#read('getsMulti', keys, options, own, (wireKey, item) => this.core.decode<T>(wireKey, item))
  }

  /** `true` for each key that was stored. One round trip a server for each 1,000 keys. Too large a value rejects the whole batch. */
  setMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions,
  ): Promise<BatchAnswers<Key, true>> {
    return this.#batches.inOneCommand(
      this.#stores('setMulti', () => entriesOf(entries, 2), options),
      async (wireKeys, call, group) => {
        const items = group.map(([, item], i) => {
          return { key: wireKeys[i] as string, value: item.bytes, ...item.options }
        })
        const refused = await this.core.cache.setMulti(items, call)
        return (_, wireKey) => {
          const error = refused.get(wireKey)
          if (error !== undefined) throw error
          return true
        }
      },
    )
  }

  /** `true` for each key under which something was stored, `false` where there was something. */
  addMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const batch = this.#stores('addMulti', () => entriesOf(entries, 2), options)
    return this.#batches.each(batch, (wireKey, call, [, item]) =>
      this.core.items.add(wireKey, routed(item, call)),
    )
  }

  /** `true` for each key under which something was replaced, `false` where there was nothing. */
  replaceMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const batch = this.#stores('replaceMulti', () => entriesOf(entries, 2), options)
    return this.#batches.each(batch, (wireKey, call, [, item]) =>
      this.core.items.replace(wireKey, routed(item, call)),
    )
  }

  /** Each entry is a key, a value and the token of the state that it may be stored over; answers as those of `cas`. */
  casMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown, CasToken]>,
    options?: StoreCallOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const prepare = () =>
      entriesOf(entries, 3).map(([key, value, token]) => {
        if (!isCasToken(token)) throw wrongType('token', 'a token of gets()', token)
        return [key, this.core.encode(value, options), token] as const
      })
    return this.#batches.each(
      { command: 'casMulti', table: STORE_OPTIONS, options, prepare, keyOf: first },
      (wireKey, call, [, item, token]) => this.core.items.cas(wireKey, routed(item, call), token),
    )
  }

  /** `true` for each key that was deleted, `false` where there was nothing. */
  deleteMulti<Key extends ClientKey>(
    keys: Iterable<Key>,
    options?: DeleteManyOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const prepare = () => keysOf(keys)
    return this.#batches.each(
      { command: 'deleteMulti', table: DELETE_MANY_OPTIONS, options, prepare, keyOf: own },
      (wireKey, call) => this.core.items.delete(wireKey, options, call),
    )
  }

  /**
   * Counts each up or down by its own delta. A missing counter is in neither map, and one whose sum is no safe integer in
   * `failed`, as `incr` says.
   */
  offsetMulti<Key extends ClientKey>(
    deltas: Iterable<readonly [Key, bigint | number]>,
    options: CounterOptions & { readonly bigint: true },
  ): Promise<BatchAnswers<Key, bigint>>
  offsetMulti<Key extends ClientKey>(
    deltas: Iterable<readonly [Key, bigint | number]>,
    options?: CounterOptions & { readonly bigint?: false | undefined },
  ): Promise<BatchAnswers<Key, number>>
  offsetMulti<Key extends ClientKey>(
    deltas: Iterable<readonly [Key, bigint | number]>,
    options?: CounterOptions,
  ): Promise<BatchAnswers<Key, bigint | number>> {
    const step = (delta: bigint | number) => counterStep(this.core, integerOf(delta, 'delta'), options)
    const prepare = () => {
      const list = entriesOf(deltas, 2)
      for (const [, delta] of list) step(delta)
      return list
    }
    return this.#batches.each(
      { command: 'offsetMulti', table: COUNTER_OPTIONS, options, prepare, keyOf: first },
      async (wireKey, call, [, delta]) =>
        sumFor(await this.core.items.count(wireKey, { ...step(delta), ...call }), wireKey, options?.bigint),
    )
  }

  #read<Value, Key extends ClientKey>(
    command: string,
    keys: Iterable<Key>,
    options: ClientCallOptions | undefined,
    callFor: (call: CallOptions | undefined) => CallOptions | undefined,
    decode: (wireKey: string, item: CacheItem | undefined) => Value | undefined,
  ): Promise<BatchAnswers<Key, Value>> {
    const prepare = () => keysOf(keys)
    return this.#batches.inOneCommand(
      { command, table: CALL_OPTIONS, options, prepare, keyOf: own },
      async (wireKeys, call) => {
        const batch = await this.core.cache.getMulti(wireKeys, callFor(call))
        return (_, wireKey) => {
          const error = batch.failed.get(wireKey)
          if (error !== undefined) throw error
          return decode(wireKey, batch.items.get(wireKey))
        }
      },
    )
  }

  /** Every value is encoded, and so checked, before the first command is sent. */
  #stores<Key extends ClientKey>(
    command: string,
    list: () => readonly (readonly [Key, unknown])[],
    options: StoreCallOptions | undefined,
  ): Batch<Key, readonly [Key, EncodedItem]> {
    const prepare = () => list().map(([key, value]) => [key, this.core.encode(value, options)] as const)
    return { command, table: STORE_OPTIONS, options, prepare, keyOf: first }
  }
}

const own = <T>(it: T): T => it
const first = <Key extends ClientKey>([key]: readonly [Key, ...unknown[]]): Key => key
