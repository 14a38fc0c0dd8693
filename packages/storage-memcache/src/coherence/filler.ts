import type { ReaderCounters, Source, ValueOrder } from './reader-policy.js'
import type { Fence } from './slot.js'
import type { Slots } from './slots.js'

/** What a reader does to a slot after it has read the source. Never rejects. */
export class Filler<V, C> {
  readonly #slots: Slots<V, C>
  readonly #order: ValueOrder<V> | undefined
  readonly #counters: ReaderCounters

  constructor(slots: Slots<V, C>, order: ValueOrder<V> | undefined, counters: ReaderCounters) {
    this.#slots = slots
    this.#order = order
    this.#counters = counters
  }

  /** Replaces the item that stood there before the source was asked, if it still stands. */
  async fill(key: string, fence: Fence, value: V, source: Source<V, C>): Promise<void> {
    try {
      const status = await this.#slots.fill(key, fence, source.contentOf(value))
      if (status === 'stored') this.#counters.fills++
      if (status === 'stored' || status === 'left out') return
    } catch {
      this.#counters.cacheErrors++
      return
    }
    this.#counters.fillsRefused++
    if (this.#order !== undefined) await this.evictOlder(key, this.#order.versionOf(value))
  }

  /** After a read past the cache; `seen`: the fence of a fill lease that stood before. */
  async afterBypass(key: string, seen: Fence | undefined, value: V, source: Source<V, C>): Promise<void> {
    if (this.#order !== undefined) await this.evictOlder(key, this.#order.versionOf(value))
    else if (seen !== undefined) await this.fill(key, seen, value, source)
  }

  /** What was read past the cache must not be followed by something older out of it. */
  async evictOlder(key: string, version: number): Promise<void> {
    try {
      await this.#order?.evictOlder(key, version)
    } catch {
      this.#counters.cacheErrors++
    }
  }
}
