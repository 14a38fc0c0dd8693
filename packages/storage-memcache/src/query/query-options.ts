import type { NamesOf } from '@larder/storage-core'
import { checkNumber } from '../proxy/settings.js'

/** What a call may say of an entry; what it leaves out, the cache's own options say. */
export interface EntryOptions {
  /** How long a result may stay, in milliseconds; memcached counts whole seconds. Default: 60,000. */
  readonly ttlMs?: number | undefined
  /**
   * For how long after its `ttlMs` a result may still be the answer, in milliseconds, while one caller runs the
   * loader anew. What was invalidated is not served, whatever its age. What is given up: a change that nobody
   * invalidates is seen after up to `ttlMs` and `graceMs`. Default: 0, not at all.
   */
  readonly graceMs?: number | undefined
  /**
   * How long that caller waits for the loader before it gets the old result too, in milliseconds; the loader runs to
   * its end all the same, for those who come later. Default: 0, at once.
   */
  readonly softTimeoutMs?: number | undefined
  /** What the caller gets whose loader fails while there is a result within its `graceMs`. Default: `'reject'`. */
  readonly whenLoaderFails?: 'reject' | 'grace' | undefined
}

export interface QueryOptions extends EntryOptions {
  /** By how much of itself each `ttlMs` is shortened at random, 0 to 1, lest all expire at once. Default: 0.1. */
  readonly ttlJitter?: number | undefined
  /** How long a loader may take to have its result cached, in milliseconds. Default: 30,000. */
  readonly leaseTtlMs?: number | undefined
  /** How long a caller waits for another's loader before it runs its own, in milliseconds. Default: 1,000. */
  readonly fillWaitMs?: number | undefined
  /**
   * Where the parts of a key end, for `invalidate({ prefix })`; a key `a:b:c` can be invalidated by `a:` and by
   * `a:b:`. Each prefix is an item of its own, which a read asks for together with the entry, once for all reads of
   * a turn; `false` does without. Default: `':'`.
   */
  readonly prefixSeparator?: string | false | undefined
  /** Whether there is a `clear()`: a stamp that all reads ask for together with the entry. Default: false. */
  readonly clearable?: boolean | undefined
}

export const ENTRY_NAMES: NamesOf<EntryOptions> = Object.freeze({
  ttlMs: true,
  graceMs: true,
  softTimeoutMs: true,
  whenLoaderFails: true,
})

export const QUERY_NAMES: NamesOf<QueryOptions> = Object.freeze({
  ...ENTRY_NAMES,
  ttlJitter: true,
  leaseTtlMs: true,
  fillWaitMs: true,
  prefixSeparator: true,
  clearable: true,
})

export type QuerySettings = {
  readonly [name in keyof QueryOptions]-?: Exclude<QueryOptions[name], undefined>
}
export type EntrySettings = {
  readonly [name in keyof EntryOptions]-?: Exclude<EntryOptions[name], undefined>
}

/** What a `QueryCache` does unless told otherwise. */
export const DEFAULT_QUERY_OPTIONS: QuerySettings = Object.freeze({
  ttlMs: 60_000,
  graceMs: 0,
  softTimeoutMs: 0,
  whenLoaderFails: 'reject',
  ttlJitter: 0.1,
  leaseTtlMs: 30_000,
  fillWaitMs: 1_000,
  prefixSeparator: ':',
  clearable: false,
})

const ZERO_ALLOWED: ReadonlySet<string> = new Set(['graceMs', 'softTimeoutMs', 'ttlJitter', 'fillWaitMs'])

/** Fills in the defaults. Throws `RangeError` for what makes no sense, `TypeError` for what would have no effect. */
export function resolveQueryOptions(options: QueryOptions): QuerySettings {
  const settings = withDefaults(DEFAULT_QUERY_OPTIONS, { ...options })
  if (settings.ttlJitter > 1) throw new RangeError('ttlJitter must be 0 to 1')
  if (settings.prefixSeparator === '') throw new RangeError('prefixSeparator must not be empty')
  checkGrace(settings)
  return settings
}

/** A call's own options over those of its cache, which `checkEntryOptions` has found good. */
export function entrySettings(defaults: QuerySettings, options: EntryOptions): EntrySettings {
  return {
    ttlMs: options.ttlMs ?? defaults.ttlMs,
    graceMs: options.graceMs ?? defaults.graceMs,
    softTimeoutMs: options.softTimeoutMs ?? defaults.softTimeoutMs,
    whenLoaderFails: options.whenLoaderFails ?? defaults.whenLoaderFails,
  }
}

/** Throws as `resolveQueryOptions` does. Every hit pays for this, and for nothing else of its options. */
export function checkEntryOptions(defaults: QuerySettings, options: EntryOptions): void {
  const { ttlMs, graceMs, softTimeoutMs, whenLoaderFails } = options
  if (ttlMs !== undefined) checkNumber('ttlMs', ttlMs, ZERO_ALLOWED)
  if (graceMs !== undefined) checkNumber('graceMs', graceMs, ZERO_ALLOWED)
  if (softTimeoutMs !== undefined) checkNumber('softTimeoutMs', softTimeoutMs, ZERO_ALLOWED)
  if (softTimeoutMs !== undefined || whenLoaderFails !== undefined)
    checkGrace(entrySettings(defaults, options))
}

function withDefaults(
  defaults: QuerySettings,
  options: Readonly<Partial<Record<string, unknown>>>,
): QuerySettings {
  const settings: Record<string, unknown> = { ...defaults }
  for (const name of Object.keys(DEFAULT_QUERY_OPTIONS)) {
    const given = options[name]
    if (given === undefined) continue
    if (typeof settings[name] === 'number') checkNumber(name, given, ZERO_ALLOWED)
    settings[name] = given
  }
  return settings as unknown as QuerySettings
}

function checkGrace({ graceMs, softTimeoutMs, whenLoaderFails }: EntrySettings): void {
  if (whenLoaderFails !== 'reject' && whenLoaderFails !== 'grace') {
    throw new RangeError("whenLoaderFails must be 'reject' or 'grace'")
  }
  if (graceMs === 0 && (softTimeoutMs > 0 || whenLoaderFails === 'grace')) {
    throw new TypeError('Without graceMs, softTimeoutMs and whenLoaderFails would have no effect')
  }
}
