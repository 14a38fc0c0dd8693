import {
  checkOptionNames,
  DrivenLock,
  LOCK_TIME_NAMES,
  type LockTimes,
  type NamesOf,
  type Storage,
  VersionFence,
} from '@larder/storage-core'
import { wrongType } from '@larder/storage-core/base'
import { CACHE_CHOICE_NAMES, type CacheChoice, chooseCache } from './cache-choice.js'
import { checkNamespace } from './proxy/cache-key.js'
import { MarkLockDriver } from './proxy/mark-lock-driver.js'

/** The options of a `MemcacheLock`. */
export type MemcacheLockOptions = CacheChoice & MemcacheLockSettings

/** The options of a `MemcacheLock`, besides its cache. */
export interface MemcacheLockSettings extends LockTimes {
  /**
   * Counts the fencing numbers: the database that is behind the locks, not a cache before it. It stays open. Without it
   * locks have none, and nothing tells a holder that was paused from its successor.
   */
  readonly storage?: Storage | undefined
  /** Where in `storage` the numbers are counted, in up to 1,024 empty resources. Default: `'larder-locks'`. */
  readonly fencingCollection?: string | undefined
  /** Begins every key. All processes must say the same. Up to 80 ASCII characters. Default: `'larder:'`. */
  readonly namespace?: string | undefined
}

const OPTION_NAMES: NamesOf<MemcacheLockOptions> = Object.freeze({
  ...CACHE_CHOICE_NAMES,
  ...LOCK_TIME_NAMES,
  storage: true,
  fencingCollection: true,
  namespace: true,
})

/**
 * Locks in memcached, or in any other `Cache`. A lock there is a lease, and can be lost at any moment by an eviction or a
 * restart, without anybody being told: what must never be written twice has to look at `HeldLock.fencing`. A server that
 * does not answer is asked again until `waitMs` has passed; then `acquire` rejects with `E_CACHE_UNAVAILABLE` or
 * `E_TIMEOUT`.
 */
export class MemcacheLock extends DrivenLock {
  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: MemcacheLockOptions) {
    checkOptionNames('MemcacheLock', options, OPTION_NAMES)
    const { namespace: given = 'larder:', storage, fencingCollection } = options
    const namespace = checkNamespace(given)
    if (storage !== undefined && !isStorage(storage)) throw wrongType('storage', 'a Storage', storage)
    if (storage === undefined && fencingCollection !== undefined)
      throw new TypeError('Without a storage, fencingCollection would have no effect')
    const fence = storage && new VersionFence(storage, fencingCollection)
    const { cache, owned } = chooseCache(options, 'MemcacheLock')
    super(new MarkLockDriver(cache, namespace, fence, owned), options)
  }
}

function isStorage(storage: unknown): boolean {
  const { info, putContent } = (storage ?? {}) as Partial<Record<keyof Storage, unknown>>
  return typeof info === 'function' && typeof putContent === 'function'
}
