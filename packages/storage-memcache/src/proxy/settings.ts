import {
  choiceOption,
  durationOption,
  noEffect,
  numberOption,
  optionTable,
  pauseOption,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'

/** What becomes of a write when the cache cannot be reached. */
export type WhenCacheFails =
  /**
   * The write is committed, with its journal row where the storage keeps a journal. Until the row is settled, or the
   * cached value expires, a reader that still reaches the server may see the value of before.
   */
  | 'bypass'
  /** The write is rolled back and rejects with `E_CACHE_UNAVAILABLE`. */
  | 'reject'

/** What a reader gets that refreshes a value past its `ttlMs` when the storage behind fails. */
export type WhenStorageFails =
  /** The storage's error; the old value is removed, so the next readers get it as well. */
  | 'reject'
  /** The old value, until `graceMs` have passed; nobody tries again for `leaseTtlMs`. */
  | 'grace'

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

/** How writes that another process left unfinished are completed. Shared by `MemcacheStorage` and `QueryCache`. */
export const RELAY_OPTIONS = optionTable({
  /** How often this process looks for outbox rows that are left, in milliseconds. Default: 1,000. */
  relayIntervalMs: durationOption(1_000),
  /** How long a row is left to the process that wrote it, in milliseconds. Default: 5,000. */
  relayAfterMs: pauseOption(5_000),
})

/** How a `MemcacheStorage` caches. */
export const PROTOCOL_OPTIONS = optionTable({
  /** How long a value or a listing may stay, in milliseconds. Default: 3,600,000, an hour. */
  ttlMs: numberOption({ above: 0 }, 3_600_000),
  ...GRACE_OPTIONS,
  /** What the refreshing reader gets when the storage behind fails within `graceMs`. Default: `'reject'`. */
  whenStorageFails: choiceOption<WhenStorageFails>(['reject', 'grace'], 'reject'),
  /** How long the absence of a part is cached, in milliseconds. Default: 60,000. */
  absentTtlMs: numberOption({ above: 0 }, 60_000),
  /**
   * Memory of this process for the names of cached listings, in bytes. Each use asks the cache whether they still hold;
   * listings that do not fit are fetched each time. Default: 16 MiB.
   */
  listMemoryBytes: numberOption({ min: 0 }, 16 * 1_024 * 1_024),
  /** How long a reader may take to fill the cache, in milliseconds. Default: 10,000. */
  leaseTtlMs: durationOption(10_000),
  /**
   * How long a writer may take, in milliseconds; a transaction that comes near it rolls back. Must be longer than the
   * transaction time-out of the storage behind. Default: 30,000.
   */
  markTtlMs: durationOption(30_000),
  /** How long a reader waits for another reader's fill before it asks the storage itself, in milliseconds. Default: 250. */
  fillWaitMs: pauseOption(250),
  /** How long a writer waits for another's mark if the storage has no transactions, in milliseconds. Default: 5,000. */
  lockTimeoutMs: durationOption(5_000),
  /** How long a committed write tries to confirm that the cache is right, in milliseconds. Default: 5,000. */
  confirmTimeoutMs: durationOption(5_000),
  ...RELAY_OPTIONS,
  /** Larger contents are not cached, in bytes. Default: 32 MiB. */
  maxCachedBytes: numberOption({ min: 0 }, 32 * 1_024 * 1_024),
  /** What becomes of a write when the cache cannot be reached. Default: `'bypass'`. */
  whenCacheFails: choiceOption<WhenCacheFails>(['bypass', 'reject'], 'bypass'),
})

/** How a `MemcacheStorage` caches; durations in milliseconds. */
export type ProtocolOptions = OptionsOf<typeof PROTOCOL_OPTIONS>

export interface Settings extends ResolvedOptions<typeof PROTOCOL_OPTIONS> {
  /** How long a journal row is kept for an unreachable server: no shorter than anything can stay in a cache. */
  readonly relayForMs: number
}

/** The share of a time to live that chance takes away, so that not all entries expire at once. */
export const TTL_JITTER = 0.1

/** The clocks of servers may differ by as much, and chunks of a listing stay longer than its head. */
const CLOCKS_MS = 120_000
const DAY_MS = 86_400_000

/** Throws a `TypeError` or `RangeError` for options that make no sense together. */
export function settingsOf(options: ResolvedOptions<typeof PROTOCOL_OPTIONS>): Settings {
  checkGrace(options, 'whenStorageFails', options.whenStorageFails)
  return { ...options, relayForMs: Math.max(DAY_MS, shelfMsOf(options)) }
}

/** Throws a `TypeError` for what has no effect without `graceMs`. */
export function checkGrace(
  { graceMs, softTimeoutMs }: { readonly graceMs: number; readonly softTimeoutMs: number },
  name: string,
  whenSourceFails: 'reject' | 'grace',
): void {
  if (graceMs > 0 || (softTimeoutMs === 0 && whenSourceFails === 'reject')) return
  throw noEffect('graceMs', 'softTimeoutMs', name)
}

/** How long what was read before can stay in a cache. */
function shelfMsOf({
  ttlMs,
  graceMs,
  absentTtlMs,
  leaseTtlMs,
  markTtlMs,
}: ResolvedOptions<typeof PROTOCOL_OPTIONS>): number {
  return Math.max(ttlMs, absentTtlMs) + graceMs + leaseTtlMs + markTtlMs + CLOCKS_MS
}
