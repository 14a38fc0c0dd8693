import {
  frequentTurn,
  functionOption,
  numberOption,
  optionTable,
  resolveOptions,
  StorageError,
  type OptionsOf,
  type OptionTable,
} from '@larder/storage-core/base'
import {
  ARITHMETIC_OPTIONS,
  CALL_OPTIONS,
  checkCall,
  checkList,
  checkReader,
  checkToken,
  checkTopic,
  DELETE_OPTIONS,
  FLUSH_DELAY,
  READ_OPTIONS,
  SERVER_OPTIONS,
  STORE_OPTIONS,
} from '../cache-options.js'
import type {
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
  ItemState,
  PeekedItem,
} from '../cache.js'
import type { ArithmeticOptions, CommandCache, ServerAnswers } from '../command-cache.js'
import {
  addToCounter,
  checkCounter,
  checkDelta,
  checkFlags,
  checkValue,
  DEFAULT_SERVER_ITEM_LIMIT_BYTES,
  exptimeOf,
  keyBytes,
  maxItemBytesFor,
} from '../protocol/index.js'
import { EmbeddedItems, entrySize, numberIn } from './embedded-items.js'

/** How large an `EmbeddedCache` may become. */
const EMBEDDED_OPTIONS = optionTable({
  /** All items together, with their keys and an estimate of what holds them, in bytes. Default: 64 MiB. */
  maxBytes: numberOption({ min: 1024, max: Number.MAX_SAFE_INTEGER, isInteger: true }, 64 * 1024 * 1024),
  /** The largest value, in bytes. Default: what memcached takes, so that both behave alike. */
  maxItemBytes: numberOption(
    { min: 1, max: Number.MAX_SAFE_INTEGER, isInteger: true },
    maxItemBytesFor(DEFAULT_SERVER_ITEM_LIMIT_BYTES),
  ),
  /**
   * A clock in milliseconds, for times to live. With it, calls also resolve without a turn of the event loop, so that a
   * simulated time decides what happens when. Default: one that never steps back.
   */
  now: functionOption<() => number>(() => performance.now()),
})

/** How much an `EmbeddedCache` holds. */
export type EmbeddedCacheOptions = OptionsOf<typeof EMBEDDED_OPTIONS>

/** What a cache and its clones have in common. */
interface Shared {
  readonly items: EmbeddedItems
  users: number
}

type StoreOptions = ItemOptions & CallOptions

/**
 * The contract of memcached within this process: least recently used items go first. Bytes are copied in and
 * out, so that a caller's change is never seen by another. Each instance is a cache of its own, but for clones.
 */
export class EmbeddedCache implements CommandCache {
  readonly maxItemBytes: number
  readonly timeoutMs = undefined
  readonly #options: EmbeddedCacheOptions
  /** Not where a simulated time decides what happens when. */
  readonly #takesTurns: boolean
  #shared: Shared
  #isClosed = false

  /** Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: EmbeddedCacheOptions = {}) {
    const { maxBytes, maxItemBytes, now } = resolveOptions('EmbeddedCache', EMBEDDED_OPTIONS, options)
    // An item that is larger than the whole cache would be dropped without a word.
    this.maxItemBytes = Math.min(maxItemBytes, maxBytes - entrySize('x'.repeat(250), 0))
    this.#options = options
    this.#takesTurns = options.now === undefined
    this.#shared = { items: new EmbeddedItems(maxBytes, now), users: 1 }
  }

  async get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    this.#check('get', READ_OPTIONS, key, options)
    return this.#resolved(this.#items.get(key))
  }

  async getAs<T>(key: string, as: (item: CacheItem) => T, options?: CallOptions): Promise<T | undefined> {
    checkReader(as)
    const item = await this.get(key, options)
    return item && as(item)
  }

  stateOf(key: string, options?: CallOptions): Promise<ItemState | undefined> {
    return this.get(key, options)
  }

  async getMulti(keys: readonly string[], options?: CallOptions): Promise<CacheBatch> {
    checkCall('getMulti', READ_OPTIONS, options)
    checkList('keys', keys)
    for (const key of keys) keyBytes(key)
    this.#checkOpen(options)
    const items = new Map<string, CacheItem>()
    for (const key of keys) {
      const item = this.#items.get(key)
      if (item !== undefined) items.set(key, item)
    }
    return this.#resolved({ items, failed: new Map() })
  }

  async set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    this.#checkStore('set', key, value, options)
    return this.#resolved(this.#items.set(key, value, options))
  }

  async put(key: string, value: Uint8Array, options?: StoreOptions): Promise<true> {
    await this.set(key, value, options)
    return true
  }

  async setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    checkCall('setMulti', CALL_OPTIONS, options)
    checkList('entries', entries)
    for (const entry of entries) this.#checkItem(entry.key, entry.value, entry)
    this.#checkOpen(options)
    for (const entry of entries) this.#items.set(entry.key, entry.value, entry)
    return this.#resolved(new Map())
  }

  async add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    this.#checkStore('add', key, value, options)
    return this.#resolved(this.#items.has(key) ? undefined : this.#items.set(key, value, options))
  }

  async replace(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    this.#checkStore('replace', key, value, options)
    return this.#resolved(this.#items.has(key) ? this.#items.set(key, value, options) : undefined)
  }

  async cas(key: string, value: Uint8Array, token: CasToken, options?: StoreOptions): Promise<CasResult> {
    this.#checkStore('cas', key, value, options)
    checkToken(token)
    const conflict = this.#items.conflict(key, token)
    if (conflict !== undefined) return this.#resolved({ status: conflict })
    return this.#resolved({ status: 'stored', cas: this.#items.set(key, value, options) })
  }

  async append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    this.#checkStore('append', key, value, options)
    return this.#resolved(this.#join(key, (old) => Buffer.concat([old, value])))
  }

  async prepend(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    this.#checkStore('prepend', key, value, options)
    return this.#resolved(this.#join(key, (old) => Buffer.concat([value, old])))
  }

  async delete(
    key: string,
    options?: CallOptions & { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    this.#check('delete', DELETE_OPTIONS, key, options)
    const token = options?.cas
    const conflict = token === undefined ? undefined : this.#items.conflict(key, token)
    if (conflict !== undefined) return this.#resolved(conflict)
    if (!this.#items.has(key)) return this.#resolved('not-found')
    this.#items.delete(key)
    return this.#resolved('deleted')
  }

  async touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    this.#check('touch', CALL_OPTIONS, key, options)
    exptimeOf(ttlMs)
    return this.#resolved(this.#items.touch(key, ttlMs))
  }

  async peek(key: string, options?: CallOptions): Promise<PeekedItem | undefined> {
    this.#check('peek', CALL_OPTIONS, key, options)
    return this.#resolved(this.#items.peek(key))
  }

  async getAndTouch(
    key: string,
    ttlMs: number | undefined,
    options?: CallOptions,
  ): Promise<CacheItem | undefined> {
    return (await this.touch(key, ttlMs, options)) ? this.get(key, options) : undefined
  }

  async arithmetic(key: string, delta: bigint, options?: ArithmeticOptions): Promise<bigint | undefined> {
    this.#check('arithmetic', ARITHMETIC_OPTIONS, key, options)
    const { initial, ttlMs } = options ?? {}
    checkDelta(delta)
    if (initial !== undefined) checkCounter(initial, 'initial')
    exptimeOf(ttlMs)
    let sum: bigint | undefined
    const isCounted = this.#items.change(key, (value) => {
      sum = addToCounter(numberIn(value, key), delta)
      return Buffer.from(String(sum))
    })
    if (isCounted || initial === undefined) return this.#resolved(sum)
    sum = addToCounter(initial, delta)
    this.#items.set(key, Buffer.from(String(sum)), { ttlMs })
    return this.#resolved(sum)
  }

  async flushAll(delayMs = 0, options?: CallOptions): Promise<ServerAnswers<true>> {
    FLUSH_DELAY.check(delayMs, 'delayMs')
    this.#checkServerCall('flushAll', options)
    if (delayMs !== 0) throw new StorageError('E_UNSUPPORTED', 'An embedded cache cannot be flushed later')
    this.#items.clear()
    return answer(true)
  }

  async stats(topic = '', options?: CallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>> {
    checkTopic(topic)
    this.#checkServerCall('stats', options)
    if (topic !== '' && topic !== 'items')
      throw new StorageError('E_UNSUPPORTED', `An embedded cache has no statistics of ${topic}`)
    const stats = topic === '' ? this.#items.stats : this.#items.slabStats
    return answer(new Map(Object.entries(stats).map(([name, value]) => [name, String(value)])))
  }

  async version(options?: CallOptions): Promise<ServerAnswers<string>> {
    this.#checkServerCall('version', options)
    return answer('embedded')
  }

  /** There are none to cut. */
  disconnectAll(): void {}

  /** The same items; they stay until the last of all clones is closed. */
  clone(): EmbeddedCache {
    const clone = new EmbeddedCache(this.#options)
    clone.#shared = this.#shared
    this.#shared.users++
    return clone
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (--this.#shared.users === 0) this.#items.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #items(): EmbeddedItems {
    return this.#shared.items
  }

  /** What was done is done at once; who awaits one call after the other lets timers and sockets have their turn. */
  #resolved<T>(value: T): T | Promise<T> {
    const turn = this.#takesTurns ? frequentTurn() : undefined
    return turn === undefined ? value : after(turn, value)
  }

  #join(key: string, join: (old: Buffer) => Buffer): boolean {
    return this.#items.change(key, (old) => {
      const value = join(old)
      if (value.length <= this.maxItemBytes) return value
      throw new StorageError('E_TOO_LARGE', `An item may have ${this.maxItemBytes} bytes`, { key })
    })
  }

  #check(command: string, table: OptionTable, key: string, options: CallOptions | undefined): void {
    checkCall(command, table, options)
    keyBytes(key)
    this.#checkOpen(options)
  }

  #checkStore(command: string, key: string, value: Uint8Array, options: StoreOptions | undefined): void {
    checkCall(command, STORE_OPTIONS, options)
    this.#checkItem(key, value, options)
    this.#checkOpen(options)
  }

  #checkItem(key: string, value: Uint8Array, options: ItemOptions | undefined): void {
    keyBytes(key)
    checkValue(value, this.maxItemBytes)
    checkFlags(options?.flags)
    exptimeOf(options?.ttlMs)
  }

  #checkServerCall(command: string, options: CallOptions | undefined): void {
    checkCall(command, SERVER_OPTIONS, options)
    this.#checkOpen(options)
  }

  #checkOpen(options: CallOptions | undefined): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The cache was closed')
    if (options?.signal?.aborted !== true) return
    throw new StorageError('E_ABORTED', 'The command was aborted', { cause: options.signal.reason })
  }
}

async function after<T>(turn: Promise<void>, value: T): Promise<T> {
  await turn
  return value
}

function answer<T>(value: T): ServerAnswers<T> {
  return { answers: new Map([['embedded', value]]), failed: new Map() }
}
