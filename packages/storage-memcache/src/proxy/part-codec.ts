import type { Cache, CacheItem, CasToken, Environment } from '@larder/memcached'
import type { StoredPart } from '@larder/storage-core'
import { loadChunks, storeChunks } from './chunks.js'
import * as entry from './entry.js'
import { type Settings, TTL_JITTER } from './settings.js'

/** What a look at a part's key can find. */
export type Look =
  | { readonly kind: 'value'; readonly part: StoredPart }
  | StaleLook
  | { readonly kind: 'absent' }
  | { readonly kind: 'none' }
  /** Another reader is filling. */
  | { readonly kind: 'lease'; readonly token: CasToken }
  /** A writer is at work. */
  | { readonly kind: 'mark' }
  /** The server did not answer. */
  | { readonly kind: 'down' }

/** A value past its `ttlMs` that may still be served while somebody reads it anew. */
export interface StaleLook {
  readonly kind: 'stale'
  readonly part: StoredPart
  readonly token: CasToken
}

/** What is to stand under a key: a value, the absence of one as of a version, or nothing. */
export type Content = StoredPart | { readonly absentSince: number } | 'uncached'

export interface EncodedPart {
  readonly value: Buffer
  readonly flags: number
  readonly ttlMs: number
}

export const NONE: Look = Object.freeze({ kind: 'none' })
const ABSENT: Look = Object.freeze({ kind: 'absent' })
const MARK: Look = Object.freeze({ kind: 'mark' })

/** Between what stands in the cache and what it means; the pieces of values over the item limit included. */
export class PartCodec {
  readonly #cache: Cache
  readonly #settings: Settings
  readonly #env: Environment

  constructor(cache: Cache, settings: Settings, env: Environment) {
    this.#cache = cache
    this.#settings = settings
    this.#env = env
  }

  /** A promise only where it takes further calls; it rejects where a server does not answer those. */
  decode(key: string, item: CacheItem): Look | 'unreadable' | Promise<Look | 'unreadable'> {
    switch (entry.kindOf(item)) {
      case 'value': {
        const part = entry.decodeValue(item)
        return part === undefined ? 'unreadable' : this.#aged(item, part)
      }
      case 'split':
        return this.#decodeSplit(key, item)
      case 'absent':
        return ABSENT
      case 'lease':
        return { kind: 'lease', token: item.cas }
      case 'mark':
        return MARK
      default:
        return 'unreadable'
    }
  }

  /** Whether a value is within its time, past it, or past all grace. What is no value is always fresh. */
  ageOf(item: CacheItem): 'fresh' | 'stale' | 'over' {
    const freshUntil = entry.freshUntilOf(item)
    if (freshUntil === Infinity) return 'fresh'
    const lateMs = this.#env.wallClock() - freshUntil
    return lateMs <= 0 ? 'fresh' : lateMs < this.#settings.graceMs ? 'stale' : 'over'
  }

  /** Undefined: not to be cached. */
  async encode(key: string, content: Content): Promise<EncodedPart | undefined> {
    const { ttlMs, absentTtlMs, graceMs, maxCachedBytes } = this.#settings
    if (content === 'uncached') return undefined
    if ('absentSince' in content) {
      const value = entry.encodeAbsent(content.absentSince)
      return { value, flags: entry.flagsOf('absent'), ttlMs: this.#jittered(absentTtlMs) }
    }
    if (content.bytes.length > maxCachedBytes) return undefined
    const freshMs = this.#jittered(ttlMs)
    const freshUntil = graceMs === 0 ? undefined : this.#env.wallClock() + freshMs
    const staysMs = freshMs + graceMs
    if (content.bytes.length + entry.overheadOf(freshUntil) > this.#cache.maxItemBytes)
      return this.#encodeSplit(key, content, freshUntil, staysMs)
    return {
      value: entry.encodeValue(content, freshUntil),
      flags: entry.valueFlags('value', freshUntil),
      ttlMs: staysMs,
    }
  }

  async #encodeSplit(
    key: string,
    { bytes, version, modifiedAt }: StoredPart,
    freshUntil: number | undefined,
    ttlMs: number,
  ): Promise<EncodedPart | undefined> {
    const chunkBytes = this.#cache.maxItemBytes
    const bodyId = this.#env.uniqueId()
    const split = { version, modifiedAtMs: modifiedAt.getTime(), size: bytes.length, chunkBytes, bodyId }
    if (!(await storeChunks(this.#cache, key, split, bytes, ttlMs))) return undefined
    return {
      value: entry.encodeSplit(split, freshUntil),
      flags: entry.valueFlags('split', freshUntil),
      ttlMs,
    }
  }

  async #decodeSplit(key: string, item: CacheItem): Promise<Look | 'unreadable'> {
    const split = entry.decodeSplit(item)
    const bytes = split && (await loadChunks(this.#cache, key, split))
    if (split === undefined || bytes === undefined) return 'unreadable'
    return this.#aged(item, entry.storedPart(split.version, split.modifiedAtMs, bytes))
  }

  #aged(item: CacheItem, part: StoredPart): Look | 'unreadable' {
    switch (this.ageOf(item)) {
      case 'fresh':
        return { kind: 'value', part }
      case 'stale':
        return { kind: 'stale', part, token: item.cas }
      case 'over':
        return 'unreadable'
    }
  }

  #jittered(ttlMs: number): number {
    return ttlMs * (1 - TTL_JITTER * this.#env.random())
  }
}
