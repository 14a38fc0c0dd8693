import type {
  CacheBatch,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  Cache,
  ItemOptions,
} from '@larder/memcached'
import { ForwardingCache } from './forwarding-cache.js'
import { ItemFlags } from './item-flags.js'
import type { AtStep, Step } from './steps.js'

type StoreOptions = ItemOptions & CallOptions

/** Tells of the steps that a process comes to in the cache, and counts what gets lost there. */
export class StepCache extends ForwardingCache {
  lostMarks = 0
  lostLeases = 0
  /** By `performance.now()`. */
  lastFailureAt = -Infinity
  readonly #at: AtStep
  readonly #marks = new WeakSet<CasToken>()
  readonly #leases = new WeakSet<CasToken>()

  constructor(inner: Cache, at: AtStep) {
    super(inner)
    this.#at = at
  }

  override get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    return this.#watched(super.get(key, options))
  }

  override async getMulti(keys: readonly string[], options?: CallOptions): Promise<CacheBatch> {
    const batch = await this.#watched(super.getMulti(keys, options))
    if (batch.failed.size > 0) this.lastFailureAt = performance.now()
    return batch
  }

  override async set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    const storing = this.#watched(super.set(key, value, options))
    if (options?.flags !== ItemFlags.mark) return storing
    this.#soon('mark sent')
    const token = await storing
    this.#marks.add(token)
    this.#at('after the mark')
    return token
  }

  override async add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    const token = await this.#watched(super.add(key, value, options))
    if (token !== undefined && options?.flags === ItemFlags.lease) {
      this.#leases.add(token)
      this.#at('after the lease')
    }
    return token
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: StoreOptions,
  ): Promise<CasResult> {
    const isInstall = this.#marks.has(token)
    if (!isInstall && !this.#leases.has(token)) return this.#watched(super.cas(key, value, token, options))
    this.#at(isInstall ? 'before the install' : 'before the fill')
    const storing = this.#watched(super.cas(key, value, token, options))
    this.#soon(isInstall ? 'install sent' : 'fill sent')
    const result = await storing
    if (result.status !== 'stored') {
      if (isInstall) this.lostMarks++
      else this.lostLeases++
    }
    this.#at(isInstall ? 'after the install' : 'after the fill')
    return result
  }

  override async append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    this.#at('before the listing is told')
    const appended = await this.#watched(super.append(key, value, options))
    this.#at('after the listing is told')
    return appended
  }

  override delete(
    key: string,
    options?: CallOptions & { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.#watched(super.delete(key, options))
  }

  /** When the bytes have been handed to the kernel. */
  #soon(step: Step): void {
    setImmediate(() => this.#at(step))
  }

  async #watched<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.lastFailureAt = performance.now()
      throw error
    }
  }
}
