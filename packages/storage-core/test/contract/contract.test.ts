import { MemoryStorage } from '@larder/storage-core'
import { storageContractGroups } from '@larder/storage-core/testing'
import { describe, expect, test, vi } from 'vitest'
import { openShared } from './mutant.js'
import { MUTANTS_OF_HISTORIES } from './mutants-of-histories.js'
import { MUTANTS_OF_MANY_WRITES } from './mutants-of-many-writes.js'
import { MUTANTS_OF_NAMES } from './mutants-of-names.js'
import { MUTANTS_OF_PARTS } from './mutants-of-parts.js'
import { MUTANTS_OF_TIME } from './mutants-of-time.js'
import { MUTANTS_OF_TRANSACTIONS } from './mutants-of-transactions.js'
import { recordContract } from './recording-runner.js'

// Some wait for what never comes.
vi.setConfig({ maxConcurrency: 8 })

const MUTANTS = [
  ...MUTANTS_OF_PARTS,
  ...MUTANTS_OF_NAMES,
  ...MUTANTS_OF_TIME,
  ...MUTANTS_OF_MANY_WRITES,
  ...MUTANTS_OF_TRANSACTIONS,
  ...MUTANTS_OF_HISTORIES,
]

describe('the contract suite', () => {
  test('finds nothing wrong with MemoryStorage', async () => {
    const { groups, tests, failures } = await recordContract(async () => ({ storage: new MemoryStorage() }))
    expect(failures).toEqual([])
    expect(groups).toEqual(storageContractGroups.map((group) => group.name))
    expect(tests).toBeGreaterThan(100)
  })

  test('finds nothing wrong with two handles on one', async () => {
    const only = storageContractGroups.map((group) => group.name).filter((name) => name !== 'shutdown')
    const { failures } = await recordContract(async () => openShared(), only)
    expect(failures).toEqual([])
  })

  test('has a storage that fails each group', () => {
    const failed = new Set(MUTANTS.map((mutant) => mutant.group))
    expect(storageContractGroups.map((group) => group.name).filter((name) => !failed.has(name))).toEqual([])
  })

  describe.concurrent('refuses', () => {
    for (const { that, group, open } of MUTANTS) {
      test(`${group}: a storage that ${that}`, { timeout: 60_000 }, async () => {
        const { tests, failures } = await recordContract(open, [group])
        expect(failures.length, 'nothing failed').not.toBe(0)
        // A defect that breaks everything would say nothing about the tests that are meant for it.
        if (tests > 1) expect(failures.length, 'everything failed').toBeLessThan(tests)
      })
    }
  })
})
