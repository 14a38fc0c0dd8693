import type { Cache, CacheBatch, CacheItem } from '@larder/memcached'
import { untilAborted } from '@larder/storage-core/driver'
import type { ChunkMemory } from './chunk-memory.js'
import { kindOf } from '../coherence/index.js'
import { chunkKey, decodeHead, type Head, logKeys } from './listing-head.js'
import { decodeChunk, type MemberChunk } from './member-chunk.js'
import { decodeEntries, type MemberLog } from './member-log.js'
import { LogMerger } from './member-merge.js'

/** How many chunks are fetched at once; as many again are under way while these are read. */
const CHUNKS_AT_ONCE = 16
/** A set whose logs have more entries than this, and than this share of what was read, is built anew. */
const LOGGED_ALLOWED = 1_000
const LOGGED_SHARE = 1 / 8

/** Where a set is read. */
export interface ReadSite {
  readonly cache: Cache
  readonly memory: ChunkMemory
  readonly headKey: string
}

/** What was asked for, and what needed not be. */
interface Fetch {
  readonly kept: ReadonlyMap<string, MemberChunk>
  readonly items: Promise<CacheBatch['items']>
}

/** A set that was built, as its head told. */
export class SetReader {
  readonly #site: ReadSite
  readonly #item: CacheItem
  readonly #head: Head
  readonly #isKept: boolean

  private constructor(site: ReadSite, item: CacheItem, head: Head) {
    this.#site = site
    this.#item = item
    this.#head = head
    this.#isKept = site.memory.hasRoomFor(head.chunks)
  }

  /**
   * A text: it is being built, and has got on since the text was another. Undefined: there is none. Rejects where
   * the server does not answer.
   */
  static async open(site: ReadSite): Promise<SetReader | string | undefined> {
    const item = await site.cache.get(site.headKey)
    if (item === undefined) return undefined
    const head = decodeHead(item)
    if (head?.state === 'ready') return new SetReader(site, item, head)
    if (head !== undefined) return item.value.toString('latin1')
    await site.cache.delete(site.headKey, { cas: item.cas })
    return undefined
  }

  /**
   * The names in order, in batches: all that were there when the set was opened and still are. Returns whether that
   * was the end; where something was evicted, the set is taken away, and what follows must be read from the storage
   * behind. Rejects where a server does not answer.
   */
  async *names(signal: AbortSignal | undefined): AsyncGenerator<readonly string[], boolean, undefined> {
    const { headKey } = this.#site
    const logs = logKeys(headKey, this.#head)
    const chunks = Array.from({ length: this.#head.chunks }, (_, i) => chunkKey(headKey, this.#head, i))
    let fetch = this.#fetch(logs, chunks.slice(0, CHUNKS_AT_ONCE))
    const log = readLogs(await untilAborted(fetch.items, signal), logs)
    if (log === undefined) return this.#drop()
    if (this.#isOutgrown(log)) await this.#drop()
    const merger = new LogMerger(log)
    for (let start = 0; start < chunks.length; start += CHUNKS_AT_ONCE) {
      const { kept } = fetch
      const items = await untilAborted(fetch.items, signal)
      const next = start + CHUNKS_AT_ONCE
      fetch = this.#fetch([], chunks.slice(next, next + CHUNKS_AT_ONCE))
      for (const key of chunks.slice(start, next)) {
        const chunk = kept.get(key) ?? this.#decode(key, items.get(key))
        if (chunk === undefined) return this.#drop()
        const names = merger.merge(chunk)
        if (names.length > 0) yield names
      }
    }
    const rest = merger.rest()
    if (rest.length > 0) yield rest
    return true
  }

  #fetch(logs: readonly string[], chunks: readonly string[]): Fetch {
    const kept = new Map<string, MemberChunk>()
    for (const key of this.#isKept ? chunks : []) {
      const chunk = this.#site.memory.get(key)
      if (chunk !== undefined) kept.set(key, chunk)
    }
    const items = this.#getAll([...logs, ...chunks.filter((key) => !kept.has(key))])
    // Nobody may be waiting any more when it fails.
    items.catch(() => undefined)
    return { kept, items }
  }

  async #getAll(keys: readonly string[]): Promise<CacheBatch['items']> {
    if (keys.length === 0) return new Map<string, CacheItem>()
    const { items, failed } = await this.#site.cache.getMulti(keys)
    for (const error of failed.values()) throw error
    return items
  }

  #decode(key: string, item: CacheItem | undefined): MemberChunk | undefined {
    if (item === undefined || kindOf(item) !== 'names') return undefined
    const chunk = decodeChunk(item.value)
    if (chunk !== undefined && this.#isKept) this.#site.memory.keep(key, chunk, item.value.length)
    return chunk
  }

  #isOutgrown({ entries }: MemberLog): boolean {
    return entries > Math.max(LOGGED_ALLOWED, this.#head.members * LOGGED_SHARE)
  }

  /** Only this very set: another may have come meanwhile. */
  async #drop(): Promise<false> {
    await this.#site.cache.delete(this.#site.headKey, { cas: this.#item.cas })
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
