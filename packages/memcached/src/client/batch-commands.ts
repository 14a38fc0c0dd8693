import type { CacheItem, CallOptions, CasResult, CasToken, ReadOptions } from '../cache.js'
import { integerOf, withoutToken } from './client-core.js'
import { routeOf, type ClientKey } from './client-keys.js'
import type {
  BatchAnswers,
  BatchOptions,
  CounterOptions,
  DeleteCallOptions,
  StoreCallOptions,
  VersionedValue,
} from './client-options.js'
import { ItemCommands } from './item-commands.js'
import type { EncodedItem } from './lockable-items.js'
import type { PlainValue } from './plain-serializer.js'

/** Answers for the members of a batch that share a route, each by its place there; throws what one failed with. */
type AskBatch<Member, Value, Options> = (
  wireKeys: readonly string[],
  options: Options,
  members: readonly Member[],
) => Promise<(i: number, wireKey: string) => Value | undefined>

/** The commands about many keys. Bad keys and values are a `RangeError` or `TypeError` before any I/O. */
export abstract class BatchCommands extends ItemCommands {
  /** One round trip a server. */
  getMulti<T = PlainValue, Key extends ClientKey = ClientKey>(
    keys: Iterable<Key>,
    options?: BatchOptions,
  ): Promise<BatchAnswers<Key, T>> {
    return this.#read(
      'getMulti',
      keys,
      withoutToken(options),
      (wireKey, item) => this.core.decodeValue(wireKey, item) as T | undefined,
    )
  }

  /** As `getMulti`, with the tokens for `cas`. */
  getsMulti<T = PlainValue, Key extends ClientKey = ClientKey>(
    keys: Iterable<Key>,
    options?: BatchOptions,
  ): Promise<BatchAnswers<Key, VersionedValue<T>>> {
    return this.#read('getsMulti', keys, options, (wireKey, item) => this.core.decode<T>(wireKey, item))
  }

  async #read<Value, Key extends ClientKey>(
    command: string,
    keys: Iterable<Key>,
    options: (BatchOptions & ReadOptions) | undefined,
    decode: (wireKey: string, item: CacheItem | undefined) => Value | undefined,
  ): Promise<BatchAnswers<Key, Value>> {
    const { values, failed } = await this.#batch(
      command,
      listOf(keys),
      own,
      options,
      async (wireKeys, call) => {
        const batch = await this.core.cache.getMulti(wireKeys, call)
        return (_, wireKey) => {
          const error = batch.failed.get(wireKey)
          if (error !== undefined) throw error
          return decode(wireKey, batch.items.get(wireKey))
        }
      },
    )
    return { values, failed: this.core.report(failed) }
  }

  /** One round trip a server; answers with the keys that were not stored. Too large a value fails the whole batch. */
  async setMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<ReadonlyMap<Key, Error>> {
    const encoded = this.#encodeAll(entries, options)
    const { failed } = await this.#batch(
      'setMulti',
      encoded,
      first,
      options,
      async (wireKeys, call, group) => {
        const items = group.map(([, item], i) => {
          return { key: wireKeys[i] as string, value: item.bytes, ...item.options }
        })
        const refused = await this.core.cache.setMulti(items, call)
        return (_, wireKey) => {
          const error = refused.get(wireKey)
          if (error !== undefined) throw error
        }
      },
    )
    return failed
  }

  /** `true` for each key under which something was stored, `false` where there was something. */
  async addMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const encoded = this.#encodeAll(entries, options)
    return this.#each('addMulti', encoded, first, options, (wireKey, call, [, item]) =>
      this.core.add(wireKey, routed(item, call)),
    )
  }

  /** `true` for each key under which something was replaced, `false` where there was nothing. */
  async replaceMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    const encoded = this.#encodeAll(entries, options)
    return this.#each('replaceMulti', encoded, first, options, (wireKey, call, [, item]) =>
      this.core.items.replace(wireKey, routed(item, call)),
    )
  }

  /** Each entry is a key, a value and the token of the state that it may be stored over. */
  async casMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown, CasToken]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, CasResult>> {
    const list = listOf(entries)
    const encoded = this.#encodeAll(list, options)
    const tokens = list.map(([, , token]) => token)
    const members = encoded.map(([key, item], i) => [key, item, tokens[i] as CasToken] as const)
    return this.#each('casMulti', members, first, options, (wireKey, call, [, item, token]) =>
      this.core.cache.cas(wireKey, item.bytes, token, routed(item, call).options),
    )
  }

  /** A missing key is no failure. */
  async deleteMulti<Key extends ClientKey>(
    keys: Iterable<Key>,
    options: Omit<DeleteCallOptions, 'cas'> & BatchOptions = {},
  ): Promise<BatchAnswers<Key, 'deleted' | 'exists' | 'not-found'>> {
    return this.#each('deleteMulti', listOf(keys), own, options, (wireKey, call) =>
      this.core.items.delete(wireKey, call),
    )
  }

  /** Counts each up or down by its own delta. A counter that is not there is in neither map. */
  async offsetMulti<Key extends ClientKey>(
    deltas: Iterable<readonly [Key, bigint | number]>,
    options: CounterOptions & BatchOptions = {},
  ): Promise<BatchAnswers<Key, bigint>> {
    const steps = listOf(deltas).map(([key, delta]) => {
      return [key, this.core.counterStep(integerOf(delta, 'A delta'), options)] as const
    })
    return this.#each('offsetMulti', steps, first, options, (wireKey, { signal, routeBy }, [, step]) =>
      this.core.items.count(wireKey, { ...step, signal, routeBy }),
    )
  }

  /** Every value is encoded, and so checked, before the first command is sent. */
  #encodeAll<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown, ...unknown[]]>,
    options: StoreCallOptions | undefined,
  ): readonly (readonly [Key, EncodedItem])[] {
    return listOf(entries).map(([key, value]) => [key, this.core.encode(value, options)] as const)
  }

  /** A command a key; the connection sends them together. */
  #each<Key extends ClientKey, Member, Value, Options extends BatchOptions | undefined>(
    command: string,
    members: readonly Member[],
    keyOf: (member: Member) => Key,
    options: Options,
    ask: (wireKey: string, options: Options, member: Member) => Promise<Value | undefined>,
  ): Promise<BatchAnswers<Key, Value>> {
    return this.#batch(command, members, keyOf, options, async (wireKeys, call, group) => {
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
  #batch<Key extends ClientKey, Member, Value, Options extends BatchOptions | undefined>(
    command: string,
    members: readonly Member[],
    keyOf: (member: Member) => Key,
    options: Options,
    ask: AskBatch<Member, Value, Options>,
  ): Promise<BatchAnswers<Key, Value>> {
    const allFailed = (error: Error) => ({
      values: new Map<Key, Value>(),
      failed: new Map(members.map((member) => [keyOf(member), error])),
    })
    return this.core.run(command, members.length, allFailed, () => {
      const keys = members.map(keyOf)
      const keyPrefix = options?.keyPrefix ?? ''
      return this.core.withKeys(keys, keyPrefix, options, async (wireKeys, routed) => {
        const values = new Map<Key, Value>()
        const failed = new Map<Key, Error>()
        const run = async ({ routeBy, members, wireKeys }: Route<Member>) => {
          const call = routeBy === undefined ? routed : { ...routed, routeBy }
          const answerOf = await ask(wireKeys, call, members)
          for (const [i, member] of members.entries()) {
            try {
              const value = answerOf(i, wireKeys[i] as string)
              if (value !== undefined) values.set(keyOf(member), value)
            } catch (error) {
              failed.set(keyOf(member), error as Error)
            }
          }
        }
        await Promise.all(routesOf(members, keys, wireKeys).map(run))
        return { values, failed }
      })
    })
  }
}

/** Those of a batch whose server the same thing chooses. */
interface Route<Member> {
  readonly routeBy: string | number | undefined
  readonly members: readonly Member[]
  readonly wireKeys: readonly string[]
}

function routesOf<Member>(
  members: readonly Member[],
  keys: readonly ClientKey[],
  wireKeys: readonly string[],
): readonly Route<Member>[] {
  if (members.length > 0 && !keys.some(Array.isArray)) return [{ routeBy: undefined, members, wireKeys }]
  const routes = new Map<string | number | undefined, { members: Member[]; wireKeys: string[] }>()
  for (const [i, member] of members.entries()) {
    const routeBy = routeOf(keys[i] as ClientKey)
    let route = routes.get(routeBy)
    if (route === undefined) routes.set(routeBy, (route = { members: [], wireKeys: [] }))
    route.members.push(member)
    route.wireKeys.push(wireKeys[i] as string)
  }
  return Array.from(routes, ([routeBy, route]) => ({ routeBy, ...route }))
}

/** Refuses an object, which `Array.from` would take for an empty list, and a text, which is a list of letters. */
function listOf<Member>(members: Iterable<Member> | null | undefined): readonly Member[] {
  if (typeof members === 'object' && members !== null && Symbol.iterator in members) return [...members]
  throw new TypeError('A batch is a list, a Map or another iterable')
}

const own = <Key extends ClientKey>(key: Key): Key => key
const first = <Key extends ClientKey>([key]: readonly [Key, ...unknown[]]): Key => key

/** An encoded item for the call that stores it. */
function routed(item: EncodedItem, call: CallOptions | undefined): EncodedItem {
  const routeBy = call?.routeBy
  return routeBy === undefined ? item : { ...item, options: { ...item.options, routeBy } }
}
