import type { Cache, CacheBatch, CacheItem, CasToken, Environment } from '@larder/memcached'
import { isStorageError, StorageError } from '@larder/storage-core/base'
import { loadChunks } from './chunks.js'
import type { NearCopies } from './near-copies.js'
import { gather, settleBoth } from './promises.js'
import { DOWN, type Fence, type Lookup, NO_STAMPS, type SlotAddress } from './slot.js'
import type { Decoded, EncodedItem, SlotForm } from './slot-form.js'
import { areSame, encodeStamps, Stamps, type StampsNow } from './stamps.js'

/** How a fill ended. `'left out'`: the value is not to be cached, and nothing stands in the slot. */
export type FillStatus = 'stored' | 'left out' | 'exists' | 'not-found'

export interface SlotParts<V, C> {
  readonly cache: Cache
  readonly form: SlotForm<V, C>
  readonly env: Environment
  readonly leaseTtlMs: number
  readonly counters: { cacheErrors: number }
  readonly near?: NearCopies | undefined
}

const NO_BYTES = new Uint8Array()
const NOTHING: Fence = Object.freeze({ token: undefined, stamps: NO_STAMPS })
const EMPTY: Lookup<never> = Object.freeze({ kind: 'empty', fence: NOTHING })
const MARKED: Lookup<never> = Object.freeze({ kind: 'marked' })

/** The states of a slot and the steps between them. Every step but `put` and `drop` compares with what was seen. */
export class Slots<V, C> {
  readonly stamps: Stamps
  readonly #cache: Cache
  readonly #near: NearCopies | undefined
  readonly #form: SlotForm<V, C>
  readonly #env: Environment
  readonly #leaseTtlMs: number
  readonly #counters: { cacheErrors: number }

  constructor({ cache, form, env, leaseTtlMs, counters, near }: SlotParts<V, C>) {
    this.stamps = new Stamps(cache, env)
    this.#cache = cache
    this.#near = near
    this.#form = form
    this.#env = env
    this.#leaseTtlMs = leaseTtlMs
    this.#counters = counters
  }

  /** Never rejects. The bytes of a value are the caller's. */
  lookUp({ key, stampKeys }: SlotAddress): Promise<Lookup<V>> {
    const item = this.#near?.confirmed(key) ?? this.#cache.get(key)
    if (stampKeys.length === 0) return item.then((found) => this.#learn(key, found), this.#down)
    // Both are sent in the same turn: one round trip.
    return settleBoth(item, this.stamps.read(stampKeys)).then(
      ([found, stamps]) => this.#learn(key, found, stamps),
      this.#down,
    )
  }

  /** Looks at slots without stamps in one batch, and answers in their order. Never rejects. */
  async lookUpMany(keys: readonly string[]): Promise<Lookup<V>[]> {
    let batch: CacheBatch
    try {
      batch = await (this.#near ?? this.#cache).getMulti(keys)
    } catch {
      return keys.map(this.#down)
    }
    const { items, failed } = batch
    return gather(keys.map((key) => (failed.has(key) ? this.#down() : this.interpret(key, items.get(key)))))
  }

  /** What an item means under the stamps of now. A promise only where it takes further calls; it never rejects. */
  interpret(
    key: string,
    item: CacheItem | undefined,
    stamps: StampsNow = NO_STAMPS,
  ): Lookup<V> | Promise<Lookup<V>> {
    if (item === undefined) return stamps.length === 0 ? EMPTY : emptyAt(undefined, stamps)
    switch (this.#form.kindOf(item)) {
      case 'mark':
        return MARKED
      case 'lease': {
        // What is filled under stamps that are no more counts for nobody: it is not worth waiting for.
        const isVoid = !encodeStamps(stamps).equals(item.value)
        return isVoid ? emptyAt(item.cas, stamps) : { kind: 'leased', fence: { token: item.cas, stamps } }
      }
      case 'value': {
        const decoded = this.#form.decode(item)
        if (decoded === undefined || !areSame(decoded.stamps, stamps)) return emptyAt(item.cas, stamps)
        return this.#valued(key, decoded, { token: item.cas, stamps })
      }
      case 'other':
        return emptyAt(item.cas, stamps)
    }
  }

  /** Replaces what a lookup has seen by a fill lease. Undefined: another caller was faster. Never rejects. */
  lease(key: string, fence: Fence): Promise<Fence | 'down' | undefined> {
    return this.#leaseOver(key, fence).catch(() => this.#down().kind)
  }

  async #leaseOver(key: string, { token, stamps }: Fence): Promise<Fence | undefined> {
    const bytes = encodeStamps(stamps)
    const options = { flags: this.#form.leaseFlags, ttlMs: this.#leaseTtlMs }
    if (token === undefined) {
      const added = await this.#cache.add(key, bytes, options)
      return added && { token: added, stamps }
    }
    const result = await this.#cache.cas(key, bytes, token, options)
    return result.status === 'stored' ? { token: result.cas, stamps } : undefined
  }

  /** A lease that leaves the value readable. Undefined: another process has it. Never rejects. */
  leaseRefresh(refreshKey: string): Promise<CasToken | 'down' | undefined> {
    const options = { flags: this.#form.leaseFlags, ttlMs: this.#leaseTtlMs }
    return this.#cache.add(refreshKey, NO_BYTES, options).catch(() => this.#down().kind)
  }

  /** Stores content if the item of the fence still stands. Rejects if it is unknown what stands there now. */
  async fill(key: string, { token, stamps }: Fence, content: C): Promise<FillStatus> {
    if (token === undefined) return 'not-found'
    const encoded = await this.#form.encode(key, content, stamps)
    if (encoded === undefined) return this.#leaveOut(key, token)
    try {
      return (await this.#cache.cas(key, encoded.bytes, token, optionsOf(encoded))).status
    } catch (error) {
      if (!isRefusal(error)) throw error
      // memcached has deleted what stood there, whatever it was. Other servers may leave it.
      const status = await this.#leaveOut(key, token)
      return status === 'not-found' ? 'left out' : status
    }
  }

  /** Stores content whatever stands there: it is the caller's own, and not something that was read. */
  async put(key: string, stamps: StampsNow, content: C): Promise<void> {
    const encoded = await this.#form.encode(key, content, stamps)
    if (encoded === undefined)
      throw new StorageError('E_TOO_LARGE', 'The value could not be stored in pieces', { key })
    await this.#cache.set(key, encoded.bytes, optionsOf(encoded))
  }

  /** Deletes the item of that token if it still stands. Never rejects: what is left expires. */
  async release(key: string, token: CasToken | undefined): Promise<void> {
    if (token !== undefined) await this.#cache.delete(key, { cas: token }).catch(this.#down)
  }

  /** Once this resolves, nothing that was read before counts: the value is gone, and a fill will be refused. */
  async drop(key: string): Promise<void> {
    await this.#cache.delete(key)
  }

  #learn(key: string, item: CacheItem | undefined, stamps?: StampsNow): Lookup<V> | Promise<Lookup<V>> {
    this.#near?.learn(key, item)
    return this.interpret(key, item, stamps)
  }

  /** Whether a value is past its time and all grace. */
  isOver(freshUntil: number): boolean {
    return this.#lateMs(freshUntil) >= this.#form.graceMs
  }

  #valued(key: string, { freshUntil, body }: Decoded<V>, fence: Fence): Lookup<V> | Promise<Lookup<V>> {
    if (this.isOver(freshUntil)) return emptyAt(fence.token, fence.stamps)
    const found = (value: V): Lookup<V> =>
      this.#lateMs(freshUntil) < 0 ? { kind: 'fresh', value } : { kind: 'stale', value, fence }
    if (body.split === undefined) return found(body.value)
    return loadChunks(this.#near ?? this.#cache, key, body.split).then(
      (bytes) => (bytes === undefined ? emptyAt(fence.token, fence.stamps) : found(body.join(bytes))),
      this.#down,
    )
  }

  /** Negative while the value is fresh. */
  #lateMs(freshUntil: number): number {
    return freshUntil === Infinity ? -1 : this.#env.wallClock() - freshUntil
  }

  async #leaveOut(key: string, token: CasToken): Promise<FillStatus> {
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

  readonly #down = (): typeof DOWN => {
    this.#counters.cacheErrors++
    return DOWN
  }
}

function emptyAt(token: CasToken | undefined, stamps: StampsNow): Lookup<never> {
  return { kind: 'empty', fence: { token, stamps } }
}

function optionsOf({ flags, ttlMs }: EncodedItem): { flags: number; ttlMs: number | undefined } {
  return { flags, ttlMs }
}

/** The server answered that it stored nothing: the value is too large, or there is no memory left for it. */
function isRefusal(error: unknown): boolean {
  return isStorageError(error, 'E_TOO_LARGE') || isStorageError(error, 'E_SERVER')
}
