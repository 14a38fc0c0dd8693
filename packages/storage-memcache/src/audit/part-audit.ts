import {
  PART_NAMES,
  type PartName,
  type ResourceInfo,
  type Storage,
  type StoredPart,
} from '@larder/storage-core'
import { type CachedState, type Inspector, isSameState, type Seen } from './inspector.js'
import type { Pace } from './pace.js'
import type { AuditReport, Disagreement, DisagreementKind } from './report.js'
import { partKey } from '../storage-keys.js'

/** How many resources are looked at together; all their cached contents are held for that long. */
const BATCH = 16
/** How many differences wait for their second look, so that they do not fill the memory. */
const MAX_SUSPECTS = 1_000

interface Target {
  readonly key: string
  readonly info: ResourceInfo
  readonly part: PartName
}

/** A part that differed once. */
interface Suspect extends Target {
  readonly state: CachedState
  readonly seenAt: number
}

type CachedPart = Extract<Seen, { kind: 'cached' }>

/**
 * Compares parts in the cache with the storage behind. What differs is a disagreement only if it stands unchanged in
 * the cache at a second look, some time after, and at a third one behind a second reading of the storage: a write in
 * flight has a mark there, or has replaced what was seen.
 */
export class PartAudit {
  readonly #storage: Storage
  readonly #inspector: Inspector
  readonly #pace: Pace
  readonly #recheckAfterMs: number
  readonly #disagreeing: Disagreement[] = []
  #suspects: Suspect[] = []
  #checked = 0
  #agreeing = 0
  #missing = 0
  #inFlight = 0
  #unreachable = 0

  constructor(storage: Storage, inspector: Inspector, pace: Pace, recheckAfterMs: number) {
    this.#storage = storage
    this.#inspector = inspector
    this.#pace = pace
    this.#recheckAfterMs = recheckAfterMs
  }

  get suspected(): number {
    return this.#suspects.length
  }

  get totals(): Omit<AuditReport, 'listings' | 'seconds' | 'rate'> {
    return {
      checked: this.#checked,
      cached: this.#agreeing + this.#disagreeing.length,
      agreeing: this.#agreeing,
      disagreeing: this.#disagreeing,
      missing: this.#missing,
      inFlight: this.#inFlight,
      unreachable: this.#unreachable,
    }
  }

  /** `infos` are the proxy's own. */
  async check(infos: readonly ResourceInfo[]): Promise<void> {
    for (let start = 0; start < infos.length; start += BATCH) {
      const some = infos.slice(start, start + BATCH)
      await this.#pace.spend(some.length)
      await this.#checkBatch(some)
      if (this.#suspects.length >= MAX_SUSPECTS) await this.recheck()
    }
  }

  async #checkBatch(infos: readonly ResourceInfo[]): Promise<void> {
    const targets = infos.flatMap((info) =>
      PART_NAMES.map((part) => ({ key: partKey(info, part), info, part })),
    )
    const seen = await this.#inspector.lookUpMany(targets.map(({ key }) => key))
    this.#checked += targets.length
    const cached = targets.filter((_, i) => this.#isCached(seen[i]))
    const stored = await this.#stored(cached)
    const seenAt = this.#pace.now()
    targets.forEach((target, i) => {
      const lookup = seen[i]
      if (lookup?.kind !== 'cached') return
      if (differenceOf(lookup.part, stored.get(target)) === undefined) this.#agreeing++
      else this.#suspects.push({ ...target, state: lookup.state, seenAt })
    })
  }

  /** Whether there is something to compare; what there is not is counted. */
  #isCached(seen: Seen | undefined): boolean {
    if (seen?.kind === 'none') this.#missing++
    else if (seen?.kind === 'busy') this.#inFlight++
    else if (seen?.kind === 'unreachable') this.#unreachable++
    return seen?.kind === 'cached'
  }

  /** The second look at all that differed. */
  async recheck(): Promise<void> {
    while (this.#suspects.length > 0) {
      const some = this.#suspects.splice(0, BATCH)
      await this.#pace.until(Math.max(...some.map(({ seenAt }) => seenAt)) + this.#recheckAfterMs)
      await this.#pace.spend(some.length)
      const keys = some.map(({ key }) => key)
      const before = await this.#inspector.lookUpMany(keys)
      const stored = await this.#stored(some)
      const after = await this.#inspector.lookUpMany(keys)
      some.forEach((suspect, i) => this.#judge(suspect, [before[i], after[i]], stored.get(suspect)))
    }
  }

  #judge(suspect: Suspect, looks: readonly (Seen | undefined)[], stored: StoredPart | undefined): void {
    const same = looks.filter(
      (look): look is CachedPart => look?.kind === 'cached' && isSameState(look.state, suspect.state),
    )
    const [seen] = same
    if (same.length < looks.length || seen === undefined) {
      if (looks.some((look) => look?.kind === 'unreachable')) this.#unreachable++
      else this.#inFlight++
      return
    }
    const kind = differenceOf(seen.part, stored)
    if (kind === undefined) {
      this.#agreeing++
      return
    }
    const { info, part } = suspect
    this.#disagreeing.push({
      ...{ kind, collection: info.collection, resource: info.resource ?? '', part },
      ...{ cachedVersion: seen.part?.version, storedVersion: stored?.version },
    })
  }

  async #stored<T extends Target>(targets: readonly T[]): Promise<Map<T, StoredPart | undefined>> {
    const stored = new Map<T, StoredPart | undefined>()
    for (const part of PART_NAMES) {
      const ofPart = targets.filter((target) => target.part === part)
      if (ofPart.length === 0) continue
      const infos = ofPart.map(({ info }) => info.inner ?? info)
      const found = await this.#storage.getMany(infos, { part, signal: this.#pace.signal })
      ofPart.forEach((target, i) => stored.set(target, found[i]))
    }
    return stored
  }
}

/** Undefined: both are the same. */
function differenceOf(
  cached: StoredPart | undefined,
  stored: StoredPart | undefined,
): DisagreementKind | undefined {
  if (cached === undefined) return stored === undefined ? undefined : 'cached as missing'
  if (stored === undefined) return 'not stored'
  if (cached.version < stored.version) return 'older'
  if (cached.version > stored.version) return 'newer'
  return cached.bytes.equals(stored.bytes) ? undefined : 'other bytes'
}
