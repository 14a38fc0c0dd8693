import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage, type StorageCounters } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Storage, StoredPart } from '@larder/storage-core'
import type { Seen } from './messages.js'
import { CLIENT, DATABASE } from './settings.js'
import { nameOfValue } from './values.js'

/** More than any run lasts: the processes are to relay, and not the one that looks at them. */
const NEVER_MS = 1_000_000_000
const PAUSE_MS = 50
const KEYS_AT_ONCE = 200

export interface ProbeOptions {
  readonly servers: readonly string[]
  readonly databaseUrl: string
  readonly keyPrefix: string
  readonly itemLimitBytes: number
}

/** Names of one collection. */
export interface Place {
  readonly collection: string
  readonly names: readonly string[]
}

/** Goes to the servers by ways that never fail, and compares what readers get with what the database has. */
export class Probe implements AsyncDisposable {
  readonly #durable: Storage
  readonly #cache: RemoteCache
  readonly #storage: MemcacheStorage
  #ended = false
  #watching: Promise<void> = Promise.resolve()
  #behindSince: number | undefined
  #lastFaultEnd = 0
  /** The longest time for which a reader could get what the database no longer had, acknowledged or not. */
  longestBehindMs = 0
  /** The same, from the end of the last fault on. */
  longestHealMs = 0

  private constructor(durable: Storage, cache: RemoteCache, storage: MemcacheStorage) {
    this.#durable = durable
    this.#cache = cache
    this.#storage = storage
  }

  static async open({ servers, databaseUrl, keyPrefix, itemLimitBytes }: ProbeOptions): Promise<Probe> {
    const durable = await SqlStorage.open({ url: databaseUrl, ...DATABASE })
    const cache = new RemoteCache(servers, { ...CLIENT, serverItemLimitBytes: itemLimitBytes })
    const options = { keyPrefix, relayIntervalMs: NEVER_MS, fillWaitMs: 20 }
    return new Probe(durable, cache, new MemcacheStorage({ cache, storage: durable, ...options }))
  }

  get counters(): StorageCounters {
    return this.#storage.counters()
  }

  /** Looks again and again at the places there are at the time. */
  watch(places: () => readonly Place[]): void {
    this.#watching = this.#watch(places)
  }

  faultEnded(): void {
    this.#lastFaultEnd = performance.now()
  }

  /** Keys of which a reader gets what is older than the database's. Rejects where the database does not answer. */
  async behind(places: readonly Place[]): Promise<string[]> {
    const wrong: string[] = []
    for (const place of places) {
      wrong.push(...(await this.#partsBehind(place)), ...(await this.#listingBehind(place)))
    }
    return wrong
  }

  /** What the database has, past the cache. */
  async stored(place: Place): Promise<Seen[]> {
    const parts = await this.#many(this.#durable, place)
    return place.names.map((name, i) => {
      const part = parts[i]
      const value = part && nameOfValue(part.bytes.toString())
      return { name, version: part?.version, value }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    await this.#watching
    await this.#storage.shutdown()
    await this.#cache.close()
    await this.#durable.shutdown()
  }

  async #watch(places: () => readonly Place[]): Promise<void> {
    while (!this.#ended) {
      // A database that is down tells nothing.
      const wrong = await this.behind(places()).catch(() => undefined)
      if (wrong !== undefined) this.#note(wrong.length > 0)
      await sleep(PAUSE_MS)
    }
  }

  #note(isBehind: boolean): void {
    const now = performance.now()
    if (isBehind) this.#behindSince ??= now
    else if (this.#behindSince !== undefined) {
      this.longestBehindMs = Math.max(this.longestBehindMs, now - this.#behindSince)
      const from = Math.max(this.#behindSince, this.#lastFaultEnd)
      this.longestHealMs = Math.max(this.longestHealMs, now - from)
      this.#behindSince = undefined
    }
  }

  async #partsBehind(place: Place): Promise<string[]> {
    const before = await this.#many(this.#durable, place)
    const through = await this.#many(this.#storage, place)
    const after = await this.#many(this.#durable, place)
    return place.names
      .filter((_, i) => isBehind(before[i], through[i], after[i]))
      .map((name) => `${place.collection}/${name}`)
  }

  async #listingBehind({ collection }: Place): Promise<string[]> {
    const before = await this.#durable.ls(collection)
    const through = await this.#storage.ls(collection)
    const after = await this.#durable.ls(collection)
    const missing = [...before.keys()].filter((name) => after.has(name) && !through.has(name))
    const extra = [...through.keys()].filter((name) => !before.has(name) && !after.has(name))
    return [...missing, ...extra].map((name) => `${collection} lists ${name}`)
  }

  async #many(storage: Storage, { collection, names }: Place): Promise<(StoredPart | undefined)[]> {
    const parts: (StoredPart | undefined)[] = []
    for (let at = 0; at < names.length; at += KEYS_AT_ONCE) {
      const some = names.slice(at, at + KEYS_AT_ONCE)
      parts.push(...(await storage.getMany(some.map((name) => storage.info(collection, name)))))
    }
    return parts
  }
}

/** What was removed and made anew in between is taken for right. */
function isBehind(
  before: StoredPart | undefined,
  through: StoredPart | undefined,
  after: StoredPart | undefined,
): boolean {
  if (before === undefined) return after === undefined && through !== undefined
  if (through === undefined) return after?.version === before.version
  return through.version < before.version
}
