import { type Cache, systemEnvironment } from '@larder/memcached'
import { StorageError } from '@larder/storage-core'
import {
  booleanOption,
  hasLoneSurrogate,
  listOption,
  nameOption,
  numberOption,
  optionTable,
  resolveOptions,
  wrongType,
  type OptionsOf,
} from '@larder/storage-core/base'
import { EventEmitter } from 'node:events'
import { CACHE_CHOICE_OPTIONS, type CacheChoice, chooseCache } from '../cache-choice.js'
import { keyPrefixOption } from '../common-options.js'
import { inWaves, type Lookup } from '../coherence/index.js'
import { type QuerySlots, querySlots, type StoredResult } from '../query/index.js'
import { Keyv5Contract, Keyv6Contract, type KeyvContract } from './contracts.js'
import { KeyList } from './key-list.js'

/** What a `KeyvMemcache` takes besides its cache. */
const SETTINGS = optionTable({
  /** Begins every key, before what Keyv calls its namespace. Default: `'keyv:'`. */
  keyPrefix: keyPrefixOption('keyv:'),
  /**
   * Whether keys are listed for `iterator()`: each `set` then costs a command more. The list holds some 8 MB of keys,
   * the newest; what is forgotten or evicted of it is not iterated until it is set again. Default: true.
   */
  iterable: booleanOption(true),
})

export const KEYV_OPTIONS = optionTable({ ...CACHE_CHOICE_OPTIONS, ...SETTINGS })

/** The options of a `KeyvMemcache`, besides its cache. */
export type KeyvMemcacheSettings = OptionsOf<typeof SETTINGS>

/** The options of a `KeyvMemcache`. */
export type KeyvMemcacheOptions = CacheChoice & KeyvMemcacheSettings

/** One of `setMany`. */
export interface KeyvEntry {
  readonly key: string
  readonly value: unknown
  /** From Keyv 5: the time to live in milliseconds. */
  readonly ttl?: number | undefined
  /** From Keyv 6: when the value expires, in milliseconds since 1970. */
  readonly expires?: number | undefined
}

const KEY = nameOption()
const KEYS = listOption('a list of keys', KEY)
const LIFETIME = numberOption({ isUnlimited: true })

/** memcached counts whole seconds. The exact end is part of the entry, which may stay this much longer. */
const ROUNDING_MS = 1_000

/**
 * A storage adapter for Keyv 5 and 6, and with it for cacheable and cache-manager: `new Keyv({ store: new
 * KeyvMemcache({ servers }) })`. Batches leave together. `clear()` voids one namespace by one store and never flushes a
 * server. Keys may have any length, and times to live may exceed 30 days.
 *
 * Called directly, it follows the contract of Keyv 6: keys without the namespace, and `expires` in place of `ttl`. A
 * Keyv 5 that takes it as its store switches it to the contract of Keyv 5.
 */
export class KeyvMemcache extends EventEmitter {
  /** Tells Keyv 6 that `set` takes `expires`. */
  readonly capabilities: { readonly expires: true } = Object.freeze({ expires: true })
  /** Set by Keyv. */
  namespace: string | undefined
  readonly #owned: readonly Cache[]
  readonly #slots: QuerySlots
  readonly #list: KeyList | undefined
  readonly #prefix: string
  readonly #opts: Record<string, unknown>
  #contract: KeyvContract

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: KeyvMemcacheOptions) {
    super()
    const settings = resolveOptions('KeyvMemcache', KEYV_OPTIONS, options)
    const { keyPrefix, iterable } = settings
    this.#opts = { dialect: iterable ? 'redis' : 'memcache', url: '' }
    this.#prefix = keyPrefix
    this.#contract = new Keyv6Contract(keyPrefix)
    const { cache, owned } = chooseCache(settings, 'KeyvMemcache')
    this.#owned = owned
    this.#slots = querySlots(cache, systemEnvironment, 1, { cacheErrors: 0 })
    this.#list = iterable ? new KeyList(cache, (keys) => this.#values(keys)) : undefined
  }

  /**
   * Keyv 5 reads these options when it takes the adapter as its store, and iterates only over dialects that it knows;
   * Keyv 6 never reads them. So a read tells which contract applies.
   */
  get opts(): Record<string, unknown> {
    if (!(this.#contract instanceof Keyv5Contract)) this.#contract = new Keyv5Contract(this.#prefix)
    return this.#opts
  }

  async get(key: string): Promise<string | undefined> {
    return this.#value(this.#fullKey(key))
  }

  async getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    KEYS.check(keys, 'keys')
    return this.#values(keys.map((key) => this.#fullKey(key)))
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    KEYS.check(keys, 'keys')
    return inWaves(keys, (key) => this.has(key))
  }

  /**
   * `lifetime` is `expires` for Keyv 6 and `ttl` for Keyv 5, both in milliseconds. A value whose time is over removes
   * the key. A value must be text, as Keyv makes it.
   */
  async set(key: string, value: unknown, lifetime?: number): Promise<boolean> {
    const text = checkEntry({ key, value, ttl: lifetime })
    const fullKey = this.#fullKey(key)
    const { key: entryKey, stampKeys } = this.#contract.address(fullKey)
    const ttlMs = this.#contract.ttlMs(lifetime)
    if (ttlMs <= 0) {
      await this.#slots.drop(entryKey)
      return true
    }
    // Listed first: a key without a value is passed over when iterating, a value without a key would stay unseen.
    const [stamps, listKey] = await Promise.all([this.#slots.stamps.read(stampKeys), this.#listKey()])
    await this.#list?.add(listKey, fullKey)
    const graceMs = Number.isFinite(ttlMs) ? ROUNDING_MS : 0
    const result = { bytes: Buffer.from(text), flags: 0 }
    await this.#slots.put(entryKey, stamps, { result, ttlMs, graceMs })
    return true
  }

  /** Rejects with the first failure, once all are done. */
  async setMany(entries: readonly KeyvEntry[]): Promise<boolean[]> {
    const isList: boolean = Array.isArray(entries)
    if (!isList) throw wrongType('entries', 'a list of entries', entries)
    for (const entry of entries) checkEntry(entry)
    let failed: { readonly reason: unknown } | undefined
    const set = ({ key, value, expires, ttl }: KeyvEntry) =>
      this.set(key, value, expires ?? ttl).catch((reason: unknown) => {
        failed ??= { reason }
        return false
      })
    const results = await inWaves(entries, set)
    if (failed !== undefined) throw failed.reason
    return results
  }

  /** Whether there was a value. */
  async delete(key: string): Promise<boolean> {
    const existed = await this.has(key)
    await this.#slots.drop(this.#contract.address(this.#fullKey(key)).key)
    return existed
  }

  /** Whether there were values: one answer a key for Keyv 6, one for all of them for Keyv 5. */
  async deleteMany(keys: readonly string[]): Promise<boolean | boolean[]> {
    KEYS.check(keys, 'keys')
    const existed = await inWaves(keys, (key) => this.delete(key))
    return this.#contract instanceof Keyv5Contract ? existed.every(Boolean) : existed
  }

  /** Voids the keys of `namespace`, or all of this adapter where there is none; nothing else on the servers. */
  async clear(): Promise<void> {
    await this.#slots.stamps.renew(this.#contract.clearKey(this.namespace))
  }

  /** Keys and values, as far as the list of keys has not been evicted. Throws `TypeError` with `iterable: false`. */
  async *iterator(namespace = this.namespace): AsyncGenerator<[string, string], void> {
    const list = this.#list
    if (namespace !== undefined && typeof namespace !== 'string')
      throw wrongType('namespace', 'text', namespace)
    if (list === undefined) throw new TypeError('Without `iterable: true`, keys are not listed')
    const contract = this.#contract
    const found = list.entries(await this.#listKey(), contract.beginning(namespace))
    for await (const [key, value] of found) yield [contract.listedKey(key, namespace), value]
  }

  /** Closes the connections that were opened here. Idempotent. */
  async disconnect(): Promise<void> {
    await Promise.all(this.#owned.map((cache) => cache.close()))
  }

  #fullKey(key: string): string {
    KEY.check(key, 'key')
    return this.#contract.fullKey(key, this.namespace)
  }

  async #value(fullKey: string): Promise<string | undefined> {
    return valueOf(await this.#slots.lookUp(this.#contract.address(fullKey)))
  }

  #values(fullKeys: readonly string[]): Promise<(string | undefined)[]> {
    return inWaves(fullKeys, (fullKey) => this.#value(fullKey))
  }

  /** A list of its own for each time that everything was cleared. */
  async #listKey(): Promise<string> {
    const [stamp = ''] = await this.#slots.stamps.read([this.#contract.clearKey(undefined)])
    return `${this.#prefix}#keys:${stamp}`
  }
}

/** The text to store. Throws a `TypeError` or `RangeError`; a list is checked before its first entry is stored. */
function checkEntry(entry: KeyvEntry): string {
  const given: unknown = entry
  if (typeof given !== 'object' || given === null) throw wrongType('entry', 'an object with a key', given)
  const { key, value, ttl, expires } = entry
  KEY.check(key, 'key')
  if (typeof value !== 'string') throw wrongType('value', 'text: leave serializing to Keyv', value)
  if (hasLoneSurrogate(value)) throw new RangeError('`value` contains half a surrogate pair')
  if (ttl !== undefined) LIFETIME.check(ttl, 'ttl')
  if (expires !== undefined) LIFETIME.check(expires, 'expires')
  return value
}

function valueOf(look: Lookup<StoredResult>): string | undefined {
  if (look.kind === 'down') throw new StorageError('E_CACHE_UNAVAILABLE', 'The server did not answer')
  return look.kind === 'fresh' ? look.value?.bytes && Buffer.from(look.value.bytes).toString() : undefined
}
