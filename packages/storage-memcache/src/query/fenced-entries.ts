import type { Cache, CacheItem, CasToken, Environment } from '@larder/memcached'
import { type Encoded, StorageError } from '@larder/storage-core'
import { loadChunks, storeChunks } from '../proxy/chunks.js'
import { settleBoth } from '../proxy/promises.js'
import { decodeEntry, encodeEntry, LEASE_FLAGS, VALUE_FLAGS } from './query-entry.js'
import { areSame, type Stamps, type StampsNow } from './stamps.js'

/** Where an entry is, and what voids it. */
export interface EntryAddress {
  readonly key: string
  /** The keys of the stamps that it is made under, always in the same order. */
  readonly stampKeys: readonly string[]
  /** Where the lease of whoever refreshes it is. */
  readonly refreshKey: string
}

/** A value as it was stored; `undefined` for a loader that brought `undefined`. */
export type StoredResult = Encoded | undefined

/** What a look at a key can find, and the stamps of then. */
export type QueryLook =
  | { readonly kind: 'fresh'; readonly result: StoredResult }
  /** Past its time, and within its grace. */
  | { readonly kind: 'stale'; readonly result: StoredResult; readonly fence: Fence }
  /** Nothing, or what no longer counts. */
  | { readonly kind: 'none'; readonly fence: Fence }
  /** Somebody else is filling. */
  | { readonly kind: 'lease'; readonly token: CasToken; readonly fence: Fence }
  /** A server did not answer. */
  | { readonly kind: 'down' }

/** What a fill must find unchanged. */
export interface Fence {
  /** The item that the fill takes the place of; undefined: there was none. */
  readonly token: CasToken | undefined
  readonly stamps: StampsNow
}

export interface Freshness {
  readonly ttlMs: number
  readonly graceMs: number
}

const DOWN: QueryLook = Object.freeze({ kind: 'down' })
const NO_STAMPS: StampsNow = Object.freeze([])

/** The states of one entry, and the steps between them: every step but a deletion compares with what was seen. */
export class FencedEntries {
  readonly #cache: Cache
  readonly #stamps: Stamps
  readonly #env: Environment
  readonly #leaseTtlMs: number

  constructor(cache: Cache, stamps: Stamps, env: Environment, leaseTtlMs: number) {
    this.#cache = cache
    this.#stamps = stamps
    this.#env = env
    this.#leaseTtlMs = leaseTtlMs
  }

  /** Never rejects. The result's bytes are the caller's. */
  look({ key, stampKeys }: EntryAddress): Promise<QueryLook> {
    const item = this.#cache.get(key)
    if (stampKeys.length === 0) return item.then((found) => this.#read(key, found, NO_STAMPS), down)
    // Both are on their way at once: one round trip.
    return settleBoth(item, this.#stamps.read(stampKeys)).then(
      ([found, stamps]) => this.#read(key, found, stamps),
      down,
    )
  }

  /** Takes the place of what a look has seen. Undefined: somebody was faster. Rejects where the server did not answer. */
  async lease(key: string, { token, stamps }: Fence): Promise<Fence | undefined> {
    const bytes = encodeStamps(stamps)
    const options = { flags: LEASE_FLAGS, ttlMs: this.#leaseTtlMs }
    if (token === undefined) {
      const added = await this.#cache.add(key, bytes, options)
      return added && { token: added, stamps }
    }
    const result = await this.#cache.cas(key, bytes, token, options)
    return result.status === 'stored' ? { token: result.cas, stamps } : undefined
  }

  /** A lease that leaves the value readable: whoever has it refreshes. Undefined: somebody else does. */
  leaseRefresh(refreshKey: string): Promise<CasToken | undefined> {
    return this.#cache.add(refreshKey, encodeStamps(NO_STAMPS), {
      flags: LEASE_FLAGS,
      ttlMs: this.#leaseTtlMs,
    })
  }

  /** Never rejects: what is left expires. */
  async endRefresh(refreshKey: string, token: CasToken): Promise<void> {
    await this.#cache.delete(refreshKey, { cas: token }).catch(down)
  }

  /** Whether the result stands now. Not where anything came between, or it is too large to cache. */
  async fill(key: string, fence: Fence, result: StoredResult, freshness: Freshness): Promise<boolean> {
    if (fence.token === undefined) return false
    const ttlMs = freshness.ttlMs + freshness.graceMs
    const bytes = await this.#encode(key, fence.stamps, result, freshness)
    if (bytes === undefined) {
      await this.release(key, fence)
      return false
    }
    const stored = await this.#cache.cas(key, bytes, fence.token, { flags: VALUE_FLAGS, ttlMs })
    return stored.status === 'stored'
  }

  /** Stores whatever stands there: the caller's own word, not something that was read. */
  async put(key: string, stamps: StampsNow, result: StoredResult, freshness: Freshness): Promise<void> {
    const bytes = await this.#encode(key, stamps, result, freshness)
    if (bytes === undefined)
      throw new StorageError('E_TOO_LARGE', 'The value could not be stored in pieces', { key })
    const ttlMs = freshness.ttlMs + freshness.graceMs
    await this.#cache.set(key, bytes, {
      flags: VALUE_FLAGS,
      ttlMs: Number.isFinite(ttlMs) ? ttlMs : undefined,
    })
  }

  /** Gives up a lease. Never rejects: what is left expires. */
  async release(key: string, { token }: Fence): Promise<void> {
    if (token !== undefined) await this.#cache.delete(key, { cas: token }).catch(down)
  }

  /** From when this resolves, nothing that was read before counts: a value is gone, a fill will be refused. */
  async drop(key: string): Promise<void> {
    await this.#cache.delete(key)
  }

  #read(key: string, item: CacheItem | undefined, stamps: StampsNow): QueryLook | Promise<QueryLook> {
    if (item === undefined) return { kind: 'none', fence: { token: undefined, stamps } }
    if (item.flags === LEASE_FLAGS) {
      const fence = { token: item.cas, stamps }
      // What is filled under stamps that are no more counts for nobody: it is not worth waiting for.
      const isVoid = !encodeStamps(stamps).equals(item.value)
      return isVoid ? { kind: 'none', fence } : { kind: 'lease', token: item.cas, fence }
    }
    const decoded = item.flags === VALUE_FLAGS ? decodeEntry(item) : undefined
    if (decoded === undefined || !areSame(decoded.entry.stamps ?? NO_STAMPS, stamps)) {
      return { kind: 'none', fence: { token: item.cas, stamps } }
    }
    const { entry, value } = decoded
    const isStale = entry.freshUntil !== undefined && entry.freshUntil <= this.#env.wallClock()
    const found = (result: StoredResult): QueryLook =>
      isStale ? { kind: 'stale', result, fence: { token: item.cas, stamps } } : { kind: 'fresh', result }
    if (entry.nothing === true) return found(undefined)
    const { split, flags = 0 } = entry
    if (split === undefined) return found({ bytes: value, flags })
    return loadChunks(this.#cache, key, split).then(
      (bytes) =>
        bytes === undefined ? { kind: 'none', fence: { token: item.cas, stamps } } : found({ bytes, flags }),
      down,
    )
  }

  async #encode(
    key: string,
    stamps: StampsNow,
    result: StoredResult,
    { ttlMs, graceMs }: Freshness,
  ): Promise<Buffer | undefined> {
    const entry = {
      stamps: stamps.length === 0 ? undefined : stamps,
      freshUntil: graceMs === 0 ? undefined : this.#env.wallClock() + ttlMs,
      nothing: result === undefined ? (true as const) : undefined,
      flags: result === undefined || result.flags === 0 ? undefined : result.flags,
    }
    const bytes = encodeEntry(entry, result?.bytes ?? NULL)
    if (result === undefined || bytes.length <= this.#cache.maxItemBytes) return bytes
    const chunkBytes = this.#cache.maxItemBytes
    const split = { bodyId: this.#env.uniqueId(), size: result.bytes.length, chunkBytes }
    const stayMs = ttlMs + graceMs
    const stored = await storeChunks(
      this.#cache,
      key,
      split,
      result.bytes,
      Number.isFinite(stayMs) ? stayMs : undefined,
    )
    return stored ? encodeEntry({ ...entry, split }, NULL) : undefined
  }
}

const NULL = Buffer.from('null')

function encodeStamps(stamps: StampsNow): Buffer {
  return Buffer.from(stamps.join(' '), 'latin1')
}

function down(): QueryLook {
  return DOWN
}
