import type { ClaimRequest } from './storage-driver.js'
import type { JournalRow } from './storage.js'

interface Row extends JournalRow {
  readonly createdMs: number
}

/** The journal of a storage in memory. */
export class MemoryJournal {
  readonly #rows = new Map<string, Row>()
  readonly #atHand = new Set<string>()
  readonly #now: () => number
  #lastId = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** An id that no other row has. */
  nextId(): string {
    return String(++this.#lastId)
  }

  insert(keys: readonly string[], version: number, id = this.nextId()): string {
    this.#rows.set(id, { id, keys: [...keys], version, createdMs: this.#now() })
    return id
  }

  acknowledge(ids: readonly string[]): void {
    for (const id of ids) this.#rows.delete(id)
  }

  async claim(
    { olderThanMs, keyPrefix, limit }: ClaimRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  ): Promise<number> {
    const createdBy = this.#now() - olderThanMs
    const due = [...this.#rows.values()].filter(
      ({ id, keys, createdMs }) =>
        createdMs <= createdBy && keys.some((key) => key.startsWith(keyPrefix)) && !this.#atHand.has(id),
    )
    const rows = due.slice(0, limit).map(({ id, keys, version, createdMs }) => {
      return { id, keys, version, waitedMs: this.#now() - createdMs }
    })
    if (rows.length === 0) return 0
    for (const { id } of rows) this.#atHand.add(id)
    try {
      const handed = new Set(rows.map(({ id }) => id))
      this.acknowledge((await work(rows)).filter((id) => handed.has(id)))
      return rows.length
    } finally {
      for (const { id } of rows) {
        this.#atHand.delete(id)
        // What could not be settled goes behind what has not been tried.
        const row = this.#rows.get(id)
        if (row === undefined) continue
        this.#rows.delete(id)
        this.#rows.set(id, row)
      }
    }
  }
}
