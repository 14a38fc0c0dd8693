import type { Cache, CacheBatch, CacheItem, CasToken, Environment, ItemState } from '@larder/memcached'
import { LRUCache } from 'lru-cache'
import { settleBoth } from './promises.js'

/** Below this, in bytes, a round trip with the value costs about as much as one without. */
const MIN_BYTES = 2_048
/** What a record takes beside a copy: its key, its token and its place in the list. */
const RECORD_BYTES = 256
/** A copy that was out of date so many times in a row is not worth asking for. */
const MAX_MISSES = 2
const EMPTY: CacheBatch = Object.freeze({ items: new Map(), failed: new Map() })
/** How long no copy is used after a server had to send the value to tell its state. */
const UNSUPPORTED_MS = 60_000

export interface NearCounters {
  nearHits: number
  nearMisses: number
}

/** The last item of a key that was seen. */
interface Seen {
  readonly cas: CasToken
  /** Undefined until the item was seen twice. */
  readonly copy: Buffer | undefined
  /** How often in a row the copy was out of date. */
  misses: number
}

/**
 * Copies of large values in the memory of this process. A read asks the server for the item's token and flags alone. If the
 * token is the copy's, of the same connection, the copy is the value: what stood there when the server answered. Nothing
 * is served without asking.
 */
export class NearCopies {
  readonly #cache: Cache
  readonly #env: Environment
  readonly #counters: NearCounters
  readonly #seen: LRUCache<string, Seen>
  #isOffUntil = 0

  private constructor(cache: Cache, maxBytes: number, env: Environment, counters: NearCounters) {
    this.#cache = cache
    this.#env = env
    this.#counters = counters
    this.#seen = new LRUCache({
      maxSize: Math.floor(maxBytes),
      sizeCalculation: ({ copy }) => RECORD_BYTES + (copy?.length ?? 0),
    })
  }

  /** Undefined: the cache cannot tell states, or there is no memory for copies. */
  static of(
    cache: Cache,
    maxBytes: number,
    env: Environment,
    counters: NearCounters,
  ): NearCopies | undefined {
    if (cache.stateOf === undefined || maxBytes < MIN_BYTES) return undefined
    return new NearCopies(cache, maxBytes, env, counters)
  }

  /** The item as `Cache.get` answers it; undefined: there is no copy to confirm. `learn` must be told of the answer. */
  confirmed(key: string): Promise<CacheItem | undefined> | undefined {
    if (this.#seen.size === 0) return undefined
    const seen = this.#seen.get(key)
    if (seen?.copy === undefined || this.#env.now() < this.#isOffUntil) return undefined
    const { cas, copy } = seen
    return this.#cache.stateOf?.(key).then((state) => this.#confirm(key, cas, copy, state))
  }

  /** As `Cache.getMulti`. It learns by itself. */
  async getMulti(keys: readonly string[]): Promise<CacheBatch> {
    const plain: string[] = []
    const asked = new Map<string, Promise<CacheItem | undefined>>()
    for (const key of keys) {
      const answer = this.confirmed(key)
      if (answer === undefined) plain.push(key)
      else asked.set(key, answer)
    }
    // All leave in one turn, in one write for each server.
    const batch = asked.size === keys.length ? Promise.resolve(EMPTY) : this.#cache.getMulti(plain)
    const [rest, answers] = await settleBoth(batch, Promise.allSettled([...asked.values()]))
    const { items, failed } = merge(rest, [...asked.keys()], answers)
    for (const key of keys) if (!failed.has(key)) this.learn(key, items.get(key))
    return { items, failed }
  }

  /** Remembers what stands under a key, and copies it once it was seen twice. */
  learn(key: string, item: CacheItem | undefined): void {
    if (item === undefined || item.value.length < MIN_BYTES) {
      if (this.#seen.size > 0) this.#seen.delete(key)
      return
    }
    const { cas, value } = item
    const seen = this.#seen.peek(key)
    if (seen === undefined) this.#seen.set(key, { cas, copy: undefined, misses: 0 })
    else if (!seen.cas.equals(cas)) this.#replace(key, item, seen)
    else if (seen.copy === undefined) this.#seen.set(key, { cas, copy: Buffer.from(value), misses: 0 })
    else seen.misses = 0
  }

  #replace(key: string, { cas, value }: CacheItem, { copy, misses }: Seen): void {
    const isKept = copy !== undefined && misses + 1 < MAX_MISSES
    this.#seen.set(key, {
      cas,
      copy: isKept ? Buffer.from(value) : undefined,
      misses: isKept ? misses + 1 : 0,
    })
  }

  #confirm(
    key: string,
    cas: CasToken,
    copy: Buffer,
    state: ItemState | undefined,
  ): CacheItem | undefined | Promise<CacheItem | undefined> {
    if (state === undefined) return undefined
    const { value, flags } = state
    if (value !== undefined) {
      this.#isOffUntil = this.#env.now() + UNSUPPORTED_MS
      this.#seen.clear()
      return { value, flags, cas: state.cas }
    }
    if (state.cas.equals(cas)) {
      this.#counters.nearHits++
      return { value: Buffer.from(copy), flags, cas: state.cas }
    }
    this.#counters.nearMisses++
    return this.#cache.get(key)
  }
}

function merge(
  { items, failed }: CacheBatch,
  keys: readonly string[],
  answers: readonly PromiseSettledResult<CacheItem | undefined>[],
): CacheBatch {
  const merged = { items: new Map(items), failed: new Map(failed) }
  for (const [i, key] of keys.entries()) {
    const answer = answers[i]
    if (answer?.status === 'rejected') merged.failed.set(key, answer.reason as Error)
    else if (answer?.value !== undefined) merged.items.set(key, answer.value)
  }
  return merged
}
