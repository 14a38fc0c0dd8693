import {
  booleanOption,
  choiceOption,
  durationOption,
  notAllowed,
  numberOption,
  optionTable,
  overridesOf,
  pauseOption,
  wrongType,
  type Option,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import { checkGrace, GRACE_OPTIONS, NEAR_OPTIONS } from '../coherence/index.js'

/** How long one result is kept, and how it is refreshed. */
const ENTRY_OPTIONS = optionTable({
  /** How long a result may stay, in milliseconds; memcached counts whole seconds. Default: 60,000. */
  ttlMs: numberOption({ above: 0 }, 60_000),
  ...GRACE_OPTIONS,
  /** What the refreshing caller gets when its loader fails within `graceMs`. Default: `'reject'`. */
  whenLoaderFails: choiceOption(['reject', 'grace'], 'reject'),
})

/** How a `QueryCache` caches. */
export const QUERY_OPTIONS = optionTable({
  ...ENTRY_OPTIONS,
  /** How long a loader may take to have its result cached, in milliseconds. Default: 30,000. */
  leaseTtlMs: durationOption(30_000),
  /** How long a caller waits for another's loader before it runs its own, in milliseconds. Default: 1,000. */
  fillWaitMs: pauseOption(1_000),
  /**
   * Where the parts of a key end, for `invalidate({ prefix })`: a key `a:b:c` can be invalidated by `a:` and by `a:b:`.
   * Each prefix is an item of its own, which a read asks for together with the entry, once for all reads of a turn.
   * `false`: no prefixes. Default: `':'`.
   */
  prefixSeparator: separatorOption(),
  ...NEAR_OPTIONS,
  /** Whether there is a `clear()`: an item that all reads ask for together with the entry. Default: false. */
  clearable: booleanOption(false),
})

/** What a call may say of its entry. */
export const CALL_ENTRY_OPTIONS = overridesOf(ENTRY_OPTIONS, 'the cache')

/** What a call may say of an entry; what it leaves out, the cache's own options say. */
export type EntryOptions = OptionsOf<typeof CALL_ENTRY_OPTIONS>
/** How a `QueryCache` caches; durations in milliseconds. */
export type QueryOptions = OptionsOf<typeof QUERY_OPTIONS>
export type QuerySettings = ResolvedOptions<typeof QUERY_OPTIONS>
export type EntrySettings = ResolvedOptions<typeof ENTRY_OPTIONS>

/** Throws a `TypeError` or `RangeError` for options that make no sense together. */
export function checkQueryOptions(settings: QuerySettings): void {
  checkGrace(settings, 'whenLoaderFails', settings.whenLoaderFails)
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

/** Throws as `checkQueryOptions` does. Every hit pays for this. */
export function checkEntryOptions(defaults: QuerySettings, options: EntryOptions): void {
  const { softTimeoutMs, whenLoaderFails } = options
  if (softTimeoutMs === undefined && whenLoaderFails === undefined) return
  const settings = entrySettings(defaults, options)
  checkGrace(settings, 'whenLoaderFails', settings.whenLoaderFails)
}

function separatorOption(): Option<string | false, string | false> {
  const takes = 'text of at least one character, or false'
  return {
    takes,
    fallback: ':',
    check(value, name) {
      if (value === false) return value
      if (typeof value !== 'string') throw wrongType(name, takes, value)
      if (value === '') throw notAllowed(name, takes, value)
      return value
    },
  }
}
