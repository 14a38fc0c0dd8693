import type { Cache, CacheItem, Environment } from '@larder/memcached'
import type { Encoded } from '@larder/storage-core'
import {
  type Decoded,
  type EncodedItem,
  type NearCopies,
  NO_STAMPS,
  type SlotForm,
  type SlotItemKind,
  Slots,
  type SplitBody,
  type StampsNow,
  storeChunks,
} from '../coherence/index.js'
import { decodeEntry, encodeEntry, LEASE_FLAGS, type QueryEntry, VALUE_FLAGS } from './query-entry.js'

/** A value as it was stored; `undefined` for a loader that brought `undefined`. */
export type StoredResult = Encoded | undefined

/** What a slot is to hold of a query. Durations in milliseconds. */
export interface QueryContent {
  readonly result: StoredResult
  readonly ttlMs: number
  readonly graceMs: number
}

/** Slots of results: of a `QueryCache`, of TypeORM and of Keyv. */
export type QuerySlots = Slots<StoredResult, QueryContent>

export function querySlots(
  cache: Cache,
  env: Environment,
  leaseTtlMs: number,
  counters: { cacheErrors: number },
  near?: NearCopies,
): QuerySlots {
  return new Slots({ cache, form: new QueryForm(cache, env), env, leaseTtlMs, counters, near })
}

export function copyOf(result: StoredResult): StoredResult {
  return result && { ...result, bytes: Buffer.from(result.bytes) }
}

const NULL = Buffer.from('null')

/** Results as items that any client of any language can read. */
class QueryForm implements SlotForm<StoredResult, QueryContent> {
  readonly leaseFlags = LEASE_FLAGS
  /** The item itself ends with its grace. */
  readonly graceMs = Infinity
  readonly #cache: Cache
  readonly #env: Environment

  constructor(cache: Cache, env: Environment) {
    this.#cache = cache
    this.#env = env
  }

  kindOf({ flags }: Pick<CacheItem, 'flags'>): SlotItemKind {
    if (flags === VALUE_FLAGS) return 'value'
    return flags === LEASE_FLAGS ? 'lease' : 'other'
  }

  decode(item: CacheItem): Decoded<StoredResult> | undefined {
    const decoded = decodeEntry(item)
    if (decoded === undefined) return undefined
    const { entry, value } = decoded
    const { stamps = NO_STAMPS, freshUntil = Infinity, flags = 0, split } = entry
    if (split !== undefined)
      return { stamps, freshUntil, body: { split, join: (bytes) => ({ bytes, flags }) } }
    const result = entry.nothing === true ? undefined : { bytes: value, flags }
    return { stamps, freshUntil, body: { value: result } }
  }

  async encode(
    key: string,
    { result, ttlMs, graceMs }: QueryContent,
    stamps: StampsNow,
  ): Promise<EncodedItem | undefined> {
    const entry = {
      stamps: stamps.length === 0 ? undefined : stamps,
      freshUntil: graceMs === 0 ? undefined : this.#env.wallClock() + ttlMs,
      nothing: result === undefined ? (true as const) : undefined,
      flags: result === undefined || result.flags === 0 ? undefined : result.flags,
    }
    const staysMs = Number.isFinite(ttlMs + graceMs) ? ttlMs + graceMs : undefined
    const bytes = await this.#encoded(key, entry, result, staysMs)
    return bytes && { bytes, flags: VALUE_FLAGS, ttlMs: staysMs }
  }

  async #encoded(
    key: string,
    entry: QueryEntry,
    result: StoredResult,
    ttlMs: number | undefined,
  ): Promise<Buffer | undefined> {
    const chunkBytes = this.#cache.maxItemBytes
    const bytes = encodeEntry(entry, result?.bytes ?? NULL)
    if (result === undefined || bytes.length <= chunkBytes) return bytes
    const split: SplitBody = { bodyId: this.#env.uniqueId(), size: result.bytes.length, chunkBytes }
    const isStored = await storeChunks(this.#cache, key, split, result.bytes, ttlMs)
    return isStored ? encodeEntry({ ...entry, split }, NULL) : undefined
  }
}
