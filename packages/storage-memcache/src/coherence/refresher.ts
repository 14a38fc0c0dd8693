import type { Environment } from '@larder/memcached'
import type { Filler } from './filler.js'
import type { ReaderCounters, Source } from './reader-policy.js'
import type { Fence, SlotAddress, Stale } from './slot.js'
import type { Slots } from './slots.js'

/** What the source said in time; `'old'`: the value past its time is the answer. */
type Outcome<V> = { readonly value: V } | 'old'

/**
 * Serves values in their grace while one reader, over all processes, loads each anew. The value itself is the fence: the
 * new value replaces the item that was seen, so that a writer in between voids the refresh.
 */
export class Refresher<V, C> {
  readonly #slots: Slots<V, C>
  readonly #filler: Filler<V, C>
  readonly #env: Environment
  readonly #counters: ReaderCounters
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(slots: Slots<V, C>, filler: Filler<V, C>, env: Environment, counters: ReaderCounters) {
    this.#slots = slots
    this.#filler = filler
    this.#env = env
    this.#counters = counters
  }

  /** Rejects only with an error of the source that came within the soft time-out, and only if `whenItFails` says so. */
  async answer(address: SlotAddress, stale: Stale<V>, source: Source<V, C>): Promise<V> {
    const outcome = await this.#outcome(address, stale.fence, source)
    if (outcome !== 'old') {
      this.#counters.misses++
      return outcome.value
    }
    this.#counters.hits++
    this.#counters.staleHits++
    return stale.value
  }

  /** Waits for the refreshes that no caller waits for. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  /** One reader of this process refreshes; the others do not ask the server for the lease. */
  #outcome(address: SlotAddress, fence: Fence, source: Source<V, C>): Promise<Outcome<V>> | 'old' {
    if (this.#running.has(address.key)) return 'old'
    const refresh = this.#refresh(address, fence, source)
    const settled = refresh
      .catch(() => undefined)
      .then(() => {
        this.#running.delete(address.key)
      })
    this.#running.set(address.key, settled)
    if (source.softTimeoutMs === 0) return 'old'
    return Promise.race([refresh, this.#env.idle(source.softTimeoutMs).then(() => 'old' as const)])
  }

  async #refresh(address: SlotAddress, fence: Fence, source: Source<V, C>): Promise<Outcome<V>> {
    const { key, refreshKey } = address
    const lease = await this.#slots.leaseRefresh(refreshKey)
    if (lease === undefined) return 'old'
    // Without an answer it is unknown whether another process refreshes: this one does.
    const token = lease === 'down' ? undefined : lease
    let value: V
    try {
      value = await source.load(() => undefined)
    } catch (error) {
      // The lease stays until it expires, so that a source in trouble is not asked by every process.
      if (source.whenItFails === 'grace') return 'old'
      await this.#slots.release(key, fence.token)
      await this.#slots.release(refreshKey, token)
      throw error
    }
    await this.#filler.fill(key, fence, value, source)
    await this.#slots.release(refreshKey, token)
    return { value }
  }
}
