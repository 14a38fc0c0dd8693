import type { StorageCounters } from '@larder/storage-memcache'
import type { Tally } from './messages.js'

/** What all processes have counted together, as far as they lived to tell. */
export function addTallies(tallies: readonly Tally[]): Tally {
  const counters: Record<string, number> = {}
  let lostMarks = 0
  let lostLeases = 0
  for (const tally of tallies) {
    lostMarks += tally.lostMarks
    lostLeases += tally.lostLeases
    for (const [name, count] of Object.entries(tally.counters))
      counters[name] = (counters[name] ?? 0) + Number(count)
  }
  return { counters: counters as unknown as StorageCounters, lostMarks, lostLeases }
}
