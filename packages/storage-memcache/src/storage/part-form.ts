import type { Cache, CacheItem, Environment } from '@larder/memcached'
import type { StoredPart } from '@larder/storage-core'
import {
  type Decoded,
  type EncodedItem,
  entry,
  NO_STAMPS,
  type SlotItemKind,
  storeChunks,
  TTL_JITTER,
  type VersionedForm,
} from '../coherence/index.js'
import type { Settings } from '../settings.js'

/** What is to stand under a key: a value, the absence of one as of a version, or nothing. */
export type Content = StoredPart | { readonly absentSince: number } | 'uncached'

/** Undefined: the part does not exist. */
export type Found = StoredPart | undefined

const ABSENT: Decoded<Found> = Object.freeze({
  stamps: NO_STAMPS,
  freshUntil: Infinity,
  body: Object.freeze({ value: undefined }),
})

/** How parts of resources are written as items. */
export class PartForm implements VersionedForm<Found, Content> {
  readonly leaseFlags = entry.flagsOf('lease')
  readonly markFlags = entry.flagsOf('mark')
  readonly graceMs: number
  readonly #cache: Cache
  readonly #settings: Settings
  readonly #env: Environment

  constructor(cache: Cache, settings: Settings, env: Environment) {
    this.graceMs = settings.graceMs
    this.#cache = cache
    this.#settings = settings
    this.#env = env
  }

  kindOf(item: Pick<CacheItem, 'flags'>): SlotItemKind {
    const kind = entry.kindOf(item)
    switch (kind) {
      case 'value':
      case 'split':
      case 'absent':
        return 'value'
      case 'lease':
      case 'mark':
        return kind
      default:
        return 'other'
    }
  }

  decode(item: CacheItem): Decoded<Found> | undefined {
    const kind = entry.kindOf(item)
    if (kind === 'absent') return ABSENT
    const freshUntil = entry.freshUntilOf(item)
    if (kind === 'value') {
      const value = entry.decodeValue(item)
      return value && { stamps: NO_STAMPS, freshUntil, body: { value } }
    }
    const split = entry.decodeSplit(item)
    if (split === undefined) return undefined
    const join = (bytes: Buffer) => entry.storedPart(split.version, split.modifiedAtMs, bytes)
    return { stamps: NO_STAMPS, freshUntil, body: { split, join } }
  }

  isOlder(item: CacheItem, version: number): boolean {
    const isOld = entry.versionOf(item) < version
    return entry.kindOf(item) === 'absent' ? version !== 0 && isOld : version === 0 || isOld
  }

  async encode(key: string, content: Content): Promise<EncodedItem | undefined> {
    const { ttlMs, absentTtlMs, graceMs, maxCachedBytes } = this.#settings
    if (content === 'uncached') return undefined
    if ('absentSince' in content) {
      const bytes = entry.encodeAbsent(content.absentSince)
      return { bytes, flags: entry.flagsOf('absent'), ttlMs: this.#jittered(absentTtlMs) }
    }
    if (content.bytes.length > maxCachedBytes) return undefined
    const freshMs = this.#jittered(ttlMs)
    const freshUntil = graceMs === 0 ? undefined : this.#env.wallClock() + freshMs
    const staysMs = freshMs + graceMs
    if (content.bytes.length + entry.overheadOf(freshUntil) > this.#cache.maxItemBytes)
      return this.#encodeSplit(key, content, freshUntil, staysMs)
    const bytes = entry.encodeValue(content, freshUntil)
    return { bytes, flags: entry.valueFlags('value', freshUntil), ttlMs: staysMs }
  }

  async #encodeSplit(
    key: string,
    { bytes, version, modifiedAt }: StoredPart,
    freshUntil: number | undefined,
    ttlMs: number,
  ): Promise<EncodedItem | undefined> {
    const chunkBytes = this.#cache.maxItemBytes
    const bodyId = this.#env.uniqueId()
    const split = { version, modifiedAtMs: modifiedAt.getTime(), size: bytes.length, chunkBytes, bodyId }
    if (!(await storeChunks(this.#cache, key, split, bytes, ttlMs))) return undefined
    return {
      bytes: entry.encodeSplit(split, freshUntil),
      flags: entry.valueFlags('split', freshUntil),
      ttlMs,
    }
  }

  #jittered(ttlMs: number): number {
    return ttlMs * (1 - TTL_JITTER * this.#env.random())
  }
}
