import type { Cache, CacheItem, CasToken, CallOptions } from '@larder/memcached'
import { isStorageError, type StoredPart } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import type { Content, Found } from '../storage/index.js'
import { inWaves, type Slots } from '../coherence/index.js'

/** What an audit sees under a key. */
export type Seen =
  | { readonly kind: 'cached'; readonly part: StoredPart | undefined; readonly state: CachedState }
  | { readonly kind: 'none' }
  /** A writer's mark or a reader's lease. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'unreachable' }

/** Tells whether two looks have seen one state, without keeping its bytes. */
export interface CachedState {
  readonly token: CasToken
  readonly digest: string
}

interface Peeking {
  peek(key: string, options?: CallOptions): Promise<CacheItem | undefined>
}

/** Looks at parts in the cache as readers do, and leaves everything as it is. */
export class Inspector {
  readonly #cache: Cache
  readonly #slots: Slots<Found, Content>
  #peeking: Peeking | undefined

  constructor(cache: Cache, slots: Slots<Found, Content>) {
    this.#cache = cache
    this.#slots = slots
    if (canPeek(cache)) this.#peeking = cache
  }

  lookUpMany(keys: readonly string[]): Promise<Seen[]> {
    return inWaves(keys, (key) => this.#lookUp(key))
  }

  /** Rejects with `E_CLOSED`. */
  async #lookUp(key: string): Promise<Seen> {
    try {
      const item = await this.get(key, { batch: this })
      if (item === undefined) return { kind: 'none' }
      const found = await this.#slots.interpret(key, item)
      if (found.kind === 'leased' || found.kind === 'marked') return { kind: 'busy' }
      if (found.kind === 'down') return { kind: 'unreachable' }
      if (found.kind === 'empty') return { kind: 'none' }
      return { kind: 'cached', part: found.value, state: { token: item.cas, digest: digestOf(found.value) } }
    } catch (error) {
      if (isStorageError(error, 'E_CLOSED')) throw error
      return { kind: 'unreachable' }
    }
  }

  /** Without a trace where the cache can do that. */
  async get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    if (this.#peeking === undefined) return this.#cache.get(key, options)
    try {
      return await this.#peeking.peek(key, options)
    } catch (error) {
      if (!isStorageError(error, 'E_UNSUPPORTED')) throw error
      this.#peeking = undefined
      return this.#cache.get(key, options)
    }
  }
}

export function isSameState(one: CachedState, other: CachedState): boolean {
  return one.token.equals(other.token) || one.digest === other.digest
}

function digestOf(part: StoredPart | undefined): string {
  if (part === undefined) return 'absent'
  return `${part.version} ${createHash('sha256').update(part.bytes).digest('base64')}`
}

function canPeek(cache: Cache): cache is Cache & Peeking {
  return 'peek' in cache && typeof cache.peek === 'function'
}
