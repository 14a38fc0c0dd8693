import { isStorageError } from '@larder/storage-core/base'
import type { CacheItem, CallOptions, CasToken, ItemOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { addToCounter } from '../protocol/index.js'
import type { DeleteCallOptions } from './client-options.js'
import { withSharedDeadline } from './with-shared-deadline.js'
import { DELETION_LOCK_FLAGS, isLock } from './value-flags.js'

const NO_VALUE = Buffer.alloc(0)

/** A value as it is stored. */
export interface EncodedItem {
  readonly bytes: Uint8Array
  readonly options: ItemOptions & CallOptions
}

/** The item for the call that stores it. */
export function routed(item: EncodedItem, call: CallOptions | undefined): EncodedItem {
  return call === undefined ? item : { ...item, options: { ...item.options, ...call } }
}

/** A step of a counter, checked. */
export interface CounterStep extends CallOptions {
  readonly delta: bigint
  readonly initial: bigint | undefined
  /** Of one that is created. */
  readonly flags: number
  /** For one that is created. */
  readonly ttlMs: number | undefined
}

/**
 * The commands that would take the lock that a deletion left for an item, or leave one. To look first takes them
 * several round trips, for which there is one time-out.
 */
export class LockableItems {
  readonly #cache: CommandCache

  constructor(cache: CommandCache) {
    this.#cache = cache
  }

  /** Changes an item where there is one; what `check` throws for it is the rejection. */
  change(
    key: string,
    call: CallOptions | undefined,
    change: (call: CallOptions | undefined) => Promise<boolean>,
    check?: (item: CacheItem) => void,
  ): Promise<boolean> {
    return withSharedDeadline(this.#cache, call, async (rest) => {
      const found = await this.#cache.get(key, rest)
      if (found === undefined || isLock(found)) return false
      check?.(found)
      return change(rest)
    })
  }

  async add(key: string, { bytes, options }: EncodedItem): Promise<boolean> {
    return (await this.#cache.add(key, bytes, options)) !== undefined
  }

  async cas(key: string, { bytes, options }: EncodedItem, token: CasToken): Promise<boolean> {
    return (await this.#cache.cas(key, bytes, token, options)).status === 'stored'
  }

  replace(key: string, { bytes, options }: EncodedItem): Promise<boolean> {
    return withSharedDeadline(this.#cache, options, async (call) => {
      for (;;) {
        const found = await this.#cache.get(key, callOf(call))
        if (found === undefined || isLock(found)) return false
        const { status } = await this.#cache.cas(key, bytes, found.cas, call)
        if (status !== 'exists') return status === 'stored'
      }
    })
  }

  /** With `lockMs`, leaves a lock behind. */
  async delete(
    key: string,
    options: DeleteCallOptions | undefined,
    call: CallOptions | undefined,
  ): Promise<boolean> {
    const { cas, lockMs } = options ?? {}
    if (lockMs !== undefined) return this.#lock(key, lockMs, cas, call)
    return (await this.#cache.delete(key, cas === undefined ? call : { ...call, cas })) === 'deleted'
  }

  #lock(
    key: string,
    lockMs: number,
    cas: CasToken | undefined,
    call: CallOptions | undefined,
  ): Promise<boolean> {
    const lock = { flags: DELETION_LOCK_FLAGS, ttlMs: lockMs, ...call }
    return withSharedDeadline(this.#cache, lock, async (rest) => {
      if (cas !== undefined) return (await this.#cache.cas(key, NO_VALUE, cas, rest)).status === 'stored'
      const item = await this.#cache.get(key, callOf(rest))
      await this.#cache.set(key, NO_VALUE, rest)
      return item !== undefined && !isLock(item)
    })
  }

  /** A lock reads as a counter that is not there; an initial value takes its place. */
  count(key: string, step: CounterStep): Promise<bigint | undefined> {
    return step.initial === undefined
      ? this.#countExisting(key, step)
      : withSharedDeadline(this.#cache, step, (call) => this.#countFrom(key, call))
  }

  async #countExisting(key: string, step: CounterStep): Promise<bigint | undefined> {
    const start = performance.now()
    try {
      return await this.#cache.arithmetic(key, step.delta, callOf(step))
    } catch (error) {
      if (!isStorageError(error, 'E_SERVER')) throw error
      await withSharedDeadline(this.#cache, callOf(step), (call) => this.#lockOf(key, call, error), start)
      return undefined
    }
  }

  /** Creates it by a store: memcached would create it without the flags that tell what it is. */
  async #countFrom(key: string, step: CounterStep): Promise<bigint | undefined> {
    const { delta, initial = 0n, flags, ttlMs } = step
    const call = callOf(step)
    const sum = addToCounter(initial, delta)
    const bytes = Buffer.from(String(sum))
    const options = { flags, ttlMs, ...call }
    for (;;) {
      let lock: CacheItem | undefined
      try {
        const counted = await this.#cache.arithmetic(key, delta, call)
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
  async #lockOf(key: string, call: CallOptions, error: unknown): Promise<CacheItem | undefined> {
    if (!isStorageError(error, 'E_SERVER')) throw error
    const item = await this.#cache.get(key, callOf(call))
    if (item !== undefined && !isLock(item)) throw error
    return item
  }
}

/** What of a store's or a counter's options is for other commands too. */
function callOf({ signal, routeBy, batch }: CallOptions): CallOptions {
  return { signal, routeBy, batch }
}
