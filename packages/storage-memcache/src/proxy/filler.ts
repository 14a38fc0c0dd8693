import type { CasToken } from '@larder/memcached'
import type { StoredPart } from '@larder/storage-core'
import type { StorageCounters } from './counters.js'
import type { PartCache } from './part-cache.js'

/** What a reader tells the cache of what it has read from the storage behind. Never rejects. */
export class Filler {
  readonly #cache: PartCache
  readonly #counters: StorageCounters

  constructor(cache: PartCache, counters: StorageCounters) {
    this.#cache = cache
    this.#counters = counters
  }

  /** Puts what was read in the place of the item that stood there before it was read, if that still stands there. */
  async fill(key: string, token: CasToken, part: StoredPart | undefined): Promise<void> {
    try {
      const status = await this.#cache.replace(key, token, part ?? { absentSince: 0 })
      if (status === 'stored') this.#counters.fills++
      if (status === 'stored' || status === 'left out') return
    } catch {
      this.#counters.cacheErrors++
      return
    }
    this.#counters.fillsRefused++
    await this.help(key, part)
  }

  /** What was read past the cache must not be followed by something older out of it. */
  async help(key: string, found: { readonly version: number } | undefined): Promise<void> {
    try {
      if (await this.#cache.clearOlder(key, found?.version ?? 0)) this.#counters.helps++
    } catch {
      this.#counters.cacheErrors++
    }
  }
}
