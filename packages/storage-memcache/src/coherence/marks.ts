import type { Cache, CacheItem, CasToken } from '@larder/memcached'
import type { SlotForm } from './slot-form.js'

/** How items are written whose values have versions. */
export interface VersionedForm<V, C> extends SlotForm<V, C> {
  readonly markFlags: number
  /** Whether a value is older than `version`; 0 stands for an absence of unknown age, and any value counts as older. */
  isOlder(item: CacheItem, version: number): boolean
}

const NO_BYTES = new Uint8Array()

/** What writers do to slots, and what readers past the cache owe them. Rejects if the server did not answer. */
export class Marks {
  readonly #cache: Cache
  readonly #form: VersionedForm<unknown, never>
  readonly #ttlMs: number

  constructor(cache: Cache, form: VersionedForm<unknown, never>, ttlMs: number) {
    this.#cache = cache
    this.#form = form
    this.#ttlMs = ttlMs
  }

  /** Makes the slot a writer's, whatever stood there. A mark that arrives late does no harm: it only hides a value. */
  set(key: string): Promise<CasToken> {
    return this.#cache.set(key, NO_BYTES, { flags: this.#form.markFlags, ttlMs: this.#ttlMs })
  }

  /**
   * Deletes what could make a reader step back behind `version`: an older value, or a lease that may be filled with one.
   * Resolves to whether there was such an item.
   */
  async evictOlder(key: string, version: number): Promise<boolean> {
    for (;;) {
      const item = await this.#cache.get(key)
      if (item === undefined || !this.#isOlder(item, version)) return false
      if ((await this.#cache.delete(key, { cas: item.cas })) !== 'exists') return true
      // Another caller changed the item in between, or the token's connection is gone: look again.
    }
  }

  /**
   * As `evictOlder`, for a write whose process may be dead: a mark may be that of another, older write, which is about to
   * install. A mark that nobody will replace takes its place.
   */
  async repair(key: string, version: number): Promise<void> {
    for (;;) {
      await this.evictOlder(key, version)
      const item = await this.#cache.get(key)
      if (item === undefined || this.#form.kindOf(item) !== 'mark') return
      const options = { flags: this.#form.markFlags, ttlMs: this.#ttlMs }
      if ((await this.#cache.cas(key, NO_BYTES, item.cas, options)).status === 'stored') return
    }
  }

  #isOlder(item: CacheItem, version: number): boolean {
    const kind = this.#form.kindOf(item)
    return kind === 'value' ? this.#form.isOlder(item, version) : kind !== 'mark'
  }
}
