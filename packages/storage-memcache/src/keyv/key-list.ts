import type { Cache, CacheItem } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { bucketOf, decodeEntries, encodeEntries, entryBytes, type MemberEntry } from '../listing/index.js'

const BUCKETS = 16
/** Keys whose values are asked for together. */
const PAGE = 500
/** A key is listed before its value is stored, maybe by a program whose clock differs. */
const YOUNG_MS = 60_000
/** A full list is cut down to this share of an item. */
const KEPT_SHARE = 0.5
const PRUNINGS = 10

/** Undefined where a key has no value. */
export type ValuesOf = (keys: readonly string[]) => Promise<(string | undefined)[]>

/**
 * The keys that may have values: 16 logs, to which each set appends. Nothing is removed from a log by a delete. Who
 * iterates, or finds a log full, writes it anew without the keys that have no value, unless somebody was faster.
 */
export class KeyList {
  readonly #cache: Cache
  readonly #valuesOf: ValuesOf

  constructor(cache: Cache, valuesOf: ValuesOf) {
    this.#cache = cache
    this.#valuesOf = valuesOf
  }

  /** Where a log is full of keys with values, the oldest of them are forgotten. */
  async add(listKey: string, key: string): Promise<void> {
    const bucket = `${listKey}/${bucketOf(key, BUCKETS)}`
    const bytes = encodeEntries([{ name: key, version: Date.now(), present: true }])
    for (let prunings = 0; ;) {
      try {
        if (await this.#cache.append(bucket, bytes)) return
        if ((await this.#cache.add(bucket, bytes)) !== undefined) return
      } catch (error) {
        if (!isStorageError(error, 'E_TOO_LARGE') || ++prunings > PRUNINGS) throw error
        await this.#cutDown(bucket)
      }
    }
  }

  /** Keys that begin so, with their values. Of those, a page is in memory at a time. */
  async *entries(listKey: string, begins: string): AsyncGenerator<[string, string], void> {
    for (let i = 0; i < BUCKETS; i++) yield* this.#bucketEntries(`${listKey}/${i}`, begins)
  }

  async *#bucketEntries(bucket: string, begins: string): AsyncGenerator<[string, string], void> {
    const item = await this.#cache.get(bucket)
    if (item === undefined) return
    const log = logOf(item)
    const listed = log.members.filter(({ name }) => name.startsWith(begins))
    const kept = log.members.filter(({ name }) => !name.startsWith(begins))
    for (let start = 0; start < listed.length; start += PAGE) {
      const page = listed.slice(start, start + PAGE)
      const values = await this.#valuesOf(page.map(({ name }) => name))
      for (const [i, entry] of page.entries()) {
        const value = values[i]
        if (value !== undefined || isYoung(entry)) kept.push(entry)
        if (value !== undefined) yield [entry.name, value]
      }
    }
    if (log.entries > 2 * kept.length) await this.#rewrite(bucket, item, kept)
  }

  async #cutDown(bucket: string): Promise<void> {
    const item = await this.#cache.get(bucket)
    if (item === undefined) return
    const newestFirst = logOf(item).members.sort((a, b) => b.version - a.version)
    let room = this.#cache.maxItemBytes * KEPT_SHARE
    const kept: MemberEntry[] = []
    for (let start = 0; start < newestFirst.length && room > 0; start += PAGE) {
      const page = newestFirst.slice(start, start + PAGE)
      const values = await this.#valuesOf(page.map(({ name }) => name))
      for (const [i, entry] of page.entries()) {
        if (values[i] === undefined && !isYoung(entry)) continue
        room -= entryBytes(entry.name)
        if (room > 0) kept.push(entry)
      }
    }
    await this.#rewrite(bucket, item, kept)
  }

  async #rewrite(bucket: string, item: CacheItem, kept: readonly MemberEntry[]): Promise<void> {
    await this.#cache.cas(bucket, encodeEntries(kept), item.cas)
  }
}

function logOf(item: CacheItem): { members: MemberEntry[]; entries: number } {
  const log = decodeEntries(item.value)
  return { members: [...(log?.members.values() ?? [])], entries: log?.entries ?? 1 }
}

function isYoung({ version }: MemberEntry): boolean {
  return version > Date.now() - YOUNG_MS
}
