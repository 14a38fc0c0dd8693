import type { Cache, CasResult, CasToken, Environment, ItemOptions } from '@larder/memcached'
import type { QueryCache } from '@larder/storage-memcache'
import { ForwardingCache } from '../simulation/forwarding-cache.js'

/** The flags of a lease. */
const LEASE_FLAGS = 0x4c44_5120

/** One step of the protocol, left out. */
export interface BrokenVariant {
  readonly cache?: (cache: Cache) => Cache
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

export const BROKEN: Readonly<Record<string, BrokenVariant>> = {
  'fills do not compare': { cache: (cache) => new FillsUnfenced(cache) },
  'an invalidation leaves leases': { cache: (cache) => new LeasesSurvive(cache) },
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
