import { aborts } from './aborts.js'
import { addressing } from './addressing.js'
import { batches } from './batches.js'
import { conditions } from './conditions.js'
import { containers } from './containers.js'
import { handles } from './handles.js'
import { type ContractGroup, type ContractOptions, runGroup } from './harness.js'
import { histories } from './histories.js'
import { interactive } from './interactive.js'
import { interactiveEnds } from './interactive-ends.js'
import { interactiveStalls } from './interactive-stalls.js'
import { journal } from './journal.js'
import { listings } from './listings.js'
import { manyWrites } from './many-writes.js'
import { manyWritesAtOnce } from './many-writes-at-once.js'
import { names } from './names.js'
import { ownership } from './ownership.js'
import { pages } from './pages.js'
import { parts } from './parts.js'
import { removal } from './removal.js'
import { shutdown } from './shutdown.js'
import { streamsIn } from './streams-in.js'
import { streamsOut } from './streams-out.js'
import { transactions } from './transactions.js'
import { versions } from './versions.js'

/** All groups of the contract, for those who want to run some of them. */
export const storageContractGroups: readonly ContractGroup[] = Object.freeze([
  addressing,
  parts,
  conditions,
  versions,
  removal,
  batches,
  streamsIn,
  streamsOut,
  names,
  listings,
  pages,
  containers,
  aborts,
  ownership,
  transactions,
  journal,
  manyWrites,
  manyWritesAtOnce,
  interactive,
  interactiveEnds,
  interactiveStalls,
  handles,
  histories,
  shutdown,
])

/**
 * The contract of `Storage` as tests, for every implementation. It needs no particular test runner and asserts with
 * `node:assert`. What `storage.supports` denies is asserted as well: such a call must reject with `E_UNSUPPORTED`.
 *
 * ```ts
 * import { MemoryStorage } from '@larder/storage-core'
 * import { storageContract } from '@larder/storage-core/testing'
 * import { describe, test } from 'node:test'
 *
 * describe('MemoryStorage keeps the contract', () => {
 *   storageContract({
 *     describe,
 *     test,
 *     open: async () => {
 *       const storage = new MemoryStorage()
 *       return { storage, close: () => storage.shutdown() }
 *     },
 *   })
 * })
 * ```
 */
export function storageContract(options: ContractOptions): void {
  for (const group of storageContractGroups) runGroup(group, options)
}
