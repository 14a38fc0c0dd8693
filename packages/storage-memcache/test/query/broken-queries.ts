import type { Cache, CacheItem, CasResult, CasToken, Environment, ItemOptions } from '@larder/memcached'
import type { QueryCache } from '@larder/storage-memcache'
import { ForwardingCache } from '../simulation/forwarding-cache.js'
import { CopiesUnconfirmed } from '../simulation/omissions.js'

/** The flags of a lease. */
const LEASE_FLAGS = 0x4c44_5120
const VALUE_FLAGS = 0

/** One step of the protocol, left out. */
export interface BrokenVariant {
  /** The world in which it shows. Default: any. */
  readonly world?: string
  readonly cache?: (cache: Cache, environment: Environment) => Cache
  readonly environment?: (environment: Environment) => Environment
  /** What `invalidate` does in place of what it should do. */
  readonly invalidate?: (invalidate: () => Promise<void>) => Promise<void>
}

/** Fills store, whatever stands in their place by then. */
class FillsUnfenced extends ForwardingCache {
  override async cas(
    key: string,
    value: Uint8Array,
    _token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    return { status: 'stored', cas: await this.inner.set(key, value, options) }
  }
}

/** An invalidation removes values and lets loaders go on. */
class LeasesSurvive extends ForwardingCache {
  override async delete(
    key: string,
    options?: { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    if (options?.cas === undefined && (await this.inner.get(key))?.flags === LEASE_FLAGS) return 'not-found'
    return this.inner.delete(key, options)
  }
}

/** A refresh stores its result whatever took the place of the value that it saw. */
class RefreshesUnfenced extends ForwardingCache {
  readonly #values: CasToken[] = []

  override async get(key: string): Promise<CacheItem | undefined> {
    const item = await this.inner.get(key)
    if (item?.flags === VALUE_FLAGS) this.#values.push(item.cas)
    return item
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    if (options?.flags !== VALUE_FLAGS || !this.#values.some((seen) => seen.equals(token)))
      return this.inner.cas(key, value, token, options)
    return { status: 'stored', cas: await this.inner.set(key, value, options) }
  }
}

/** A caller that has waited long enough stores its result whatever took the place of the lease that it saw. */
class BypassesUnfenced extends ForwardingCache {
  readonly #others: CasToken[] = []

  override async get(key: string): Promise<CacheItem | undefined> {
    const item = await this.inner.get(key)
    if (item?.flags === LEASE_FLAGS) this.#others.push(item.cas)
    return item
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    if (options?.flags !== VALUE_FLAGS || !this.#others.some((seen) => seen.equals(token)))
      return this.inner.cas(key, value, token, options)
    return { status: 'stored', cas: await this.inner.set(key, value, options) }
  }
}

/** An invalidation removes fresh values and leases; values in their grace stay. */
class GraceSurvives extends ForwardingCache {
  readonly #environment: Environment

  constructor(inner: Cache, environment: Environment) {
    super(inner)
    this.#environment = environment
  }

  override async delete(
    key: string,
    options?: { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    const item = options?.cas === undefined ? await this.inner.get(key) : undefined
    const [, freshUntil] = /"freshUntil":(\d+)/.exec(item?.value.toString('latin1') ?? '') ?? []
    if (freshUntil !== undefined && Number(freshUntil) <= this.#environment.wallClock()) return 'deleted'
    return this.inner.delete(key, options)
  }
}

/** A process asks for each stamp once. */
class StampsKept extends ForwardingCache {
  readonly #stamps = new Map<string, Promise<CacheItem | undefined>>()

  override get(key: string): Promise<CacheItem | undefined> {
    if (!key.includes('#')) return this.inner.get(key)
    const known = this.#stamps.get(key) ?? this.inner.get(key)
    this.#stamps.set(key, known)
    return known
  }
}

export const BROKEN: Readonly<Record<string, BrokenVariant>> = {
  'fills do not compare': { cache: (cache) => new FillsUnfenced(cache) },
  'an invalidation leaves leases': { cache: (cache) => new LeasesSurvive(cache) },
  'a refresh does not compare': {
    world: 'results may be used in their grace',
    cache: (cache) => new RefreshesUnfenced(cache),
  },
  'a bypass does not compare': {
    world: 'loaders are slower than others wait',
    cache: (cache) => new BypassesUnfenced(cache),
  },
  'an invalidation leaves values in their grace': {
    world: 'results may be used in their grace',
    cache: (cache, environment) => new GraceSurvives(cache, environment),
  },
  'near copies are served without asking': {
    world: 'processes keep near copies',
    cache: (cache) => new CopiesUnconfirmed(cache),
  },
  'stamps are kept in the process': { cache: (cache) => new StampsKept(cache) },
  'all stamps are the same': { environment: (environment) => ({ ...environment, uniqueId: () => 'same' }) },
  'an invalidation does not wait for the answer': {
    invalidate: (invalidate) => {
      invalidate().catch(() => undefined)
      return Promise.resolve()
    },
  },
  'an invalidation takes a lost answer for success': {
    invalidate: (invalidate) => invalidate().catch(() => undefined),
  },
}

/** What a writer calls after its commit. */
export type Invalidate = (queries: QueryCache, key: string) => Promise<void>
