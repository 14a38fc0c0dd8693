import type { Cache, CacheItem, CasToken } from '../cache.js'
import * as entry from './entry.js'
import { flagsOf, kindOf } from './entry.js'
import type { Environment } from '../environment.js'
import { bucketOf, decodeEntries, encodeEntries, entryBytes, type MemberEntry } from './member-log.js'

/** A listing that was built once and is kept up by its writers, spread over buckets of one generation. */
export interface Head {
  /** Never used twice, so that a bucket of before can never be taken for one of now. */
  readonly generation: string
  readonly buckets: number
  /** `leased`: somebody is about to build. `building`: the storage behind is being read. */
  readonly state: 'leased' | 'building' | 'ready'
}

/** Reads the members of a collection with the version of each, from the storage behind. */
export type ReadMembers = () => AsyncIterable<readonly { readonly name: string; readonly version: number }[]>

export interface Membership {
  readonly name: string
  readonly version: number
  readonly present: boolean
}

/** A bucket is filled up to this share of an item when it is built; the rest is for the log of changes. */
const FILL_SHARE = 0.5
/** A log with more superseded entries than this, and than there are members, is built anew. */
const SUPERSEDED_ALLOWED = 1_000
/** Buckets outlive their head, lest a head lead to nothing. */
const BUCKET_EXTRA_MS = 60_000
const MAX_REBUILDS = 3
/** How long a build waits at most for the writers that were under way before it. */
const MAX_DRAIN_MS = 640
/** Bases are sent a few at a time: a cache may refuse more bytes than its queue takes. */
const BASES_AT_ONCE = 4

/**
 * One set-tracking key a collection. Writers add their change to the log of the generation that they saw while they
 * held the row's lock; where another has come since, the head goes, since a change that the new one lacks could
 * have been made before or after it was read.
 */
export class MemberSet {
  readonly #cache: Cache
  readonly #env: Environment
  readonly #ttlMs: number
  readonly #leaseTtlMs: number
  /** Grows while builds are refused because of writers that began before them. */
  #drainMs = 0

  constructor(cache: Cache, env: Environment, ttlMs: number, leaseTtlMs: number) {
    this.#cache = cache
    this.#env = env
    this.#ttlMs = ttlMs
    this.#leaseTtlMs = leaseTtlMs
  }

  /** The generation that stands now, whatever its state. Rejects where the server does not answer. */
  async generation(headKey: string): Promise<string | undefined> {
    return decodeHead(await this.#cache.get(headKey))?.generation
  }

  /**
   * Makes a committed change visible, `seen` being the generation of when the row was locked. Rejects where the
   * server does not answer; may be repeated.
   */
  async record(headKey: string, seen: string | undefined, change: Membership): Promise<void> {
    const item = await this.#cache.get(headKey)
    const head = decodeHead(item)
    // What is built from here on reads the storage behind later than this change was committed.
    if (item === undefined || head?.state === 'leased') return
    if (head !== undefined && head.generation === seen && (await this.#append(headKey, head, change))) return
    await this.#dropHead(headKey, item)
  }

  /** Takes the listing away, so that it is read anew. Rejects where the server does not answer. */
  async drop(headKey: string): Promise<void> {
    const item = await this.#cache.get(headKey)
    if (item !== undefined) await this.#dropHead(headKey, item)
  }

  /** The names, or undefined where the set cannot tell. Rejects where a server does not answer. */
  async read(headKey: string): Promise<string[] | 'busy' | undefined> {
    const item = await this.#cache.get(headKey)
    if (item === undefined) return undefined
    const head = decodeHead(item)
    if (head === undefined) {
      await this.#dropHead(headKey, item)
      return undefined
    }
    if (head.state !== 'ready') return 'busy'
    const names = await this.#readBuckets(headKey, head)
    if (names !== undefined) return names
    await this.#dropHead(headKey, item)
    return undefined
  }

  /** Builds the set and resolves to the names read. Undefined: somebody else is at it. */
  async build(headKey: string, readMembers: ReadMembers): Promise<string[] | undefined> {
    let buckets = 1
    for (let round = 0; round < MAX_REBUILDS; round++) {
      const generation = this.#env.uniqueId()
      const lease = await this.#cache.add(headKey, encodeHead({ generation, buckets, state: 'leased' }), {
        flags: flagsOf('head'),
        ttlMs: this.#leaseTtlMs,
      })
      if (lease === undefined) return undefined
      // Writers that locked their row before the lease do no harm if they finish while it stands.
      if (this.#drainMs > 0) await this.#env.sleep(this.#drainMs)
      const built = await this.#buildUnderLease(
        headKey,
        { generation, buckets, state: 'building' },
        lease,
        readMembers,
      )
      if (typeof built !== 'number') return built
      // More members than the buckets can hold: again, with as many as were needed.
      buckets = built
    }
    return undefined
  }

  /** The names that were read, or how many buckets it would take. */
  async #buildUnderLease(
    headKey: string,
    head: Head,
    lease: CasToken,
    readMembers: ReadMembers,
  ): Promise<string[] | number> {
    // A cache that fails costs the set, never the listing.
    const token = await this.#openBuckets(headKey, head, lease).catch(() => undefined)
    let published = false
    try {
      const entries = await this.#collect(headKey, readMembers)
      const needed = this.#bucketsFor(entries)
      if (token !== undefined && needed > head.buckets) return needed
      published =
        token !== undefined && (await this.#publish(headKey, head, token, entries).catch(() => false))
      this.#drainMs = published
        ? Math.floor(this.#drainMs / 2)
        : Math.min(MAX_DRAIN_MS, this.#drainMs * 2 + 10)
      return entries.map(({ name }) => name)
    } finally {
      // Nobody else may build before this is gone.
      if (!published) await this.#cache.delete(headKey, { cas: token ?? lease }).catch(() => undefined)
    }
  }

  async #collect(headKey: string, readMembers: ReadMembers): Promise<MemberEntry[]> {
    const entries: MemberEntry[] = []
    let refreshAt = this.#env.now() + this.#leaseTtlMs / 3
    for await (const batch of readMembers()) {
      for (const { name, version } of batch) entries.push({ name, version, present: true })
      if (this.#env.now() < refreshAt) continue
      refreshAt = this.#env.now() + this.#leaseTtlMs / 3
      await this.#cache.touch(headKey, this.#leaseTtlMs).catch(() => false)
    }
    return entries
  }

  /** Makes the buckets, then tells writers that they are there. Undefined: the lease is gone. */
  async #openBuckets(headKey: string, head: Head, lease: CasToken): Promise<CasToken | undefined> {
    const empty = bucketKeys(headKey, head).map((key) => ({
      key,
      value: entry.EMPTY,
      flags: flagsOf('bucket'),
      ttlMs: this.#ttlMs + BUCKET_EXTRA_MS,
    }))
    if ((await this.#cache.setMulti(empty)).size > 0) return undefined
    const options = { flags: flagsOf('head'), ttlMs: this.#leaseTtlMs }
    const result = await this.#cache.cas(headKey, encodeHead(head), lease, options)
    return result.status === 'stored' ? result.cas : undefined
  }

  /** Puts the members in front of what writers have logged meanwhile, and opens the set to readers. */
  async #publish(
    headKey: string,
    head: Head,
    token: CasToken,
    entries: readonly MemberEntry[],
  ): Promise<boolean> {
    const bases: MemberEntry[][] = Array.from({ length: head.buckets }, () => [])
    for (const member of entries) bases[bucketOf(member.name, head.buckets)]?.push(member)
    const keys = bucketKeys(headKey, head)
    for (let start = 0; start < keys.length; start += BASES_AT_ONCE) {
      const some = keys.slice(start, start + BASES_AT_ONCE)
      const prepended = await Promise.all(
        some.map(async (key, i) => {
          const base = bases[start + i] ?? []
          return base.length === 0 || this.#cache.prepend(key, encodeEntries(base))
        }),
      )
      if (prepended.includes(false)) return false
    }
    const options = { flags: flagsOf('head'), ttlMs: this.#ttlMs }
    const result = await this.#cache.cas(headKey, encodeHead({ ...head, state: 'ready' }), token, options)
    return result.status === 'stored'
  }

  #bucketsFor(entries: readonly MemberEntry[]): number {
    const total = entries.reduce((sum, { name }) => sum + entryBytes(name), 0)
    const room = this.#cache.maxItemBytes * FILL_SHARE
    if (total <= room) return 1
    // A hash spreads unevenly: a quarter more than the average needs.
    return Math.ceil((total / room) * 1.25)
  }

  async #append(headKey: string, head: Head, change: Membership): Promise<boolean> {
    const key = bucketKey(headKey, head, bucketOf(change.name, head.buckets))
    try {
      return await this.#cache.append(key, encodeEntries([change]))
    } catch {
      // Too large, or no answer: the head must go; should that fail too, the caller learns of it.
      return false
    }
  }

  async #readBuckets(headKey: string, head: Head): Promise<string[] | undefined> {
    const keys = bucketKeys(headKey, head)
    const { items, failed } = await this.#cache.getMulti(keys)
    for (const error of failed.values()) throw error
    const names: string[] = []
    let superseded = 0
    for (const key of keys) {
      const item = items.get(key)
      const log = item && decodeEntries(item.value)
      if (log === undefined) return undefined
      for (const { name, present } of log.members.values()) if (present) names.push(name)
      superseded += log.entries
    }
    superseded -= names.length
    return superseded > Math.max(SUPERSEDED_ALLOWED, names.length) ? undefined : names
  }

  async #dropHead(headKey: string, item: CacheItem): Promise<void> {
    let current: CacheItem | undefined = item
    while (current !== undefined && (await this.#cache.delete(headKey, { cas: current.cas })) === 'exists') {
      current = await this.#cache.get(headKey)
    }
  }
}

function bucketKey(headKey: string, head: Head, index: number): string {
  return `${headKey}/${head.generation}/${index}`
}

function bucketKeys(headKey: string, head: Head): string[] {
  return Array.from({ length: head.buckets }, (_, i) => bucketKey(headKey, head, i))
}

const STATES: readonly Head['state'][] = ['leased', 'building', 'ready']

function encodeHead({ generation, buckets, state }: Head): Buffer {
  return Buffer.from(`${state} ${buckets} ${generation}`, 'latin1')
}

function decodeHead(item: CacheItem | undefined): Head | undefined {
  if (item === undefined || kindOf(item) !== 'head') return undefined
  const [state, buckets, generation] = item.value.toString('latin1').split(' ')
  const known = STATES.find((name) => name === state)
  if (known === undefined || generation === undefined || !(Number(buckets) >= 1)) return undefined
  return { state: known, buckets: Number(buckets), generation }
}
