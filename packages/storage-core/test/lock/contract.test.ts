import { lockContract, lockContractGroups, type OpenedLock } from '@larder/storage-core/testing'
import { describe, expect, test, vi } from 'vitest'
import { openLocks } from './map-lock.js'
import { LOCK_MUTANTS } from './mutants.js'

// Most of their time is waiting for what never comes.
vi.setConfig({ maxConcurrency: LOCK_MUTANTS.length })

interface Outcome {
  readonly tests: number
  readonly failures: readonly unknown[]
}

/** Runs some groups as a test runner would, side by side since they are about time, and tells what failed. */
async function runContract(open: () => OpenedLock, only?: string): Promise<Outcome> {
  const bodies: (() => Promise<void>)[] = []
  let group = ''
  lockContract({
    open: async () => open(),
    describe: (name, define) => {
      group = name
      define()
    },
    test: (_, body) => {
      if (only === undefined || only === group) bodies.push(body)
    },
  })
  const ends = await Promise.allSettled(bodies.map((body) => body()))
  return { tests: bodies.length, failures: ends.filter(({ status }) => status === 'rejected') }
}

describe('the contract suite of locks', () => {
  test('finds nothing wrong with a lock that is right', async () => {
    const { tests, failures } = await runContract(() => openLocks())
    expect(failures).toEqual([])
    expect(tests).toBeGreaterThan(25)
  })

  test('has a lock that fails each group', () => {
    const failed = new Set(LOCK_MUTANTS.map(({ group }) => group))
    expect(lockContractGroups.map(({ name }) => name).filter((name) => !failed.has(name))).toEqual([])
  })

  describe.concurrent('refuses', () => {
    for (const { that, group, open } of LOCK_MUTANTS) {
      test(`${group}: a lock that ${that}`, { timeout: 60_000 }, async () => {
        const { tests, failures } = await runContract(open, group)
        expect(failures.length, 'nothing failed').not.toBe(0)
        expect(failures.length, 'everything failed').toBeLessThan(tests)
      })
    }
  })
})
