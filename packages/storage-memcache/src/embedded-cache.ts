import { StorageError } from '@larder/storage-core'
import { LRUCache } from 'lru-cache'
import type {
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
  PeekedItem,
} from './cache.js'
import type { ArithmeticOptions, CommandCache, ServerAnswers } from './command-cache.js'
import { addToCounter, checkCounter } from './protocol/counter.js'
import { exptimeOf } from './protocol/expiry.js'
import { keyBytes } from './protocol/key.js'
import {
  checkFlags,
  checkValue,
  DEFAULT_SERVER_ITEM_LIMIT_BYTES,
  maxItemBytesFor,
} from './protocol/limits.js'
import { CasId } from './transport/cas-id.js'

/** What an entry costs beside its value and key, roughly: the objects that hold them. */
const ENTRY_OVERHEAD_BYTES = 200

export interface EmbeddedCacheOptions {
  /** All items together, with their keys and an estimate of what holds them. Default: 64 MiB. */
  readonly maxBytes?: number
  /** The largest value. Default: what memcached takes, so that both behave alike. */
  readonly maxItemBytes?: number
  /** A clock in milliseconds, for times to live. Default: one that never steps back. */
  readonly now?: () => number
}

export const DEFAULT_EMBEDDED_CACHE_OPTIONS: Required<EmbeddedCacheOptions> = Object.freeze({
  maxBytes: 64 * 1024 * 1024,
  maxItemBytes: maxItemBytesFor(DEFAULT_SERVER_ITEM_LIMIT_BYTES),
  now: () => performance.now(),
})

interface Entry {
  /** Never handed out and never changed. */
  readonly value: Buffer
  readonly flags: number
  readonly cas: CasId<object>
  /** On this cache's clock. */
  readonly expiresAt: number
  /** When it was stored or read. */
  usedAt: number
  wasRead: boolean
}

/** What a cache and its clones have in common. */
interface Shared {
  readonly entries: LRUCache<string, Entry>
  stores: number
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
  readonly #now: () => number
  readonly #options: EmbeddedCacheOptions
  #shared: Shared
  #isClosed = false

  constructor(options: EmbeddedCacheOptions = {}) {
    const { maxBytes, maxItemBytes, now } = { ...DEFAULT_EMBEDDED_CACHE_OPTIONS, ...options }
    if (!(maxBytes >= 1024)) throw new RangeError(`maxBytes must be at least 1024, not ${String(maxBytes)}`)
    if (!(maxItemBytes >= 1))
      throw new RangeError(`maxItemBytes must be at least 1, not ${String(maxItemBytes)}`)
    // An item that is larger than the whole cache would be dropped without a word.
    this.maxItemBytes = Math.min(maxItemBytes, maxBytes - entrySize('x'.repeat(250), 0))
    this.#now = now
    this.#options = options
    const entries = new LRUCache<string, Entry>({
      maxSize: maxBytes,
      sizeCalculation: (entry, key) => entrySize(key, entry.value.length),
    })
    this.#shared = { entries, stores: 0, users: 1 }
  }

  async get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    this.#check(key, options)
    const entry = this.#find(key)
    return entry && this.#read(entry)
  }

  async getMulti(keys: readonly string[], options?: CallOptions): Promise<CacheBatch> {
    for (const key of keys) this.#check(key, options)
    this.#checkCall(options)
    const items = new Map<string, CacheItem>()
    for (const key of keys) {
      const entry = this.#find(key)
      if (entry !== undefined) items.set(key, this.#read(entry))
    }
    return { items, failed: new Map() }
  }

  async set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    this.#checkStore(key, value, options)
    return this.#store(key, value, options)
  }

  async setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    for (const entry of entries) this.#checkStore(entry.key, entry.value, { ...options, ...entry })
    this.#checkCall(options)
    for (const entry of entries) this.#store(entry.key, entry.value, entry)
    return new Map()
  }

  async add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    this.#checkStore(key, value, options)
    return this.#find(key) === undefined ? this.#store(key, value, options) : undefined
  }

  async replace(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    this.#checkStore(key, value, options)
    return this.#find(key) === undefined ? undefined : this.#store(key, value, options)
  }

  async cas(key: string, value: Uint8Array, token: CasToken, options?: StoreOptions): Promise<CasResult> {
    this.#checkStore(key, value, options)
    if (!this.#isOurs(token)) return { status: 'exists' }
    const entry = this.#find(key)
    if (entry === undefined) return { status: 'not-found' }
    if (!entry.cas.equals(token)) return { status: 'exists' }
    return { status: 'stored', cas: this.#store(key, value, options) }
  }

  async append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    this.#checkStore(key, value, options)
    return this.#join(key, (old) => [old, value])
  }

  async prepend(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    this.#checkStore(key, value, options)
    return this.#join(key, (old) => [value, old])
  }

  async delete(
    key: string,
    options?: CallOptions & { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    this.#check(key, options)
    const token = options?.cas
    if (token !== undefined && !this.#isOurs(token)) return 'exists'
    const entry = this.#find(key)
    if (entry === undefined) return 'not-found'
    if (token !== undefined && !entry.cas.equals(token)) return 'exists'
    this.#shared.entries.delete(key)
    return 'deleted'
  }

  async touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    this.#check(key, options)
    exptimeOf(ttlMs)
    const expiresAt = this.#expiresAt(ttlMs)
    const entry = this.#find(key)
    if (entry === undefined) return false
    this.#shared.entries.set(key, { ...entry, expiresAt })
    return true
  }

  async peek(key: string, options?: CallOptions): Promise<PeekedItem | undefined> {
    this.#check(key, options)
    const entry = this.#shared.entries.peek(key)
    const now = this.#now()
    if (entry === undefined || now >= entry.expiresAt) return undefined
    const ttlMs = entry.expiresAt === Infinity ? undefined : entry.expiresAt - now
    return { ...itemOf(entry), ttlMs, idleMs: now - entry.usedAt, wasRead: entry.wasRead }
  }

  async getAndTouch(
    key: string,
    ttlMs: number | undefined,
    options?: CallOptions,
  ): Promise<CacheItem | undefined> {
    return (await this.touch(key, ttlMs, options)) ? this.get(key, options) : undefined
  }

  async arithmetic(key: string, delta: bigint, options: ArithmeticOptions = {}): Promise<bigint | undefined> {
    const { initial, ttlMs } = options
    this.#check(key, options)
    checkCounter(delta < 0n ? -delta : delta, 'A delta')
    if (initial !== undefined) checkCounter(initial, 'initial')
    exptimeOf(ttlMs)
    const entry = this.#find(key)
    if (entry === undefined && initial === undefined) return undefined
    const sum = addToCounter(entry === undefined ? (initial ?? 0n) : numberIn(entry, key), delta)
    if (entry === undefined) this.#store(key, Buffer.from(String(sum)), { ttlMs })
    else this.#shared.entries.set(key, { ...entry, value: Buffer.from(String(sum)), cas: this.#nextCas() })
    return sum
  }

  async flushAll(delayMs = 0, options?: CallOptions): Promise<ServerAnswers<true>> {
    this.#checkCall(options)
    if (delayMs !== 0) throw new StorageError('E_UNSUPPORTED', 'An embedded cache cannot be flushed later')
    this.#shared.entries.clear()
    return answer(true)
  }

  async stats(topic = '', options?: CallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>> {
    this.#checkCall(options)
    if (topic !== '') throw new StorageError('E_UNSUPPORTED', 'An embedded cache has no statistics by topic')
    const lines = { curr_items: this.#shared.entries.size, bytes: this.#shared.entries.calculatedSize }
    return answer(new Map(Object.entries(lines).map(([name, value]) => [name, String(value)])))
  }

  async version(options?: CallOptions): Promise<ServerAnswers<string>> {
    this.#checkCall(options)
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
    if (--this.#shared.users === 0) this.#shared.entries.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #find(key: string): Entry | undefined {
    const entry = this.#shared.entries.get(key)
    if (entry === undefined || this.#now() < entry.expiresAt) return entry
    this.#shared.entries.delete(key)
    return undefined
  }

  #read(entry: Entry): CacheItem {
    entry.usedAt = this.#now()
    entry.wasRead = true
    return itemOf(entry)
  }

  #store(key: string, value: Uint8Array, options: ItemOptions | undefined): CasToken {
    const cas = this.#nextCas()
    const expiresAt = this.#expiresAt(options?.ttlMs)
    const flags = options?.flags ?? 0
    const used = { usedAt: this.#now(), wasRead: false }
    this.#shared.entries.set(key, { value: Buffer.from(value), flags, cas, expiresAt, ...used })
    return cas
  }

  #join(key: string, parts: (old: Buffer) => readonly Uint8Array[]): boolean {
    const entry = this.#find(key)
    if (entry === undefined) return false
    const value = Buffer.concat(parts(entry.value))
    if (value.length > this.maxItemBytes) {
      throw new StorageError('E_TOO_LARGE', `An item may have ${this.maxItemBytes} bytes`, { key })
    }
    this.#shared.entries.set(key, { ...entry, value, cas: this.#nextCas() })
    return true
  }

  #nextCas(): CasId<object> {
    const id = ++this.#shared.stores
    return new CasId(Math.floor(id / 2 ** 32), id >>> 0, this.#shared)
  }

  #isOurs(token: CasToken): boolean {
    return token instanceof CasId && token.origin === this.#shared
  }

  #expiresAt(ttlMs: number | undefined): number {
    return ttlMs === undefined ? Infinity : this.#now() + ttlMs
  }

  #check(key: string, options: CallOptions | undefined): void {
    keyBytes(key)
    this.#checkCall(options)
  }

  #checkStore(key: string, value: Uint8Array, options: StoreOptions | undefined): void {
    this.#check(key, options)
    checkValue(value, this.maxItemBytes)
    checkFlags(options?.flags)
    exptimeOf(options?.ttlMs)
  }

  #checkCall(options: CallOptions | undefined): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The cache was closed')
    if (options?.signal?.aborted !== true) return
    throw new StorageError('E_ABORTED', 'The command was aborted', { cause: options.signal.reason })
  }
}

function itemOf({ value, flags, cas }: Entry): CacheItem {
  return { value: Buffer.from(value), flags, cas }
}

function entrySize(key: string, valueBytes: number): number {
  return valueBytes + 2 * key.length + ENTRY_OVERHEAD_BYTES
}

/** memcached leaves blanks behind a number that became shorter, and reads them as part of it. */
function numberIn(entry: Entry, key: string): bigint {
  const text = entry.value.toString('latin1').trimEnd()
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n) return BigInt(text)
  throw new StorageError('E_SERVER', 'The item holds no number', { key })
}

function answer<T>(value: T): ServerAnswers<T> {
  return { answers: new Map([['embedded', value]]), failed: new Map() }
}
