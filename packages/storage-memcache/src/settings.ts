import {
  choiceOption,
  durationOption,
  numberOption,
  optionTable,
  pauseOption,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import {
  checkGrace,
  GRACE_OPTIONS,
  NEAR_OPTIONS,
  RELAY_OPTIONS,
  type WhenCacheFails,
} from './coherence/index.js'

/** What a reader gets that refreshes a value past its `ttlMs` when the storage behind fails. */
export type WhenStorageFails =
  /** The storage's error; the old value is removed, so the next readers get it as well. */
  | 'reject'
  /** The old value, until `graceMs` have passed; nobody tries again for `leaseTtlMs`. */
  | 'grace'

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
  ...NEAR_OPTIONS,
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

/** The clocks of servers may differ by as much, and chunks of a listing stay longer than its head. */
const CLOCKS_MS = 120_000
const DAY_MS = 86_400_000

/** Throws a `TypeError` or `RangeError` for options that make no sense together. */
export function settingsOf(options: ResolvedOptions<typeof PROTOCOL_OPTIONS>): Settings {
  checkGrace(options, 'whenStorageFails', options.whenStorageFails)
  return { ...options, relayForMs: Math.max(DAY_MS, shelfMsOf(options)) }
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
