import { StorageError } from '@larder/storage-core/base'
import { LRUCache } from 'lru-cache'
import type { CacheItem, CasToken, ItemOptions, PeekedItem } from '../cache.js'
import { CasId, foreignToken } from '../transport/index.js'

/** What an entry costs beside its value and key, roughly: the objects that hold them. */
const ENTRY_OVERHEAD_BYTES = 200

interface Entry {
  /** Never handed out and never changed. */
  readonly value: Buffer
  readonly flags: number
  readonly cas: CasId
  /** On the clock of the cache. */
  readonly expiresAt: number
  /** When it was stored or read. */
  usedAt: number
  wasRead: boolean
}

export function entrySize(key: string, valueBytes: number): number {
  return valueBytes + 2 * key.length + ENTRY_OVERHEAD_BYTES
}

/** The items of an embedded cache and of its clones, as memcached keeps them. Bytes are copied in and out. */
export class EmbeddedItems {
  readonly home = this
  readonly #entries: LRUCache<string, Entry>
  readonly #now: () => number
  #stores = 0
  #hits = 0
  #misses = 0
  #readBytes = 0

  constructor(maxBytes: number, now: () => number) {
    this.#now = now
    this.#entries = new LRUCache<string, Entry>({
      maxSize: maxBytes,
      sizeCalculation: (entry, key) => entrySize(key, entry.value.length),
    })
  }

  /** By memcached's names. */
  get stats(): Readonly<Record<string, number>> {
    return {
      curr_items: this.#entries.size,
      bytes: this.#entries.calculatedSize,
      get_hits: this.#hits,
      get_misses: this.#misses,
      bytes_written: this.#readBytes,
    }
  }

  /** Of one slab class, which holds all of them. */
  get slabStats(): Readonly<Record<string, number>> {
    const [oldest] = this.#entries.rkeys()
    const entry = oldest === undefined ? undefined : this.#entries.peek(oldest)
    if (entry === undefined) return {}
    const age = Math.floor((this.#now() - entry.usedAt) / 1000)
    return { 'items:1:number': this.#entries.size, 'items:1:age': age }
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined
  }

  get(key: string): CacheItem | undefined {
    const entry = this.#find(key)
    if (entry === undefined) {
      this.#misses++
      return undefined
    }
    this.#hits++
    this.#readBytes += entry.value.length
    entry.usedAt = this.#now()
    entry.wasRead = true
    return itemOf(entry)
  }

  /** Counts as no use of it. */
  peek(key: string): PeekedItem | undefined {
    const entry = this.#entries.peek(key)
    const now = this.#now()
    if (entry === undefined || now >= entry.expiresAt) return undefined
    const ttlMs = entry.expiresAt === Infinity ? undefined : entry.expiresAt - now
    return { ...itemOf(entry), ttlMs, idleMs: now - entry.usedAt, wasRead: entry.wasRead }
  }

  /** What stands against a change of what `token` stands for; undefined: nothing. Throws a `TypeError` for a token of another cache. */
  conflict(key: string, token: CasToken): 'exists' | 'not-found' | undefined {
    if (!(token instanceof CasId) || token.isForeignTo(this)) throw foreignToken()
    const entry = this.#find(key)
    if (entry === undefined) return 'not-found'
    return entry.cas.equals(token) ? undefined : 'exists'
  }

  set(key: string, value: Uint8Array, options: ItemOptions | undefined): CasToken {
    const cas = this.#nextCas()
    const expiresAt = this.#expiresAt(options?.ttlMs)
    const flags = options?.flags ?? 0
    const used = { usedAt: this.#now(), wasRead: false }
    this.#entries.set(key, { value: Buffer.from(value), flags, cas, expiresAt, ...used })
    return cas
  }

  /** Puts what `change` makes of the value in its place; the rest stays. `false`: there is none. */
  change(key: string, change: (value: Buffer) => Buffer): boolean {
    const entry = this.#find(key)
    if (entry === undefined) return false
    this.#entries.set(key, { ...entry, value: change(entry.value), cas: this.#nextCas() })
    return true
  }

  touch(key: string, ttlMs: number | undefined): boolean {
    const entry = this.#find(key)
    if (entry === undefined) return false
    this.#entries.set(key, { ...entry, expiresAt: this.#expiresAt(ttlMs) })
    return true
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#now() < entry.expiresAt) return entry
    this.#entries.delete(key)
    return undefined
  }

  #nextCas(): CasId {
    const id = ++this.#stores
    return new CasId(Math.floor(id / 2 ** 32), id >>> 0, this)
  }

  #expiresAt(ttlMs: number | undefined): number {
    return ttlMs === undefined ? Infinity : this.#now() + ttlMs
  }
}

function itemOf({ value, flags, cas }: Entry): CacheItem {
  return { value: Buffer.from(value), flags, cas }
}

/** memcached leaves blanks behind a number that became shorter, and reads them as part of it. */
export function numberIn(value: Buffer, key: string): bigint {
  const text = value.toString('latin1').trimEnd()
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n) return BigInt(text)
  throw new StorageError('E_SERVER', 'The item holds no number', { key })
}
