import { type Cache, systemEnvironment } from '@larder/memcached'
import { checkOptionNames, type NamesOf, StorageError } from '@larder/storage-core'
import { EventEmitter } from 'node:events'
import { CACHE_CHOICE_NAMES, type CacheChoice, chooseCache } from '../cache-choice.js'
import { checkNamespace } from '../proxy/cache-key.js'
import { inWaves } from '../proxy/promises.js'
import { FencedEntries, type QueryLook } from '../query/fenced-entries.js'
import { QueryKeys } from '../query/query-keys.js'
import { Stamps } from '../query/stamps.js'
import { KeyList } from './key-list.js'

export interface KeyvMemcacheOptions extends CacheChoice {
  /** Begins every key, up to 80 characters of ASCII, before what Keyv calls its namespace. Default: `'keyv:'`. */
  readonly keyPrefix?: string | undefined
  /**
   * Whether keys are listed for `iterator()`: each `set` then costs a command more. The list holds some 8 MB of keys,
   * the newest; what is forgotten or evicted of it is not iterated until it is set again. Default: true.
   */
  readonly iterable?: boolean | undefined
}

const OPTION_NAMES: NamesOf<KeyvMemcacheOptions> = Object.freeze({
  ...CACHE_CHOICE_NAMES,
  keyPrefix: true,
  iterable: true,
})

/** One of `setMany`. */
export interface KeyvEntry {
  readonly key: string
  readonly value: unknown
  /** In milliseconds. */
  readonly ttl?: number | undefined
}

/**
 * A storage adapter for Keyv 5, and with it for cacheable and cache-manager: `new Keyv({ store: new KeyvMemcache({
 * servers }) })`. Batches go out together, `clear()` voids one namespace by one store and never flushes a server,
 * keys may have any length and times to live may pass 30 days.
 */
export class KeyvMemcache extends EventEmitter {
  /** For Keyv, which puts its own in here, and up to version 5 iterates only over dialects that it has heard of. */
  readonly opts: Record<string, unknown>
  /** Set by Keyv, whose keys begin with it and a colon. */
  namespace: string | undefined
  readonly #owned: readonly Cache[]
  readonly #keys: QueryKeys
  readonly #stamps: Stamps
  readonly #entries: FencedEntries
  readonly #list: KeyList | undefined
  readonly #prefix: string

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: KeyvMemcacheOptions) {
    super()
    checkOptionNames('KeyvMemcache', options, OPTION_NAMES)
    const { keyPrefix = 'keyv:', iterable = true } = options
    this.opts = { dialect: iterable ? 'redis' : 'memcache', url: '' }
    this.#prefix = checkNamespace(keyPrefix)
    const { cache, owned } = chooseCache(options, 'KeyvMemcache')
    this.#owned = owned
    this.#keys = new QueryKeys(keyPrefix, ':', true)
    this.#stamps = new Stamps(cache, systemEnvironment)
    this.#entries = new FencedEntries(cache, this.#stamps, systemEnvironment, 1)
    this.#list = iterable ? new KeyList(cache, (keys) => this.getMany(keys)) : undefined
  }

  async get(key: string): Promise<string | undefined> {
    return valueOf(await this.#entries.look(this.#keys.address(key)))
  }

  async getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return inWaves(keys, (key) => this.get(key))
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return inWaves(keys, (key) => this.has(key))
  }

  /** `ttl` in milliseconds. A value must be text, as Keyv makes it. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    if (typeof value !== 'string') throw new TypeError('A value must be a string: leave serializing to Keyv')
    const { key: entryKey, stampKeys } = this.#keys.address(key)
    const ttlMs = ttl === undefined || ttl === 0 ? Infinity : ttl
    // Listed first: a key without a value is passed over when iterating, a value without a key would stay unseen.
    const [stamps, listKey] = await Promise.all([this.#stamps.read(stampKeys), this.#listKey()])
    await this.#list?.add(listKey, key)
    await this.#entries.put(entryKey, stamps, { bytes: Buffer.from(value), flags: 0 }, { ttlMs, graceMs: 0 })
    return true
  }

  /** Rejects with the first failure, once all are done. */
  async setMany(entries: readonly KeyvEntry[]): Promise<boolean[]> {
    let failed: { readonly reason: unknown } | undefined
    const set = ({ key, value, ttl }: KeyvEntry) =>
      this.set(key, value, ttl).catch((reason: unknown) => {
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
    await this.#entries.drop(this.#keys.address(key).key)
    return existed
  }

  /** Whether all were there. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return (await inWaves(keys, (key) => this.delete(key))).every(Boolean)
  }

  /** Voids the keys of `namespace`, or all of this adapter where there is none; nothing else on the servers. */
  async clear(): Promise<void> {
    const { namespace } = this
    const key =
      namespace === undefined || namespace === ''
        ? this.#keys.clearKey()
        : this.#keys.target({ prefix: `${namespace}:` }).key
    await this.#stamps.renew(key)
  }

  /** Keys and values, as far as the list of keys has not been evicted. Throws `TypeError` with `iterable: false`. */
  async *iterator(namespace = this.namespace): AsyncGenerator<[string, string], void> {
    const list = this.#list
    if (list === undefined) throw new TypeError('Without iterable: true, keys are not listed')
    const begins = namespace === undefined || namespace === '' ? '' : `${namespace}:`
    yield* list.entries(await this.#listKey(), begins)
  }

  /** Closes the connections that were opened here. Idempotent. */
  async disconnect(): Promise<void> {
    await Promise.all(this.#owned.map((cache) => cache.close()))
  }

  /** A list of its own for each time that everything was cleared. */
  async #listKey(): Promise<string> {
    const [stamp = ''] = await this.#stamps.read([this.#keys.clearKey()])
    return `${this.#prefix}#keys:${stamp}`
  }
}

function valueOf(look: QueryLook): string | undefined {
  if (look.kind === 'down') throw new StorageError('E_CACHE_UNAVAILABLE', 'The server did not answer')
  return look.kind === 'fresh' ? look.result?.bytes && Buffer.from(look.result.bytes).toString() : undefined
}
