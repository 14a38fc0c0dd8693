import { PART_NAMES, type ResourceInfo, type Storage } from '@larder/storage-core'
import { compareNames } from '@larder/storage-core/driver'
import { type Inspector, isSameState, type Seen } from './inspector.js'
import { listedNames, type ListingGap } from './listed-names.js'
import type { Pace } from './pace.js'
import type { ListingAuditReport } from './report.js'
import { partKey } from '../storage-keys.js'

/** How many names of a kind wait for their second look, and are reported, so that they do not fill the memory. */
const MAX_NAMES = 1_000
/** How many resources are asked for at once. */
const AT_ONCE = 16

interface Names {
  readonly collection: string
  readonly headKey: string
  readonly infoOf: (name: string) => ResourceInfo
  readonly recheckAfterMs: number
}

/** Names that the storage behind has and the cached listing has not, and the other way round. */
interface Differences {
  readonly unlisted: string[]
  readonly surplus: string[]
}

/**
 * Compares the cached listing of one collection with the names that the storage behind lists; both come in order, and
 * neither is held as a whole. A name on which they differ counts only if they still do some time later, with nobody
 * at work on the resource: a writer that has not told the listing yet has its mark on a part.
 */
export class ListingAudit {
  readonly #storage: Storage
  readonly #inspector: Inspector
  readonly #pace: Pace
  readonly #it: Names
  readonly #listed: AsyncGenerator<readonly string[], ListingGap | undefined, undefined>
  readonly #suspected: Differences = { unlisted: [], surplus: [] }
  readonly #found: Differences = { unlisted: [], surplus: [] }
  /** What is listed and not compared yet. */
  #ahead: readonly string[] = []
  #next = 0
  #isRead = false
  #gap: ListingGap | undefined
  #seenAt = 0

  constructor(storage: Storage, inspector: Inspector, pace: Pace, it: Names) {
    this.#storage = storage
    this.#inspector = inspector
    this.#pace = pace
    this.#it = it
    this.#listed = listedNames(inspector, pace, it.headKey)
  }

  /** A page of what the storage behind lists. */
  async see(names: readonly string[], isLast: boolean): Promise<void> {
    for (const name of names) {
      const listed = await this.#passUpTo(name)
      if (listed === name) this.#next++
      else await this.#suspect('unlisted', name)
    }
    if (isLast) await this.#passUpTo(undefined)
  }

  /** The resources that the cache lists and the storage behind does not, as far as is known. */
  get surplus(): readonly ResourceInfo[] {
    return [...this.#found.surplus, ...this.#suspected.surplus].map(this.#it.infoOf)
  }

  async judge(): Promise<ListingAuditReport> {
    await this.#recheck()
    const { collection } = this.#it
    const { unlisted, surplus } = this.#found
    const agrees = unlisted.length + surplus.length === 0
    return { collection, outcome: agrees ? (this.#gap ?? 'agrees') : 'disagrees', unlisted, surplus }
  }

  /** Passes what is listed before `name`, or all. Returns the next listed name, if there is one. */
  async #passUpTo(name: string | undefined): Promise<string | undefined> {
    for (;;) {
      const listed = this.#ahead[this.#next]
      if (listed === undefined) {
        if (!(await this.#readOn())) return undefined
      } else if (name === undefined || compareNames(listed, name) < 0) {
        await this.#suspect('surplus', listed)
        this.#next++
      } else return listed
    }
  }

  async #suspect(kind: keyof Differences, name: string): Promise<void> {
    // What cannot be read cannot be compared.
    if (this.#gap !== undefined) return
    if (this.#suspected[kind].length >= MAX_NAMES) await this.#recheck()
    this.#suspected[kind].push(name)
    this.#seenAt = this.#pace.now()
  }

  /** The second look at all that differed. */
  async #recheck(): Promise<void> {
    const { unlisted, surplus } = this.#suspected
    if (this.#gap === undefined && unlisted.length + surplus.length > 0) {
      await this.#pace.until(this.#seenAt + this.#it.recheckAfterMs)
      const standing = [await this.#standing(unlisted, false), await this.#standing(surplus, true)] as const
      this.#report(this.#found.unlisted, standing[0])
      this.#report(this.#found.surplus, standing[1])
    }
    unlisted.length = 0
    surplus.length = 0
  }

  #report(found: string[], standing: readonly string[]): void {
    if (this.#gap === undefined) found.push(...standing.slice(0, MAX_NAMES - found.length))
  }

  async #readOn(): Promise<boolean> {
    if (this.#isRead) return false
    const step = await this.#listed.next()
    this.#ahead = step.done === true ? [] : step.value
    this.#next = 0
    this.#isRead = step.done === true
    if (step.done === true) this.#gap = step.value
    return !this.#isRead
  }

  /** Of names that were listed, or were not, against what is stored: those of which that is still so. */
  async #standing(suspects: readonly string[], isListed: boolean): Promise<readonly string[]> {
    if (suspects.length === 0) return []
    const seen = await this.#partsOf(suspects)
    const before = await this.#listedOf(suspects)
    const stored = await this.#areStored(suspects)
    const after = await this.#listedOf(suspects)
    const again = await this.#partsOf(suspects)
    return suspects.filter((name, i) => {
      const differs = before.has(name) === isListed && after.has(name) === isListed && stored[i] !== isListed
      return differs && isAtRest(seen[i], again[i])
    })
  }

  async #listedOf(names: readonly string[]): Promise<ReadonlySet<string>> {
    const asked = new Set(names)
    const found = new Set<string>()
    const listed = listedNames(this.#inspector, this.#pace, this.#it.headKey)
    for (;;) {
      const step = await listed.next()
      if (step.done === true) {
        this.#gap ??= step.value
        return found
      }
      for (const name of step.value) if (asked.has(name)) found.add(name)
    }
  }

  #areStored(names: readonly string[]): Promise<boolean[]> {
    return this.#inTurn(names, (name) => {
      const info = this.#it.infoOf(name)
      return this.#storage.exists(info.inner ?? info, { signal: this.#pace.signal })
    })
  }

  #partsOf(names: readonly string[]): Promise<Seen[][]> {
    return this.#inTurn(names, (name) =>
      this.#inspector.lookUpMany(PART_NAMES.map((part) => partKey(this.#it.infoOf(name), part))),
    )
  }

  async #inTurn<T>(names: readonly string[], ask: (name: string) => Promise<T>): Promise<T[]> {
    const answers: T[] = []
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const some = names.slice(start, start + AT_ONCE)
      await this.#pace.spend(some.length)
      answers.push(...(await Promise.all(some.map(ask))))
    }
    return answers
  }
}

/** Whether nobody was at work on the parts, nor has been in between. */
function isAtRest(before: readonly Seen[] = [], after: readonly Seen[] = []): boolean {
  return before.every((look, i) => {
    const then = after[i]
    if (look.kind === 'cached') return then?.kind === 'cached' && isSameState(look.state, then.state)
    return look.kind === 'none' && then?.kind === 'none'
  })
}
