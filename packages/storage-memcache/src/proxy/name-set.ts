import type { Cache, CacheItem } from '../cache.js'
import { EMPTY, flagsOf } from './entry.js'
import { bucketOf, decodeEntries, encodeEntries, type MemberEntry } from './member-log.js'

/** Enough for some hundred thousand names before an item's limit is met. */
const BUCKETS = 16
/** A log is rewritten when it has more superseded entries than this, and than it has names. */
const SUPERSEDED_ALLOWED = 100

/**
 * The names of a collection that lives in the cache alone. There is nothing to build it from: an evicted bucket
 * takes its names along, until each is written again.
 */
export class NameSet {
  readonly #cache: Cache

  constructor(cache: Cache) {
    this.#cache = cache
  }

  async create(key: string): Promise<void> {
    await this.#cache.add(key, EMPTY, { flags: flagsOf('head') })
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#cache.get(key)) !== undefined
  }

  /** Makes the collection where it is missing. */
  async read(key: string): Promise<string[]> {
    await this.create(key)
    const { items, failed } = await this.#cache.getMulti(bucketKeys(key))
    for (const error of failed.values()) throw error
    return [...items.values()].flatMap((item) =>
      membersOf(item)
        .filter(({ present }) => present)
        .map(({ name }) => name),
    )
  }

  async record(key: string, entry: MemberEntry): Promise<void> {
    await this.create(key)
    const bucket = `${key}/${bucketOf(entry.name, BUCKETS)}`
    const bytes = encodeEntries([entry])
    for (;;) {
      if (await this.#cache.append(bucket, bytes)) break
      if ((await this.#cache.add(bucket, bytes, { flags: flagsOf('bucket') })) !== undefined) break
    }
    if (!entry.present) await this.#compact(bucket)
  }

  /** Best effort: whoever is faster wins, and the next removal tries again. */
  async #compact(bucket: string): Promise<void> {
    const item = await this.#cache.get(bucket)
    const log = item && decodeEntries(item.value)
    if (item === undefined || log === undefined) return
    // A removal stays while an older entry of the same name may still arrive.
    const members = [...log.members.values()]
    if (log.entries - members.length <= Math.max(SUPERSEDED_ALLOWED, members.length)) return
    await this.#cache.cas(bucket, encodeEntries(members), item.cas, { flags: flagsOf('bucket') })
  }
}

function membersOf(item: CacheItem): MemberEntry[] {
  return [...(decodeEntries(item.value)?.members.values() ?? [])]
}

function bucketKeys(key: string): string[] {
  return Array.from({ length: BUCKETS }, (_, i) => `${key}/${i}`)
}
