import type { JournalRow, ExternalChange } from '@larder/storage-core/driver'
import type { Scheduler, SimProcess } from './scheduler.js'

/** How long a change stays with whoever has claimed it. */
const CLAIM_MS = 30_000

interface Row {
  readonly id: string
  readonly change: ExternalChange
  claimedUntil: number
}

/** What triggers tell of changes past the library. */
export class Outsiders {
  readonly #scheduler: Scheduler
  readonly #listeners: { readonly process: SimProcess; readonly wake: () => void }[] = []
  #rows: Row[] = []
  #lastId = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** Whether there have been any. */
  get areActive(): boolean {
    return this.#lastId > 0
  }

  /** With the commit of the change. */
  tell(change: ExternalChange): void {
    this.#rows.push({ id: `external ${++this.#lastId}`, change, claimedUntil: 0 })
    // A message may get lost.
    for (const { process, wake } of this.#listeners)
      if (!process.isDead && this.#scheduler.chance(0.5)) wake()
  }

  listen(process: SimProcess, wake: () => void): void {
    this.#listeners.push({ process, wake })
  }

  claim(limit: number): JournalRow[] {
    const now = this.#scheduler.nowMs
    const free = this.#rows.filter(({ claimedUntil }) => claimedUntil <= now).slice(0, limit)
    for (const row of free) row.claimedUntil = now + CLAIM_MS
    return free.map(({ id, change }) => ({ id, keys: [], version: 0, external: change }))
  }

  /** Drops what is done, and gives back what is not. */
  acknowledge(claimed: readonly JournalRow[], done: readonly string[]): void {
    this.#rows = this.#rows.filter(({ id }) => !done.includes(id))
    const ids = new Set(claimed.map(({ id }) => id))
    for (const row of this.#rows) if (ids.has(row.id)) row.claimedUntil = 0
  }
}
