import type { CasToken, Environment } from '@larder/memcached'
import type { StoredPart } from '@larder/storage-core'
import type { StorageCounters } from './counters.js'
import type { DurableReads, PartAddress } from './durable-reads.js'
import type { Filler } from './filler.js'
import type { PartCache } from './part-cache.js'
import type { StaleLook } from './part-codec.js'
import type { Settings } from './settings.js'

/** What the storage behind said in time; `'old'`: the value past its time is the answer. */
type Answer = { readonly found: StoredPart | undefined } | 'old'

/**
 * Serves values past their time while one reader, over all processes, reads each anew. The value itself is the lease:
 * what was read goes in the place of the very item that was seen, so that a writer in between makes it void.
 */
export class Refresher {
  readonly #cache: PartCache
  readonly #durable: DurableReads
  readonly #filler: Filler
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(
    cache: PartCache,
    durable: DurableReads,
    filler: Filler,
    settings: Settings,
    env: Environment,
    counters: StorageCounters,
  ) {
    this.#cache = cache
    this.#durable = durable
    this.#filler = filler
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  /** Rejects only with an error of the storage behind that came within the soft time-out, where that is asked for. */
  async answer(address: PartAddress, { part, token }: StaleLook): Promise<StoredPart | undefined> {
    const answer = this.#running.has(address.key) ? 'old' : await this.#inTime(this.#begin(address, token))
    if (answer !== 'old') {
      this.#counters.misses++
      return answer.found
    }
    this.#counters.hits++
    this.#counters.staleHits++
    return part
  }

  /** Waits for what goes on behind the backs of readers. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  #begin(address: PartAddress, token: CasToken): Promise<Answer> {
    const refresh = this.#refresh(address, token)
    const settled = refresh
      .catch(() => undefined)
      .then(() => {
        this.#running.delete(address.key)
      })
    this.#running.set(address.key, settled)
    return refresh
  }

  #inTime(refresh: Promise<Answer>): Promise<Answer> | 'old' {
    const { softTimeoutMs } = this.#settings
    if (softTimeoutMs === 0) return 'old'
    return Promise.race([refresh, this.#env.idle(softTimeoutMs).then(() => 'old' as const)])
  }

  async #refresh(address: PartAddress, token: CasToken): Promise<Answer> {
    const { key } = address
    const claim = await this.#claim(key)
    if (claim === 'taken') return 'old'
    let found: StoredPart | undefined
    try {
      found = await this.#durable.read(address)
    } catch (error) {
      // The claim stays until it expires, so that a storage in trouble is not asked by everybody.
      if (this.#settings.whenStorageFails === 'grace') return 'old'
      await this.#cache.release(key, token)
      if (claim !== undefined) await this.#cache.unclaim(key, claim)
      throw error
    }
    await this.#filler.fill(key, token, found)
    if (claim !== undefined) await this.#cache.unclaim(key, claim)
    return { found }
  }

  /** Undefined: the cache does not answer, and who else reads anew cannot be known. */
  async #claim(key: string): Promise<CasToken | 'taken' | undefined> {
    try {
      return (await this.#cache.claim(key)) ?? 'taken'
    } catch {
      this.#counters.cacheErrors++
      return undefined
    }
  }
}
