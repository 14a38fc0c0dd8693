import type { Cache, CacheItem } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { EMPTY, flagsOf } from '../coherence/index.js'
import { bucketOf, decodeEntries, encodeEntries, entryBytes, type MemberEntry } from '../listing/index.js'

/** Enough for some hundred thousand names before an item's limit is met. */
const BUCKETS = 16
/** A log is rewritten when it has more useless entries than this, and than it has others. */
const USELESS_ALLOWED = 100
/** In a log that is rewritten, absences fill an item up to this share at most; names that are there always stay. */
const ABSENCE_SHARE = 0.5
/** Other writers may fill what was freed, but not for ever. */
const MAX_COMPACTIONS = 10

/**
 * The names of a collection that lives in the cache alone. There is nothing to build it from: an evicted bucket
 * takes its names along, until each is removed and written again.
 */
export class NameSet {
  readonly #cache: Cache
  readonly #absenceTtlMs: number

  /** An absence is kept for `absenceTtlMs`, while an older entry of the same name may still arrive. */
  constructor(cache: Cache, absenceTtlMs: number) {
    this.#cache = cache
    this.#absenceTtlMs = absenceTtlMs
  }

  async create(headKey: string): Promise<void> {
    await this.#cache.add(headKey, EMPTY, { flags: flagsOf('head') })
  }

  async exists(headKey: string): Promise<boolean> {
    return (await this.#cache.get(headKey)) !== undefined
  }

  /** Makes the collection where it is missing. */
  async read(headKey: string): Promise<string[]> {
    await this.create(headKey)
    const { items, failed } = await this.#cache.getMulti(bucketKeys(headKey))
    for (const error of failed.values()) throw error
    return [...items.values()].flatMap((item) =>
      membersOf(item)
        .filter(({ present }) => present)
        .map(({ name }) => name),
    )
  }

  /** Versions are in microseconds since 1970. Rejects where a server does not answer; may be repeated. */
  async record(headKey: string, entry: MemberEntry): Promise<void> {
    await this.create(headKey)
    const bucket = `${headKey}/${bucketOf(entry.name, BUCKETS)}`
    for (let compactions = 0; ; compactions++) {
      try {
        await this.#append(bucket, encodeEntries([entry]))
        break
      } catch (error) {
        if (!isStorageError(error, 'E_TOO_LARGE') || compactions >= MAX_COMPACTIONS) throw error
        if (!(await this.#compact(bucket, entry))) throw error
      }
    }
    // The name is on record: what fails from here on is no failure of the caller's.
    if (!entry.present) await this.#compact(bucket).catch(() => undefined)
  }

  async #append(bucket: string, bytes: Buffer): Promise<void> {
    for (;;) {
      if (await this.#cache.append(bucket, bytes)) return
      if ((await this.#cache.add(bucket, bytes, { flags: flagsOf('bucket') })) !== undefined) return
    }
  }

  /**
   * Rewrites a log that is mostly useless, or to get room for `wanted` if there is any way. Resolves to whether there
   * may be room for it. Whoever is faster wins, and the next removal tries again.
   */
  async #compact(bucket: string, wanted?: MemberEntry): Promise<boolean> {
    const item = await this.#cache.get(bucket)
    const log = item && decodeEntries(item.value)
    if (item === undefined || log === undefined) return item === undefined
    const members = new Map(log.members)
    // A removal makes room for itself, by the name that it takes away.
    if (wanted?.present === false && isNewer(wanted, members.get(wanted.name))) members.delete(wanted.name)
    const kept = this.#worthKeeping([...members.values()])
    const useless = log.entries - kept.length
    if (wanted === undefined && useless <= Math.max(USELESS_ALLOWED, kept.length)) return true
    const bytes = encodeEntries(kept)
    if (wanted !== undefined && bytes.length + entryBytes(wanted.name) > this.#cache.maxItemBytes)
      return false
    await this.#cache.cas(bucket, bytes, item.cas, { flags: flagsOf('bucket') })
    return true
  }

  /** The newest absences are the likeliest to meet an older entry that is still on its way. */
  #worthKeeping(members: readonly MemberEntry[]): MemberEntry[] {
    const oldest = (Date.now() - this.#absenceTtlMs) * 1_000
    const there = members.filter(({ present }) => present)
    const thereBytes = there.reduce((sum, { name }) => sum + entryBytes(name), 0)
    let room = this.#cache.maxItemBytes * ABSENCE_SHARE - thereBytes
    const absences = members
      .filter(({ present, version }) => !present && version > oldest)
      .sort((a, b) => b.version - a.version)
      .filter(({ name }) => (room -= entryBytes(name)) >= 0)
    return [...there, ...absences]
  }
}

function isNewer(entry: MemberEntry, known: MemberEntry | undefined): boolean {
  return known === undefined || known.version < entry.version
}

function membersOf(item: CacheItem): MemberEntry[] {
  return [...(decodeEntries(item.value)?.members.values() ?? [])]
}

function bucketKeys(headKey: string): string[] {
  return Array.from({ length: BUCKETS }, (_, i) => `${headKey}/${i}`)
}
