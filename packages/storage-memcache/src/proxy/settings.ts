import type { NamesOf } from '@larder/storage-core'

/** How a write goes on when the cache cannot be reached. */
export type WhenCacheFails =
  /**
   * The write is committed, with its journal row where the storage keeps a journal. Until the row is settled, or the
   * cached value expires, a reader that still reaches the server may see the value of before.
   */
  | 'bypass'
  /** The write is rolled back and rejects with `E_CACHE_UNAVAILABLE`. */
  | 'reject'

/** How a reader goes on that is to refresh a value past its `ttlMs`, when the storage behind fails. */
export type WhenStorageFails =
  /** The old value goes, and the reader gets the storage's error, as do the next ones. */
  | 'reject'
  /** The old value is the answer, until `graceMs` have passed; for `leaseTtlMs` nobody tries again. */
  | 'grace'

/** How a `MemcacheStorage` caches; durations in milliseconds. */
export interface ProtocolOptions {
  /** How long a value may stay, in milliseconds. Default: one hour. */
  readonly ttlMs?: number | undefined
  /**
   * For how long after its `ttlMs` a value may still be the answer, in milliseconds, while one reader reads it anew.
   * Writes through the library are seen at once all the same; what is given up is that a write past the library is
   * seen within `ttlMs`: it takes up to `ttlMs` and `graceMs`. Default: 0, not at all.
   */
  readonly graceMs?: number | undefined
  /**
   * How long the one reader waits for the storage behind before it answers with the old value too, in milliseconds;
   * the value is read to its end all the same, for those who come later. Default: 0, at once.
   */
  readonly softTimeoutMs?: number | undefined
  /** Of a value within its `graceMs`. Default: `'reject'`. */
  readonly whenStorageFails?: WhenStorageFails | undefined
  /** By how much of itself each time to live is shortened at random, 0 to 1, lest all expire at once. Default: 0.1. */
  readonly ttlJitter?: number | undefined
  /** How long it is remembered that a part does not exist, in milliseconds. Default: one minute. */
  readonly absentTtlMs?: number | undefined
  /** How long a listing may stay, in milliseconds. Default: one hour. */
  readonly listTtlMs?: number | undefined
  /**
   * Memory of this process for the names of cached listings, in bytes; whether they still stand is asked each time.
   * Listings that do not fit are fetched each time. Default: 16 MiB.
   */
  readonly listMemoryBytes?: number | undefined
  /** How long a reader may take to fill, in milliseconds. Default: 10 s. */
  readonly leaseTtlMs?: number | undefined
  /**
   * How long a writer may take, in milliseconds; a transaction that comes near it rolls back. Must be longer than
   * the transaction time-out of the storage behind. Default: 30 s.
   */
  readonly markTtlMs?: number | undefined
  /** How long a reader waits for the one that is filling before it reads for itself, in milliseconds. Default: 250. */
  readonly fillWaitMs?: number | undefined
  /** How long a writer waits for another's mark where the storage has no transactions, in milliseconds. Default: 5 s. */
  readonly lockTimeoutMs?: number | undefined
  /** How long a committed write tries to learn that the cache is right before it gives up, in milliseconds. Default: 5 s. */
  readonly confirmTimeoutMs?: number | undefined
  /** How often a process looks for writes whose caches were not set right, in milliseconds. Default: one second. */
  readonly relayIntervalMs?: number | undefined
  /** How long such a write is left to its own process, in milliseconds. Default: 5 s. */
  readonly relayAfterMs?: number | undefined
  /**
   * How long a row of the journal is kept for a server that cannot be reached, in milliseconds: at least as long as
   * anything may stay in a cache, after which nothing can be wrong there. Default: a day, or that if it is longer.
   */
  readonly relayForMs?: number | undefined
  /** Larger contents are not cached, in bytes. Default: 32 MiB. */
  readonly maxCachedBytes?: number | undefined
  /** Default: `'bypass'`. */
  readonly whenCacheFails?: WhenCacheFails | undefined
}

export type Settings = {
  readonly [name in keyof ProtocolOptions]-?: Exclude<ProtocolOptions[name], undefined>
}

const DEFAULTS: Settings = Object.freeze({
  ttlMs: 3_600_000,
  graceMs: 0,
  softTimeoutMs: 0,
  whenStorageFails: 'reject',
  ttlJitter: 0.1,
  absentTtlMs: 60_000,
  listTtlMs: 3_600_000,
  listMemoryBytes: 16 * 1_024 * 1_024,
  leaseTtlMs: 10_000,
  markTtlMs: 30_000,
  fillWaitMs: 250,
  lockTimeoutMs: 5_000,
  confirmTimeoutMs: 5_000,
  relayIntervalMs: 1_000,
  relayAfterMs: 5_000,
  relayForMs: 86_400_000,
  maxCachedBytes: 32 * 1_024 * 1_024,
  whenCacheFails: 'bypass',
})

/** The names of all options. */
export const PROTOCOL_OPTIONS = Object.freeze(Object.keys(DEFAULTS) as (keyof Settings)[])
export const PROTOCOL_NAMES = Object.freeze(
  Object.fromEntries(PROTOCOL_OPTIONS.map((name) => [name, true])),
) as NamesOf<ProtocolOptions>

/** By how much a server may count otherwise, and buckets outlive their listing. */
const CLOCKS_MS = 120_000

const ZERO_ALLOWED: ReadonlySet<string> = new Set([
  'graceMs',
  'softTimeoutMs',
  'ttlJitter',
  'fillWaitMs',
  'relayAfterMs',
  'maxCachedBytes',
  'listMemoryBytes',
])

/** Fills in the defaults. Throws `RangeError` for what makes no sense, `TypeError` for what would have no effect. */
export function resolveSettings(options: ProtocolOptions): Settings {
  const settings: Record<string, unknown> = { ...DEFAULTS }
  for (const name of PROTOCOL_OPTIONS) {
    const given = options[name]
    if (given === undefined) continue
    if (typeof DEFAULTS[name] === 'number') checkNumber(name, given, ZERO_ALLOWED)
    settings[name] = given
  }
  const resolved = settings as Settings
  if (resolved.ttlJitter > 1) throw new RangeError('ttlJitter must be 0 to 1')
  if (resolved.whenCacheFails !== 'bypass' && resolved.whenCacheFails !== 'reject') {
    throw new RangeError("whenCacheFails must be 'bypass' or 'reject'")
  }
  if (resolved.whenStorageFails !== 'reject' && resolved.whenStorageFails !== 'grace') {
    throw new RangeError("whenStorageFails must be 'reject' or 'grace'")
  }
  if (resolved.graceMs === 0 && (resolved.softTimeoutMs > 0 || resolved.whenStorageFails === 'grace')) {
    throw new TypeError('Without graceMs, softTimeoutMs and whenStorageFails would have no effect')
  }
  const shelfMs = shelfMsOf(resolved)
  if (options.relayForMs !== undefined && options.relayForMs < shelfMs) {
    throw new RangeError(`relayForMs must be ${shelfMs} or more: so long can a value stay in the cache`)
  }
  return { ...resolved, relayForMs: Math.max(resolved.relayForMs, shelfMs) }
}

/** After what time nothing is in a cache any more that was read before. */
function shelfMsOf({ ttlMs, graceMs, absentTtlMs, listTtlMs, leaseTtlMs, markTtlMs }: Settings): number {
  return Math.max(ttlMs + graceMs, absentTtlMs + graceMs, listTtlMs) + leaseTtlMs + markTtlMs + CLOCKS_MS
}

/** Throws a `RangeError` unless the value is a number from 0 on, or above it. */
export function checkNumber(name: string, value: unknown, zeroAllowed: ReadonlySet<string>): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new RangeError(`${name} must be a number, 0 or more`)
  }
  if (value === 0 && !zeroAllowed.has(name)) throw new RangeError(`${name} must be more than 0`)
}
