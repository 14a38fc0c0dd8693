import { isStorageError, wrongType, type OptionTable } from '@larder/storage-core/base'
import { isCasToken, type CacheItem, type CallOptions, type CasToken } from '../cache.js'
import { entriesOf, keysOf, routesOf, type Route } from './batch-members.js'
import { ClientCore, withoutToken } from './client-core.js'
import type { ClientKey } from './client-keys.js'
import {
  CALL_OPTIONS,
  COUNTER_OPTIONS,
  DELETE_MANY_OPTIONS,
  STORE_OPTIONS,
  type BatchAnswers,
  type ClientCallOptions,
  type CounterOptions,
  type DeleteManyOptions,
  type StoreCallOptions,
  type VersionedValue,
  type WhenUnavailable,
} from './client-options.js'
import { counterStep, integerOf, sumFor } from './counter-steps.js'
import { ItemCommands } from './item-commands.js'
import { routed, type EncodedItem } from './lockable-items.js'
import type { PlainValue } from './plain-serializer.js'
import { inWaves, isRefused } from './waves.js'

/** What is common to the commands about many keys. */
interface Batch<Key, Member> {
  readonly command: string
  readonly table: OptionTable
  readonly options: ClientCallOptions | undefined
  /** The members, after all of them were checked. */
  readonly prepare: () => readonly Member[]
  readonly keyOf: (member: Member) => Key
}

/** Answers for the members of a batch that share a route, each by its place there; throws what one failed with. */
type AskBatch<Member, Value> = (
  wireKeys: readonly string[],
  call: CallOptions | undefined,
  members: readonly Member[],
) => Promise<(i: number, wireKey: string) => Value | undefined>

/**
 * The commands about many keys. Bad arguments are a `RangeError` or `TypeError` before any I/O. A large batch is sent in
 * waves, so that it never fills the queue of a server by itself; each wave has a time-out of its own.
 */
export abstract class BatchCommands<When extends WhenUnavailable> extends ItemCommands<When> {
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
    return this.#run(
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
    return this.#each(batch, (wireKey, call, [, item]) => this.core.items.add(wireKey, routed(item, call)))
  }

  /** `true` for each key under which something was replaced, `false` where there was nothing. */
  replaceMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const batch = this.#stores('replaceMulti', () => entriesOf(entries, 2), options)
    return this.#each(batch, (wireKey, call, [, item]) =>
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
    return this.#each(
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
    return this.#each(
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
    return this.#each(
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
    return this.#run(
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

  /** A command a key; the connection sends them together. */
  #each<Key extends ClientKey, Member, Value>(
    batch: Batch<Key, Member>,
    ask: (wireKey: string, call: CallOptions | undefined, member: Member) => Promise<Value | undefined>,
  ): Promise<BatchAnswers<Key, Value>> {
    return this.#run(batch, async (wireKeys, call, group) => {
      const settled = await Promise.allSettled(
        group.map((member, i) => ask(wireKeys[i] as string, call, member)),
      )
      return (i) => {
        const result = settled[i]
        if (result?.status === 'rejected') throw result.reason
        return result?.value
      }
    })
  }

  /** `ask` answers for many keys at once; what it returns gives the answer for each, or throws its error. */
  async #run<Key extends ClientKey, Member, Value>(
    { command, table, options, prepare, keyOf }: Batch<Key, Member>,
    ask: AskBatch<Member, Value>,
  ): Promise<BatchAnswers<Key, Value>> {
    let members: readonly Member[] = []
    let error: Error | undefined
    try {
      members = prepare()
    } catch (reason) {
      error = reason as Error
    }
    const allFailed = (reason: Error): BatchAnswers<Key, Value> => ({
      values: new Map<Key, Value>(),
      failed: new Map(members.map((member) => [keyOf(member), reason])),
    })
    return this.core.run(command, members.length, table, options, allFailed, () => {
      if (error !== undefined) throw error
      return this.#ask(members, keyOf, options, ask).catch((reason: unknown) => {
        if (ClientCore.isForgivable(reason)) return allFailed(reason)
        throw reason
      })
    })
  }

  #ask<Key extends ClientKey, Member, Value>(
    members: readonly Member[],
    keyOf: (member: Member) => Key,
    options: ClientCallOptions | undefined,
    ask: AskBatch<Member, Value>,
  ): Promise<BatchAnswers<Key, Value>> {
    return this.core.withKeys(members.map(keyOf), options, async (wireKeys, call) => {
      const values = new Map<Key, Value>()
      const failed = new Map<Key, Error>()
      const run = async ({ routeBy, members: group }: Route<Addressed<Member>>) => {
        const refused: Addressed<Member>[] = []
        const names = group.map(({ wireKey }) => wireKey)
        const answerOf = await ask(
          names,
          routeBy === undefined ? call : { ...call, routeBy },
          group.map(({ member }) => member),
        )
        for (const [i, addressed] of group.entries()) {
          const key = keyOf(addressed.member)
          if (isRefused(failed.get(key))) failed.delete(key)
          try {
            const value = answerOf(i, names[i] as string)
            if (value !== undefined) values.set(key, value)
          } catch (error) {
            if (concernsAll(error)) throw error
            if (isRefused(error)) refused.push(addressed)
            failed.set(key, error as Error)
          }
        }
        return refused
      }
      const addressed = members.map((member, i) => ({ member, wireKey: wireKeys[i] as string }))
      await inWaves(addressed, this.core.cache, async (wave) => {
        const routes = routesOf(wave, ({ member }) => keyOf(member))
        return (await Promise.all(routes.map(run))).flat()
      })
      return { values, failed }
    })
  }
}

/** A member of a batch, with its key as it is on the wire. */
interface Addressed<Member> {
  readonly member: Member
  readonly wireKey: string
}

/** A closed client and an aborted call concern every key. */
function concernsAll(error: unknown): boolean {
  return isStorageError(error, 'E_ABORTED') || isStorageError(error, 'E_CLOSED')
}

const own = <T>(it: T): T => it
const first = <Key extends ClientKey>([key]: readonly [Key, ...unknown[]]): Key => key
