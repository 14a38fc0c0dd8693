import { checkOptionNames, isStorageError } from '@larder/storage-core/base'
import type { CacheItem, CallOptions, ItemOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { addToCounter } from '../protocol/counter.js'
import { exptimeOf } from '../protocol/expiry.js'
import { DELETE_NAMES, type DeleteCallOptions } from './client-options.js'
import { together } from './together.js'
import { DELETION_LOCK_FLAGS, isLock } from './value-flags.js'

const NO_VALUE = Buffer.alloc(0)

/** A value as it is stored. */
export interface EncodedItem {
  readonly bytes: Uint8Array
  readonly options: ItemOptions & CallOptions
}

/** What is asked of a counter, checked. */
export interface CounterStep extends CallOptions {
  readonly delta: bigint
  readonly initial: bigint | undefined
  /** For one that is created. */
  readonly ttlMs: number | undefined
}

/**
 * The commands that would take the lock that a deletion left for an item, or leave one. To look first takes them
 * several round trips, for which there is one time-out.
 */
export class LockableItems {
  readonly #cache: CommandCache
  readonly #counterFlags: number

  /** A counter that is created gets `counterFlags`. */
  constructor(cache: CommandCache, counterFlags: number) {
    this.#cache = cache
    this.#counterFlags = counterFlags
  }

  /** Changes an item where there is one; what `check` throws for it is the rejection. */
  change<Options extends CallOptions>(
    key: string,
    options: Options,
    change: (options: Options) => Promise<boolean>,
    check?: (item: CacheItem) => void,
  ): Promise<boolean> {
    return together(this.#cache, options, async (call) => {
      const found = await this.#cache.get(key, call)
      if (found === undefined || isLock(found)) return false
      check?.(found)
      return change(call)
    })
  }

  replace(key: string, { bytes, options }: EncodedItem): Promise<boolean> {
    return together(this.#cache, options, async (call) => {
      for (;;) {
        const found = await this.#cache.get(key, call)
        if (found === undefined || isLock(found)) return false
        const { status } = await this.#cache.cas(key, bytes, found.cas, call)
        if (status !== 'exists') return status === 'stored'
      }
    })
  }

  /** With `lockMs`, leaves a lock behind. */
  delete(key: string, options: DeleteCallOptions): Promise<'deleted' | 'exists' | 'not-found'> {
    checkOptionNames('delete', options, DELETE_NAMES)
    const { cas, lockMs, signal, routeBy } = options
    if (lockMs === undefined) return this.#cache.delete(key, options)
    exptimeOf(lockMs)
    const lock = { flags: DELETION_LOCK_FLAGS, ttlMs: lockMs, signal, routeBy }
    return together(this.#cache, lock, async (call) => {
      if (cas !== undefined) {
        const { status } = await this.#cache.cas(key, NO_VALUE, cas, call)
        return status === 'stored' ? 'deleted' : status
      }
      const item = await this.#cache.get(key, call)
      await this.#cache.set(key, NO_VALUE, call)
      return item === undefined || isLock(item) ? 'not-found' : 'deleted'
    })
  }

  /** A lock reads as a counter that is not there; an initial value takes its place. */
  count(key: string, step: CounterStep): Promise<bigint | undefined> {
    return step.initial === undefined
      ? this.#countExisting(key, step)
      : together(this.#cache, step, (call) => this.#countFrom(key, call))
  }

  async #countExisting(key: string, step: CounterStep): Promise<bigint | undefined> {
    const start = performance.now()
    try {
      return await this.#cache.arithmetic(key, step.delta, step)
    } catch (error) {
      if (!isStorageError(error, 'E_SERVER')) throw error
      await together(this.#cache, step, (call) => this.#lockOf(key, call, error), start)
      return undefined
    }
  }

  /** Creates it by a store: memcached would create it without the flags that tell what it is. */
  async #countFrom(key: string, step: CounterStep): Promise<bigint | undefined> {
    const { delta, initial = 0n, ttlMs, signal, routeBy } = step
    const sum = addToCounter(initial, delta)
    const bytes = Buffer.from(String(sum))
    const options = { flags: this.#counterFlags, ttlMs, signal, routeBy }
    for (;;) {
      let lock: CacheItem | undefined
      try {
        const counted = await this.#cache.arithmetic(key, delta, { signal, routeBy })
        if (counted !== undefined) return counted
      } catch (error) {
        lock = await this.#lockOf(key, step, error)
      }
      if (lock === undefined) {
        if ((await this.#cache.add(key, bytes, options)) !== undefined) return sum
      } else if ((await this.#cache.cas(key, bytes, lock.cas, options)).status === 'stored') return sum
    }
  }

  /** What was no number, where it is a lock; undefined where it has gone since. Throws `error` for anything else. */
  async #lockOf(
    key: string,
    { signal, routeBy }: CallOptions,
    error: unknown,
  ): Promise<CacheItem | undefined> {
    if (!isStorageError(error, 'E_SERVER')) throw error
    const item = await this.#cache.get(key, { signal, routeBy })
    if (item !== undefined && !isLock(item)) throw error
    return item
  }
}
