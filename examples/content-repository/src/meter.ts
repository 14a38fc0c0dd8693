import { countText, tableText, timeText } from '@larder/example-environment'
import type { MemcacheStorage, StorageCounters } from '@larder/storage-memcache'

const HEADINGS = ['step', 'operations', 'hits', 'misses', 'database reads', 'time']

/** Times steps, and notes by how much the counters of the clients grow. */
export class Meter {
  readonly #clients: readonly MemcacheStorage[]
  readonly #rows: string[][] = []
  /** By the last step. */
  databaseReads = 0

  constructor(clients: readonly MemcacheStorage[]) {
    this.#clients = clients
  }

  /** `operations`: how many reads and writes of a part or of a listing the step makes. */
  async measure<T>(step: string, work: () => Promise<T>, operations: (result: T) => number): Promise<T> {
    const before = this.#counts()
    const startedAt = performance.now()
    const result = await work()
    const ms = performance.now() - startedAt
    const counts = this.#counts().map((count, i) => count - (before[i] ?? 0))
    this.databaseReads = counts.at(-1) ?? 0
    this.#rows.push([step, ...[operations(result), ...counts].map(countText), timeText(ms)])
    return result
  }

  table(): string {
    return tableText(HEADINGS, this.#rows)
  }

  /** How often the cache did not answer. */
  cacheErrors(): number {
    return this.#sum('cacheErrors')
  }

  #counts(): number[] {
    return [this.#sum('hits', 'listHits'), this.#sum('misses'), this.#sum('durableReads', 'durableListings')]
  }

  #sum(...names: (keyof StorageCounters)[]): number {
    const counters = this.#clients.map((client) => client.counters())
    return counters.flatMap((counted) => names.map((name) => counted[name])).reduce((a, b) => a + b, 0)
  }
}
