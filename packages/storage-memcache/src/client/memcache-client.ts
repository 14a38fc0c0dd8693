import type { CallOptions, CasResult, CasToken } from '../cache.js'
import type { CommandCache, ServerAnswers } from '../command-cache.js'
import type { EncodedItem } from './client-core.js'
import { wireKeyText, type ClientKey } from './client-keys.js'
import type {
  BatchAnswers,
  BatchOptions,
  CounterOptions,
  DeleteCallOptions,
  MemcacheClientOptions,
  StoreCallOptions,
  VersionedValue,
} from './client-options.js'
import { ItemCommands } from './item-commands.js'
import { Namespace } from './namespace.js'
import type { PlainValue } from './values.js'

/**
 * Typed values on a cache: memcached's commands with keys, values and batches as a program has them. Made over
 * any `CommandCache`; several clients over one cache have options of their own, and closing one closes the cache.
 */
export class MemcacheClient extends ItemCommands implements AsyncDisposable {
  constructor(cache: CommandCache, options: MemcacheClientOptions = {}, namespace?: Namespace) {
    super(cache, options, namespace)
  }

  /** One round trip a server. */
  async getMulti<T = PlainValue, Key extends ClientKey = ClientKey>(
    keys: Iterable<Key>,
    options?: BatchOptions,
  ): Promise<BatchAnswers<Key, T>> {
    const { values, failed } = await this.getsMulti<T, Key>(keys, options)
    return { values: new Map(Array.from(values, ([key, { value }]) => [key, value])), failed }
  }

  /** As `getMulti`, with the tokens for `cas`. */
  async getsMulti<T = PlainValue, Key extends ClientKey = ClientKey>(
    keys: Iterable<Key>,
    options?: BatchOptions,
  ): Promise<BatchAnswers<Key, VersionedValue<T>>> {
    const { values, failed } = await this.#batch('getMulti', [...keys], options, async (wireKeys) => {
      const batch = await this.core.cache.getMulti(wireKeys, options)
      return (_, wireKey) => {
        const error = batch.failed.get(wireKey)
        if (error !== undefined) throw error
        return this.core.decode<T>(wireKey, batch.items.get(wireKey))
      }
    })
    return { values, failed: this.core.report(failed) }
  }

  /** One round trip a server; answers with the keys that were not stored. Too large a value fails the whole batch. */
  async setMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<ReadonlyMap<Key, Error>> {
    const { keys, rest } = split(entries)
    const { failed } = await this.#batch('setMulti', keys, options, async (wireKeys) => {
      const items = wireKeys.map((wireKey, i) => {
        const { bytes, options: item } = this.core.encode(rest[i]?.[0], options)
        return { key: wireKey, value: bytes, ...item }
      })
      const refused = await this.core.cache.setMulti(items, options)
      return (_, wireKey) => {
        const error = refused.get(wireKey)
        if (error !== undefined) throw error
      }
    })
    return failed
  }

  /** `true` for each key under which something was stored, `false` where there was something. */
  addMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    return this.#storeEach('addMulti', split(entries), options, (wireKey, item) =>
      this.core.add(wireKey, item),
    )
  }

  /** `true` for each key under which something was replaced, `false` where there was nothing. */
  replaceMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, boolean>> {
    return this.#storeEach('replaceMulti', split(entries), options, (wireKey, item) =>
      this.core.replace(wireKey, item),
    )
  }

  /** Each entry is a key, a value and the token of the state that it may be stored over. */
  casMulti<Key extends ClientKey>(
    entries: Iterable<readonly [Key, unknown, CasToken]>,
    options?: StoreCallOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, CasResult>> {
    return this.#storeEach('casMulti', split(entries), options, (wireKey, item, [, token]) =>
      this.core.cache.cas(wireKey, item.bytes, token, item.options),
    )
  }

  /** A missing key is no failure. */
  deleteMulti<Key extends ClientKey>(
    keys: Iterable<Key>,
    options: Omit<DeleteCallOptions, 'cas'> & BatchOptions = {},
  ): Promise<BatchAnswers<Key, 'deleted' | 'exists' | 'not-found'>> {
    return this.#batch('deleteMulti', [...keys], options, (wireKeys) =>
      settleAll(wireKeys, (wireKey) => this.core.delete(wireKey, options)),
    )
  }

  /** Counts each up or down by its own delta. A counter that is not there is in neither map. */
  offsetMulti<Key extends ClientKey>(
    deltas: Iterable<readonly [Key, bigint | number]>,
    options?: CounterOptions & BatchOptions,
  ): Promise<BatchAnswers<Key, bigint>> {
    const { keys, rest } = split(deltas)
    return this.#batch('offsetMulti', keys, options, (wireKeys) =>
      settleAll(wireKeys, (wireKey, i) => this.core.count(wireKey, BigInt(rest[i]?.[0] ?? 0), options)),
    )
  }

  /**
   * A client whose keys its `flush` drops all at once, by one store. Each call asks for the namespace's stamp
   * first, once for all calls of a tick.
   */
  namespace(name: string): MemcacheClient {
    if (this.core.namespace !== undefined) throw new TypeError('A namespace has no namespaces of its own')
    const { cache, options } = this.core
    const full = wireKeyText(name, options.prefix, 'refuse')
    return new MemcacheClient(cache, options, new Namespace(cache, full))
  }

  /** A namespace drops its own keys; any other client drops all items of all servers, whatever their prefix. */
  async flush(options?: CallOptions): Promise<void> {
    const { cache, namespace } = this.core
    if (namespace !== undefined) return namespace.flush(options)
    const { failed } = await cache.flushAll(0, options)
    for (const error of failed.values()) throw error
  }

  /** What each server says of itself. */
  stats(topic?: string, options?: CallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>> {
    return this.core.cache.stats(topic, options)
  }

  version(options?: CallOptions): Promise<ServerAnswers<string>> {
    return this.core.cache.version(options)
  }

  close(): Promise<void> {
    return this.core.cache.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Every value is encoded, and so checked, before the first command is sent. */
  #storeEach<Key extends ClientKey, Rest extends readonly [unknown, ...unknown[]], Value>(
    command: string,
    { keys, rest }: { readonly keys: readonly Key[]; readonly rest: readonly Rest[] },
    options: (StoreCallOptions & BatchOptions) | undefined,
    store: (wireKey: string, item: EncodedItem, rest: Rest) => Promise<Value>,
  ): Promise<BatchAnswers<Key, Value>> {
    return this.#batch(command, keys, options, async (wireKeys) => {
      const items = rest.map(([value]) => this.core.encode(value, options))
      return settleAll(wireKeys, (wireKey, i) => store(wireKey, items[i] as EncodedItem, rest[i] as Rest))
    })
  }

  /** `ask` answers for all keys at once; what it returns gives the answer for each, or throws its error. */
  #batch<Key extends ClientKey, Value>(
    command: string,
    keys: readonly Key[],
    options: BatchOptions | undefined,
    ask: (wireKeys: readonly string[]) => Promise<(i: number, wireKey: string) => Value | undefined>,
  ): Promise<BatchAnswers<Key, Value>> {
    const allFailed = (error: Error) => ({
      values: new Map<Key, Value>(),
      failed: new Map(keys.map((key) => [key, error])),
    })
    return this.core.run(command, keys.length, allFailed, async () => {
      const wireKeys = await this.core.keys(keys, options?.keyPrefix)
      const answerOf = await ask(wireKeys)
      const values = new Map<Key, Value>()
      const failed = new Map<Key, Error>()
      for (const [i, key] of keys.entries()) {
        try {
          const value = answerOf(i, wireKeys[i] as string)
          if (value !== undefined) values.set(key, value)
        } catch (error) {
          failed.set(key, error as Error)
        }
      }
      return { values, failed }
    })
  }
}

/** A command a key; the connection sends them together. */
async function settleAll<Value>(
  wireKeys: readonly string[],
  ask: (wireKey: string, i: number) => Promise<Value | undefined>,
): Promise<(i: number) => Value | undefined> {
  const settled = await Promise.allSettled(wireKeys.map(ask))
  return (i) => {
    const result = settled[i]
    if (result?.status === 'rejected') throw result.reason
    return result?.value
  }
}

function split<Key, Rest extends readonly unknown[]>(entries: Iterable<readonly [Key, ...Rest]>) {
  const keys: Key[] = []
  const rest: Rest[] = []
  for (const [key, ...others] of entries) {
    keys.push(key)
    rest.push(others)
  }
  return { keys, rest }
}
