import type { MemcacheStorage, StorageCounters } from '@larder/storage-memcache'

/** What one step did, for the table at the end. */
export interface Row {
  readonly step: string
  readonly operations: number
  readonly hits: number
  readonly misses: number
  readonly databaseReads: number
  readonly ms: number
}

/** What a step says of itself. */
export interface Work<T> {
  readonly result: T
  readonly operations: number
}

/** Times steps, and takes the difference of the counters before and after. */
export class Meter {
  readonly rows: Row[] = []

  async measure<T>(
    step: string,
    clients: readonly MemcacheStorage[],
    work: () => Promise<Work<T>>,
  ): Promise<T> {
    const before = sum(clients)
    const startedAt = performance.now()
    const { result, operations } = await work()
    const ms = performance.now() - startedAt
    const after = sum(clients)
    const grown = (...names: (keyof StorageCounters)[]): number =>
      names.reduce((total, name) => total + after(name) - before(name), 0)
    this.rows.push({
      step,
      operations,
      hits: grown('hits', 'listHits'),
      misses: grown('misses'),
      databaseReads: grown('durableReads', 'durableListings'),
      ms,
    })
    return result
  }
}

function sum(clients: readonly MemcacheStorage[]): (name: keyof StorageCounters) => number {
  const counters = clients.map((client) => client.counters())
  return (name) => counters.reduce((total, counted) => total + counted[name], 0)
}
