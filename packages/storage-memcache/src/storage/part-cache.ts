import type { Cache, CasToken, Environment, ItemState } from '@larder/memcached'
import {
  entry,
  type FillStatus,
  Marks,
  NearCopies,
  NO_STAMPS,
  OwnedMarks,
  Slots,
} from '../coherence/index.js'
import type { StorageCounters } from '../counters.js'
import { type Content, type Found, PartForm } from './part-form.js'
import type { Settings } from '../settings.js'

/** Whether a part exists as far as the cache knows; `token`: of the item that says that it is missing. */
export type Peeked =
  { readonly presence: 'exists' | 'unknown' } | { readonly presence: 'missing'; readonly token: CasToken }

const EXISTS: Peeked = Object.freeze({ presence: 'exists' })
const UNKNOWN: Peeked = Object.freeze({ presence: 'unknown' })

/** Parts of resources in the cache: their slots, and what writers do to them. */
export class PartCache {
  readonly slots: Slots<Found, Content>
  readonly #cache: Cache
  readonly #settings: Settings
  readonly #counters: StorageCounters
  readonly #marks: Marks
  readonly #ownedMarks: OwnedMarks

  constructor(cache: Cache, settings: Settings, env: Environment, counters: StorageCounters) {
    const form = new PartForm(cache, settings, env)
    const { leaseTtlMs, nearBytes } = settings
    const near = NearCopies.of(cache, nearBytes, env, counters)
    this.slots = new Slots({ cache, form, env, leaseTtlMs, counters, near })
    this.#marks = new Marks(cache, form, settings.markTtlMs)
    this.#ownedMarks = new OwnedMarks(cache)
    this.#cache = cache
    this.#settings = settings
    this.#counters = counters
  }

  /** Looks up whether a key has a value, without reading it. A value past its `graceMs` counts as unknown. Never rejects. */
  async peek(key: string): Promise<Peeked> {
    try {
      const state = await this.#stateOf(key)
      if (state === undefined) return UNKNOWN
      if (!entry.isStamped(state)) return presenceOf(state)
      const item = await this.#cache.get(key)
      return item === undefined || this.slots.isOver(entry.freshUntilOf(item)) ? UNKNOWN : presenceOf(item)
    } catch {
      this.#counters.cacheErrors++
      return UNKNOWN
    }
  }

  /** Whether a mark stands there, which a cache that does not answer may hold. Never rejects. */
  async mayBeMarked(key: string): Promise<boolean> {
    try {
      const state = await this.#stateOf(key)
      return state !== undefined && entry.kindOf(state) === 'mark'
    } catch {
      this.#counters.cacheErrors++
      return true
    }
  }

  /** See `Marks.set`. */
  mark(key: string): Promise<CasToken> {
    return this.#marks.set(key)
  }

  /** As `mark`, but only where no other writer's mark stands. Undefined: one does, or another writer was faster. */
  markIfFree(key: string, owner: Uint8Array): Promise<CasToken | undefined> {
    return this.#ownedMarks.take(key, owner, this.#settings.markTtlMs)
  }

  /** See `Slots.fill`: a writer replaces its mark. */
  replace(key: string, token: CasToken, content: Content): Promise<FillStatus> {
    return this.slots.fill(key, { token, stamps: NO_STAMPS }, content)
  }

  /** Takes a mark away, if it still stands there. Never rejects: what is left expires. */
  release(key: string, token: CasToken): Promise<void> {
    return this.slots.release(key, token)
  }

  drop(key: string): Promise<void> {
    return this.slots.drop(key)
  }

  /** See `Marks.evictOlder`. */
  evictOlder(key: string, version: number): Promise<boolean> {
    return this.#marks.evictOlder(key, version)
  }

  /** See `Marks.repair`. */
  repair(key: string, version: number): Promise<void> {
    return this.#marks.repair(key, version)
  }

  async #stateOf(key: string): Promise<ItemState | undefined> {
    const cache = this.#cache
    return cache.stateOf === undefined ? cache.get(key) : cache.stateOf(key)
  }
}

function presenceOf(state: ItemState): Peeked {
  const kind = entry.kindOf(state)
  if (kind === 'value' || kind === 'split') return EXISTS
  return kind === 'absent' ? { presence: 'missing', token: state.cas } : UNKNOWN
}
