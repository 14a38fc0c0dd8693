import { untilAborted } from '@larder/storage-core'
import type { Cache, CacheBatch, CacheItem } from '../cache.js'
import { kindOf } from './entry.js'
import { chunkKey, decodeHead, type Head, logKeys } from './listing-head.js'
import { decodeChunk, type MemberChunk } from './member-chunk.js'
import { decodeEntries, type MemberLog } from './member-log.js'
import { LogMerger } from './member-merge.js'

/** How many chunks are fetched at once; as many again are under way while these are read. */
const CHUNKS_AT_ONCE = 16
/** A set whose logs have more entries than this, and than this share of what was read, is built anew. */
const LOGGED_ALLOWED = 1_000
const LOGGED_SHARE = 1 / 8

/** A set that was built, as its head told. */
export class SetReader {
  readonly #cache: Cache
  readonly #headKey: string
  readonly #item: CacheItem
  readonly #head: Head

  private constructor(cache: Cache, headKey: string, item: CacheItem, head: Head) {
    this.#cache = cache
    this.#headKey = headKey
    this.#item = item
    this.#head = head
  }

  /** `'busy'`: it is being built. Undefined: there is none. Rejects where the server does not answer. */
  static async open(cache: Cache, headKey: string): Promise<SetReader | 'busy' | undefined> {
    const item = await cache.get(headKey)
    if (item === undefined) return undefined
    const head = decodeHead(item)
    if (head?.state === 'ready') return new SetReader(cache, headKey, item, head)
    if (head !== undefined) return 'busy'
    await cache.delete(headKey, { cas: item.cas })
    return undefined
  }

  /**
   * The names in order, in batches: all that were there when the set was opened and still are. Returns whether that
   * was the end; where something was evicted, the set is taken away, and what follows must be read from the storage
   * behind. Rejects where a server does not answer.
   */
  async *names(signal: AbortSignal | undefined): AsyncGenerator<readonly string[], boolean, undefined> {
    const keys = Array.from({ length: this.#head.chunks }, (_, i) => chunkKey(this.#headKey, this.#head, i))
    const logs = logKeys(this.#headKey, this.#head)
    const groups = [[...logs, ...keys.slice(0, CHUNKS_AT_ONCE)]]
    for (let i = CHUNKS_AT_ONCE; i < keys.length; i += CHUNKS_AT_ONCE)
      groups.push(keys.slice(i, i + CHUNKS_AT_ONCE))
    let merger: LogMerger | undefined
    let fetched = this.#fetch(groups[0])
    for (const [i, group] of groups.entries()) {
      const items = await untilAborted(fetched, signal)
      fetched = this.#fetch(groups[i + 1])
      if (merger === undefined) {
        const log = readLogs(items, logs)
        if (log === undefined) return this.#drop()
        if (this.#isOutgrown(log)) await this.#drop()
        merger = new LogMerger(log)
      }
      for (const key of i === 0 ? group.slice(logs.length) : group) {
        const chunk = readChunk(items.get(key))
        if (chunk === undefined) return this.#drop()
        const names = merger.merge(chunk)
        if (names.length > 0) yield names
      }
    }
    const rest = merger?.rest() ?? []
    if (rest.length > 0) yield rest
    return true
  }

  #fetch(keys: readonly string[] | undefined): Promise<CacheBatch['items']> {
    const fetching = keys === undefined ? Promise.resolve(new Map<string, CacheItem>()) : this.#getAll(keys)
    // Nobody may be waiting any more when it fails.
    fetching.catch(() => undefined)
    return fetching
  }

  async #getAll(keys: readonly string[]): Promise<CacheBatch['items']> {
    const { items, failed } = await this.#cache.getMulti(keys)
    for (const error of failed.values()) throw error
    return items
  }

  #isOutgrown({ entries }: MemberLog): boolean {
    return entries > Math.max(LOGGED_ALLOWED, this.#head.members * LOGGED_SHARE)
  }

  /** Only this very set: another may have come meanwhile. */
  async #drop(): Promise<false> {
    await this.#cache.delete(this.#headKey, { cas: this.#item.cas })
    return false
  }
}

function readLogs(items: CacheBatch['items'], keys: readonly string[]): MemberLog | undefined {
  const logs: Buffer[] = []
  for (const key of keys) {
    const item = items.get(key)
    if (item === undefined || kindOf(item) !== 'bucket') return undefined
    logs.push(item.value)
  }
  return decodeEntries(...logs)
}

function readChunk(item: CacheItem | undefined): MemberChunk | undefined {
  return item === undefined || kindOf(item) !== 'names' ? undefined : decodeChunk(item.value)
}
