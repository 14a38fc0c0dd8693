import type { Cache, CacheBatch, CacheItem, CasToken, Environment, ItemState } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import type { StorageCounters } from './counters.js'
import * as entry from './entry.js'
import { OwnedMarks } from './owned-marks.js'
import { type Content, type Look, NONE, PartCodec } from './part-codec.js'
import { gather } from './promises.js'
import type { Settings } from './settings.js'

/** Whether a part exists as far as the cache knows; `token`: of the item that says that it is missing. */
export type Peeked =
  { readonly presence: 'exists' | 'unknown' } | { readonly presence: 'missing'; readonly token: CasToken }

const DOWN: Look = Object.freeze({ kind: 'down' })
const EXISTS: Peeked = Object.freeze({ presence: 'exists' })
const UNKNOWN: Peeked = Object.freeze({ presence: 'unknown' })

/** The item states of the consistency protocol, one key at a time. */
export class PartCache {
  readonly #cache: Cache
  readonly #codec: PartCodec
  readonly #settings: Settings
  readonly #counters: StorageCounters
  readonly #ownedMarks: OwnedMarks

  constructor(cache: Cache, settings: Settings, env: Environment, counters: StorageCounters) {
    this.#cache = cache
    this.#codec = new PartCodec(cache, settings, env)
    this.#settings = settings
    this.#counters = counters
    this.#ownedMarks = new OwnedMarks(cache)
  }

  /** Never rejects. The part of a value is the caller's. */
  look(key: string): Promise<Look> {
    return this.#cache.get(key).then((item) => this.#read(key, item), this.#down)
  }

  /** Looks at many keys in one batch, and answers in their order. Never rejects. */
  async lookMany(keys: readonly string[]): Promise<Look[]> {
    let batch: CacheBatch
    try {
      batch = await this.#cache.getMulti(keys)
    } catch {
      return keys.map(this.#down)
    }
    return gather(
      keys.map((key) => (batch.failed.has(key) ? this.#down() : this.#read(key, batch.items.get(key)))),
    )
  }

  /** Looks up whether a key has a value, without reading it. A value past its `graceMs` counts as unknown. Never rejects. */
  async peek(key: string): Promise<Peeked> {
    try {
      const state = await this.#stateOf(key)
      if (state === undefined) return UNKNOWN
      if (!entry.isStamped(state)) return presenceOf(state)
      const item = await this.#cache.get(key)
      return item === undefined || this.#codec.ageOf(item) === 'over' ? UNKNOWN : presenceOf(item)
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

  /** Undefined: somebody else's item is there. Rejects where the server did not answer. */
  lease(key: string): Promise<CasToken | undefined> {
    return this.#cache.add(key, entry.EMPTY, {
      flags: entry.flagsOf('lease'),
      ttlMs: this.#settings.leaseTtlMs,
    })
  }

  /** Makes the key a writer's, whatever stood there. A mark that arrives late does no harm: it only hides a value. */
  mark(key: string): Promise<CasToken> {
    return this.#cache.set(key, entry.EMPTY, {
      flags: entry.flagsOf('mark'),
      ttlMs: this.#settings.markTtlMs,
    })
  }

  /** As `mark`, but only where no other writer's mark stands. Undefined: one does, or somebody was faster. */
  markIfFree(key: string, owner: Uint8Array): Promise<CasToken | undefined> {
    return this.#ownedMarks.take(key, owner, this.#settings.markTtlMs)
  }

  /**
   * Puts content in the place of the item that was seen, if that still stands there; `'left out'`: it is not for the
   * cache, and nothing stands there. Rejects where that is unknown.
   */
  async replace(
    key: string,
    token: CasToken,
    content: Content,
  ): Promise<'stored' | 'left out' | 'exists' | 'not-found'> {
    const encoded = await this.#codec.encode(key, content)
    if (encoded === undefined) return this.#leaveOut(key, token)
    const { value, flags, ttlMs } = encoded
    try {
      return (await this.#cache.cas(key, value, token, { flags, ttlMs })).status
    } catch (error) {
      if (!isRefusal(error)) throw error
      // memcached has deleted what stood there, whatever it was. Others may leave it.
      const status = await this.#leaveOut(key, token)
      return status === 'not-found' ? 'left out' : status
    }
  }

  async #leaveOut(key: string, token: CasToken): Promise<'left out' | 'exists' | 'not-found'> {
    try {
      const status = await this.#cache.delete(key, { cas: token })
      return status === 'deleted' ? 'left out' : status
    } catch (error) {
      if (!isRefusal(error)) throw error
      // In classic text that deletion is a store, for which a full server has no memory either. To delete whatever
      // stands there is what an eviction does.
      await this.#cache.delete(key)
      return 'left out'
    }
  }

  /** Says that a value past its time is being read anew. Undefined: somebody has said so already. */
  claim(key: string): Promise<CasToken | undefined> {
    return this.#cache.add(claimKey(key), entry.EMPTY, {
      flags: entry.flagsOf('lease'),
      ttlMs: this.#settings.leaseTtlMs,
    })
  }

  /** Never rejects: what is left expires. */
  async unclaim(key: string, claim: CasToken): Promise<void> {
    await this.release(claimKey(key), claim)
  }

  /** Takes an item away, if it still stands there. Never rejects: what is left expires. */
  async release(key: string, token: CasToken): Promise<void> {
    await this.#cache.delete(key, { cas: token }).catch(this.#down)
  }

  async drop(key: string): Promise<void> {
    await this.#cache.delete(key)
  }

  /**
   * Takes away what could make a reader step back behind `version`: an older value, or a lease that may be filled
   * with one. A `version` of 0 stands for an absence of unknown age; any value counts as older. Resolves to
   * whether something had to go; rejects where the server did not answer.
   */
  async clearOlder(key: string, version: number): Promise<boolean> {
    for (;;) {
      const item = await this.#cache.get(key)
      if (item === undefined || !isOlder(item, version)) return false
      if ((await this.#cache.delete(key, { cas: item.cas })) !== 'exists') return true
      // Somebody changed the item in between, or the token's connection is gone: look again.
    }
  }

  /**
   * As `clearOlder`, for a write whose process may be dead: a mark may be that of another, older write, which is about
   * to install, so that it is taken over by one that nobody will replace. Rejects where the server did not answer.
   */
  async repair(key: string, version: number): Promise<void> {
    for (;;) {
      await this.clearOlder(key, version)
      const item = await this.#cache.get(key)
      if (item === undefined || entry.kindOf(item) !== 'mark') return
      const options = { flags: entry.flagsOf('mark'), ttlMs: this.#settings.markTtlMs }
      if ((await this.#cache.cas(key, entry.EMPTY, item.cas, options)).status === 'stored') return
    }
  }

  async #stateOf(key: string): Promise<ItemState | undefined> {
    const cache = this.#cache
    return cache.stateOf === undefined ? cache.get(key) : cache.stateOf(key)
  }

  /** A promise only where it takes further calls. */
  #read(key: string, item: CacheItem | undefined): Look | Promise<Look> {
    if (item === undefined) return NONE
    const read = this.#codec.decode(key, item)
    if (read === 'unreadable') return this.#discard(key, item)
    if (!(read instanceof Promise)) return read
    return read.then((look) => (look === 'unreadable' ? this.#discard(key, item) : look), this.#down)
  }

  /** What cannot be read goes away, so that the next step finds nothing or what somebody newer put there. */
  async #discard(key: string, item: CacheItem): Promise<Look> {
    return this.#cache.delete(key, { cas: item.cas }).then(() => NONE, this.#down)
  }

  readonly #down = (): Look => {
    this.#counters.cacheErrors++
    return DOWN
  }
}

function presenceOf(state: ItemState): Peeked {
  const kind = entry.kindOf(state)
  if (kind === 'value' || kind === 'split') return EXISTS
  return kind === 'absent' ? { presence: 'missing', token: state.cas } : UNKNOWN
}

/** The server answered that it stored nothing: the value is too large, or there is no memory left for it. */
function isRefusal(error: unknown): boolean {
  return isStorageError(error, 'E_TOO_LARGE') || isStorageError(error, 'E_SERVER')
}

/** Beside the part: chunks have a further `/` in their keys. */
function claimKey(key: string): string {
  return `${key}/refresh`
}

function isOlder(item: CacheItem, version: number): boolean {
  switch (entry.kindOf(item)) {
    case 'mark':
      return false
    case 'value':
    case 'split':
      return version === 0 || entry.versionOf(item) < version
    case 'absent':
      return version !== 0 && entry.versionOf(item) < version
    default:
      return true
  }
}
