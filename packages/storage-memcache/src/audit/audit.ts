import { checkOptionNames, type NamesOf, type ResourceInfo } from '@larder/storage-core'
import type { Auditable } from './auditable.js'
import { Inspector } from './inspector.js'
import { ListingAudit } from './listing-audit.js'
import { Pace } from './pace.js'
import { PartAudit } from './part-audit.js'
import type { AuditProgress, AuditReport, ListingAuditReport } from './report.js'
import { PartCodec } from '../proxy/part-codec.js'

/** What `audit` looks at, and how fast. */
export interface AuditOptions {
  /** The collections to look at. */
  readonly collections: readonly string[]
  /** The share of resources to look at, chosen at random, more than 0 and up to 1. Default: 1, all. */
  readonly sample?: number | undefined
  /** Ends after that many resources. Default: none. */
  readonly limit?: number | undefined
  /** Resources a second, at most. Default: 1,000. */
  readonly maxPerSecond?: number | undefined
  /**
   * How long a difference must last to be a disagreement, in milliseconds. Default: `relayAfterMs` and twice the
   * `relayIntervalMs` of the storage, so that what a relay is about to set right does not count.
   */
  readonly recheckAfterMs?: number | undefined
  /** Ends the audit with `E_ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** Called after each page of names. Should it throw, the audit rejects with the same error. */
  readonly onProgress?: ((progress: AuditProgress) => void) | undefined
}

const OPTION_NAMES: NamesOf<AuditOptions> = Object.freeze({
  collections: true,
  sample: true,
  limit: true,
  maxPerSecond: true,
  recheckAfterMs: true,
  signal: true,
  onProgress: true,
})

type Limits = {
  readonly [name in Exclude<keyof AuditOptions, 'signal' | 'onProgress'>]-?: Exclude<
    AuditOptions[name],
    undefined
  >
}

/** How many names a query of the storage behind brings. */
const PAGE = 1_000
/** What a page of names counts, in resources. */
const PAGE_COST = 1

export async function auditParts(it: Auditable, options: AuditOptions): Promise<AuditReport> {
  checkOptionNames('audit', options, OPTION_NAMES)
  const { collections, sample, limit, maxPerSecond, recheckAfterMs } = checked(options, it)
  const pace = new Pace(it.env, maxPerSecond, options.signal, it.isClosed)
  const inspector = new Inspector(it.cache, new PartCodec(it.cache, it.settings, it.env))
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

/** With its defaults. Throws `TypeError` and `RangeError`. */
function checked(options: AuditOptions, { settings }: Auditable): Limits {
  const { collections, sample = 1, limit = Infinity, maxPerSecond = 1_000 } = options
  const { recheckAfterMs = settings.relayAfterMs + 2 * settings.relayIntervalMs } = options
  if (!Array.isArray(collections) || collections.length === 0)
    throw new TypeError('An audit needs the names of the collections to look at')
  if (!(sample > 0 && sample <= 1)) throw new RangeError('sample must be more than 0, and 1 at most')
  if (!(limit > 0)) throw new RangeError('limit must be more than 0')
  if (!(maxPerSecond > 0)) throw new RangeError('maxPerSecond must be more than 0')
  if (!(recheckAfterMs >= 0)) throw new RangeError('recheckAfterMs must be 0 or more')
  return { collections, sample, limit, maxPerSecond, recheckAfterMs }
}
