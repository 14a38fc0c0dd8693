import { durationOption, noEffect, numberOption, optionTable, pauseOption } from '@larder/storage-core/base'

/** What becomes of a write when the cache cannot be reached. */
export type WhenCacheFails =
  /**
   * The write is committed, with its journal row where the storage keeps a journal. Until the row is settled, or the
   * cached value expires, a reader that still reaches the server may see the value of before.
   */
  | 'bypass'
  /** The write is rolled back and rejects with `E_CACHE_UNAVAILABLE`. */
  | 'reject'

/** How the values of one class are refreshed past their time. Shared by `MemcacheStorage` and `QueryCache`. */
export const GRACE_OPTIONS = optionTable({
  /**
   * How long past its `ttlMs` a value is still served while one reader refreshes it, in milliseconds. Writes through the
   * library and invalidations are seen at once. The price: a change that passes the library by is seen after up to `ttlMs` +
   * `graceMs`. Default: 0, not at all.
   */
  graceMs: numberOption({ min: 0 }, 0),
  /**
   * How long the refreshing reader waits for the new value before it gets the old one, in milliseconds; the refresh
   * continues for later readers. Needs `graceMs`. Default: 0, it does not wait.
   */
  softTimeoutMs: pauseOption(0),
})

/** Copies in the memory of a process. Shared by `MemcacheStorage` and `QueryCache`. */
export const NEAR_OPTIONS = optionTable({
  /**
   * Memory of this process for copies of values of 2 kB and more, in bytes. Each read asks the server whether the copy is
   * still the item that is stored there, and needs no transfer then. 0: no copies. Default: 32 MiB.
   */
  nearBytes: numberOption({ min: 0 }, 32 * 1_024 * 1_024),
})

/** How writes that another process left unfinished are completed. Shared by `MemcacheStorage` and `QueryCache`. */
export const RELAY_OPTIONS = optionTable({
  /** How often this process looks for outbox rows that are left, in milliseconds. Default: 1,000. */
  relayIntervalMs: durationOption(1_000),
  /** How long a row is left to the process that wrote it, in milliseconds. Default: 5,000. */
  relayAfterMs: pauseOption(5_000),
})

/** The share of a time to live that chance takes away, so that not all entries expire at once. */
export const TTL_JITTER = 0.1

/** Throws a `TypeError` for what has no effect without `graceMs`. */
export function checkGrace(
  { graceMs, softTimeoutMs }: { readonly graceMs: number; readonly softTimeoutMs: number },
  name: string,
  whenSourceFails: 'reject' | 'grace',
): void {
  if (graceMs > 0 || (softTimeoutMs === 0 && whenSourceFails === 'reject')) return
  throw noEffect('graceMs', 'softTimeoutMs', name)
}
