import { VersionFence } from '@larder/storage-core'
import { DrivenLock, FENCE_OPTIONS, LOCK_TIME_OPTIONS } from '@larder/storage-core/driver'
import { noEffect, type OptionsOf, optionTable, resolveOptions } from '@larder/storage-core/base'
import { CACHE_CHOICE_OPTIONS, type CacheChoice, chooseCache } from '../cache-choice.js'
import { keyPrefixOption, storageOption } from '../common-options.js'
import { MarkLockDriver } from './mark-lock-driver.js'

/** What a `MemcacheLock` takes besides its cache. */
const LOCK_OPTIONS = optionTable({
  ...LOCK_TIME_OPTIONS,
  /**
   * Counts the fencing numbers: the database that is behind the locks, not a cache before it. It stays open. Without it
   * locks have none, and nothing tells a holder that was paused from its successor.
   */
  storage: storageOption(),
  ...FENCE_OPTIONS,
  /** Begins every key. All processes must say the same. Default: `'larder:'`. */
  keyPrefix: keyPrefixOption('larder:'),
})

export const MEMCACHE_LOCK_OPTIONS = optionTable({ ...CACHE_CHOICE_OPTIONS, ...LOCK_OPTIONS })

/** The options of a `MemcacheLock`, besides its cache. */
export type MemcacheLockSettings = OptionsOf<typeof LOCK_OPTIONS>

/** The options of a `MemcacheLock`. */
export type MemcacheLockOptions = CacheChoice & MemcacheLockSettings

/**
 * Locks in memcached, or in any other `Cache`. A lock there is a lease, and can be lost at any moment by an eviction or a
 * restart, without anybody being told: what must never be written twice has to look at `HeldLock.fencing`. A server that
 * does not answer is asked again until `waitMs` has passed; then `acquire` rejects with `E_CACHE_UNAVAILABLE` or
 * `E_TIMEOUT`.
 */
export class MemcacheLock extends DrivenLock {
  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: MemcacheLockOptions) {
    const resolved = resolveOptions('MemcacheLock', MEMCACHE_LOCK_OPTIONS, options)
    const { keyPrefix, storage, fencingCollection, leaseMs, waitMs } = resolved
    const { cache, owned } = chooseCache(resolved, 'MemcacheLock')
    if (storage === undefined && options.fencingCollection !== undefined)
      throw noEffect('storage', 'fencingCollection')
    const fence = storage && new VersionFence(storage, fencingCollection)
    super(new MarkLockDriver(cache, keyPrefix, fence, owned), { leaseMs, waitMs })
  }
}
