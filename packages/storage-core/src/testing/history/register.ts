import type { Span, Violation, ViolationKind } from './operations.js'

/** A write as the order of one register sees it. */
export interface Change extends Span {
  readonly version: number | undefined
  /** What reads can observe of it: its very version, or only whether something is there. */
  readonly shows: string
}

export interface Observation extends Span {
  readonly end: number
  /** One of what a change `shows`. */
  readonly saw: string
  readonly said: string
}

/** What a register shows before its first change. */
export const NOTHING = 'nothing'

interface Step {
  readonly span: Span
  readonly change?: Change
  readonly observation?: Observation
  /** The version behind which it happened, once that is known. */
  place?: number | undefined
}

/**
 * Linearizability of one register of which the changes are numbered. The numbers give the order of the changes, so
 * that only the place of each observation is open: the earliest place that its start allows is always the best.
 * A change of unknown outcome and number may have happened at any time after its start; it then explains every
 * later observation that fits, which can hide a violation and never invents one.
 */
export class Register {
  readonly #key: string
  readonly #steps: Step[]
  readonly #numbered = new Map<string, Change[]>()
  /** `floor`: what had been seen when it began; not yet known for one that began after the current step. */
  readonly #unnumbered = new Map<Change, { floor: number }>()
  readonly #violations: Violation[] = []

  constructor(key: string, changes: readonly Change[], observations: readonly Observation[]) {
    this.#key = key
    this.#steps = [
      ...changes.map((change) => ({ span: change, change })),
      ...observations.map((observation) => ({ span: observation, observation })),
    ]
    this.#steps.sort((a, b) => a.span.start - b.span.start)
    let last: number | undefined
    for (const change of [...changes].sort((a, b) => (a.version ?? 0) - (b.version ?? 0))) {
      if (change.version !== undefined && change.version === last) {
        this.#report('order', `two writes have the version ${last}`)
      }
      last = change.version
      this.#index(change)
    }
  }

  check(): readonly Violation[] {
    const byEnd = this.#steps.filter(({ span }) => span.end !== undefined)
    byEnd.sort((a, b) => (a.span.end ?? 0) - (b.span.end ?? 0))
    let ended = 0
    // What was finished before the current step began: the newest change, and the newest of all.
    let changed = 0
    let seen = 0
    // As `seen`, without what was put behind a change that it need not have come from.
    let sure = 0
    for (const step of this.#steps) {
      for (let next = byEnd[ended]; (next?.span.end ?? Infinity) < step.span.start; next = byEnd[++ended]) {
        seen = Math.max(seen, next?.place ?? 0)
        if (next !== undefined && this.#isSure(next)) sure = Math.max(sure, next.place ?? 0)
        if (next?.change !== undefined) changed = Math.max(changed, next.place ?? 0)
      }
      if (step.change !== undefined) step.place = this.#placeChange(step.change, sure, seen)
      if (step.observation !== undefined) step.place = this.#placeObservation(step.observation, changed, seen)
    }
    return this.#violations
  }

  #index(change: Change): void {
    if (change.version === undefined) {
      this.#unnumbered.set(change, { floor: 0 })
      return
    }
    const alike = this.#numbered.get(change.shows)
    if (alike === undefined) this.#numbered.set(change.shows, [change])
    else alike.push(change)
  }

  /** Several changes can show the same: which one was seen is a guess, and wrong where reads step back. */
  #isSure({ observation }: Step): boolean {
    return (
      observation === undefined ||
      (observation.saw !== NOTHING && this.#numbered.get(observation.saw)?.length === 1)
    )
  }

  #placeChange(change: Change, sure: number, seen: number): number | undefined {
    if (change.version === undefined) this.#unnumbered.set(change, { floor: seen })
    else if (change.version <= seen) {
      const which = `the write from ${change.start} on has the version ${change.version}`
      if (change.version <= sure) this.#report('order', `${which}, but ${sure} was there before`)
      else this.#report('back', `${which}, but what was read before it began fits ${seen}, or stepped back`)
    }
    return change.version
  }

  #placeObservation(observation: Observation, changed: number, seen: number): number | undefined {
    const { saw, said, start, end } = observation
    const places = [
      ...(saw === NOTHING ? [0] : []),
      ...(this.#numbered.get(saw) ?? [])
        .filter((change) => change.start <= end)
        .map((change) => change.version ?? 0),
    ]
    const place = Math.min(
      places.find((one) => one >= seen) ?? Infinity,
      this.#placeBetween(saw, end, seen) ?? Infinity,
    )
    if (place !== Infinity) return place
    const newest = places.at(-1)
    const when = `the read from ${start} to ${end} shows ${said}`
    if (newest === undefined) this.#report('unwritten', `${when}, which nobody had written`)
    else if (newest >= changed) this.#report('back', `${when}, but version ${seen} was read before it began`)
    else this.#report('stale', `${when}, but version ${changed} was written before it began`)
    return undefined
  }

  /** Behind what was seen, by a change whose number is not known. */
  #placeBetween(saw: string, end: number, seen: number): number | undefined {
    const floors = [...this.#unnumbered]
      .filter(([change]) => change.shows === saw && change.start <= end)
      .map(([, { floor }]) => Math.max(seen, floor))
    const floor = Math.min(...floors)
    return floors.length === 0 ? undefined : Number.isInteger(floor) ? floor + 0.5 : floor
  }

  #report(kind: ViolationKind, message: string): void {
    this.#violations.push({ kind, key: this.#key, message: `${this.#key}: ${message}` })
  }
}
