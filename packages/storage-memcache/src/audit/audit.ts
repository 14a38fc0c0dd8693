import type { ResourceInfo } from '@larder/storage-core'
import {
  functionOption,
  listOption,
  MAX_TIMER_MS,
  nameOption,
  numberOption,
  optionTable,
  required,
  resolveOptions,
  signalOption,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import type { Auditable } from './auditable.js'
import { Inspector } from './inspector.js'
import { ListingAudit } from './listing-audit.js'
import { Pace } from './pace.js'
import { PartAudit } from './part-audit.js'
import type { AuditProgress, AuditReport, ListingAuditReport } from './report.js'
import { newCounters } from '../counters.js'
import { PartCache } from '../storage/index.js'

/** What `audit` looks at, and how fast. */
export const AUDIT_OPTIONS = optionTable({
  /** The collections to look at. */
  collections: required(listOption('a list of names of collections', nameOption())),
  /** The share of resources to look at, chosen at random. Default: 1, all. */
  sample: numberOption({ above: 0, max: 1 }, 1),
  /** Ends after that many resources. Default: none. */
  limit: numberOption({ above: 0, isUnlimited: true }),
  /** Resources per second, at most. Default: 1,000. */
  maxPerSecond: numberOption({ above: 0, isUnlimited: true }, 1_000),
  /**
   * How long a difference must last to be a disagreement, in milliseconds. Default: `relayAfterMs` and twice the
   * `relayIntervalMs` of the storage, so that what a relay is about to set right does not count.
   */
  recheckAfterMs: numberOption({ min: 0, max: MAX_TIMER_MS }),
  /** Ends the audit with `E_ABORTED`. */
  signal: signalOption(),
  /** Called after each page of names. If it throws, the audit rejects with the same error. Default: none. */
  onProgress: functionOption<(progress: AuditProgress) => void>(),
})

/** What `audit` looks at, and how fast. */
export type AuditOptions = OptionsOf<typeof AUDIT_OPTIONS>

/** How many names a query of the storage behind brings. */
const PAGE = 1_000
/** What a page of names counts, in resources. */
const PAGE_COST = 1

export async function auditParts(it: Auditable, options: AuditOptions): Promise<AuditReport> {
  const { collections, sample, limit = Infinity, maxPerSecond, ...given } = resolveAudit(options)
  const { relayAfterMs, relayIntervalMs } = it.settings
  const { recheckAfterMs = relayAfterMs + 2 * relayIntervalMs } = given
  const pace = new Pace(it.env, maxPerSecond, options.signal, it.isClosed)
  const { slots } = new PartCache(it.cache, it.settings, it.env, newCounters())
  const inspector = new Inspector(it.cache, slots)
  const parts = new PartAudit(it.storage, inspector, pace, recheckAfterMs)
  const listings: ListingAudit[] = []
  const startedAt = it.env.now()
  let left = limit
  for (const collection of collections) {
    if (left <= 0) break
    const infoOf = (name: string) => it.infoOf(collection, name)
    const names = { collection, headKey: it.headKeyOf(collection), infoOf, recheckAfterMs }
    const listing = new ListingAudit(it.storage, inspector, pace, names)
    let after: string | undefined
    do {
      await pace.spend(PAGE_COST)
      const page = await it.storage.page(collection, { limit: PAGE, after, signal: options.signal })
      after = page.next
      await listing.see(
        page.entries.map(({ name }) => name),
        after === undefined,
      )
      const infos: ResourceInfo[] = []
      for (const { name } of page.entries)
        if (infos.length < left && it.env.random() < sample) infos.push(infoOf(name))
      left -= infos.length
      await parts.check(infos)
      options.onProgress?.(progressOf(parts))
    } while (after !== undefined && left > 0)
    if (after !== undefined) break
    // Of these, parts may still be cached.
    await parts.check(listing.surplus)
    listings.push(listing)
  }
  await parts.recheck()
  const judged: ListingAuditReport[] = []
  for (const listing of listings) judged.push(await listing.judge())
  const { totals } = parts
  const rate = totals.cached === 0 ? 0 : totals.disagreeing.length / totals.cached
  return { ...totals, listings: judged, seconds: (it.env.now() - startedAt) / 1_000, rate }
}

function progressOf(parts: PartAudit): AuditProgress {
  const { checked: count, cached, agreeing, disagreeing } = parts.totals
  return { checked: count, cached, agreeing, disagreeing: disagreeing.length, suspected: parts.suspected }
}

/** Throws `TypeError` and `RangeError`. */
function resolveAudit(options: AuditOptions): ResolvedOptions<typeof AUDIT_OPTIONS> {
  const resolved = resolveOptions('audit', AUDIT_OPTIONS, options)
  if (resolved.collections.length > 0) return resolved
  throw new RangeError('`collections` must name at least one collection')
}
