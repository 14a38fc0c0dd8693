import {
  chaos,
  type ChaosOptions,
  type ChaosResult,
  historyText,
  READER_STEPS,
  reportOf,
  WRITER_STEPS,
} from '@larder/chaos'
import { describe, expect, test } from 'vitest'

/** What a relay that died has at hand is out of others' reach for half a minute: too long for here. */
const QUICK = { forMs: 6_000, healWithinMs: 120_000, steps: [...WRITER_STEPS, ...READER_STEPS] } as const

const RUNS: readonly Pick<ChaosOptions, 'database' | 'whenCacheFails' | 'seed'>[] = [
  { database: 'postgres', whenCacheFails: 'reject', seed: 11 },
  { database: 'mariadb', whenCacheFails: 'bypass', seed: 12 },
]

describe('four processes, three servers and everything that can happen to them', () => {
  for (const run of RUNS) {
    test(
      `${run.database}, ${String(run.whenCacheFails)}: no stale read, no lost write`,
      { timeout: 300_000 },
      async () => {
        const result = await chaos({ ...QUICK, ...run })
        expect(result.verdict.violations.length, historyText(result)).toBe(0)
        const { operations, faults } = reportOf(result)
        const { reads, acknowledgedWrites } = operations
        expect.assert(
          reads > 100 && acknowledgedWrites > 50,
          `only ${reads} reads and ${acknowledgedWrites} writes`,
        )
        expect(Object.keys(faults).length, `only ${Object.keys(faults).join(', ')}`).toBeGreaterThanOrEqual(5)
      },
    )
  }

  test('a cache without marks and leases is found to be stale', { timeout: 300_000 }, async () => {
    const broken = { variant: 'delete-after-commit', database: 'postgres', forMs: 3_000 } as const
    // What a seed inflicts meets what the machine is doing: the less that is, the more runs it takes.
    let result: ChaosResult
    let seed = 13
    do result = await chaos({ ...QUICK, ...broken, seed: seed++, healWithinMs: 1_000 })
    while (reportOf(result).staleReads === 0 && seed < 30)
    expect(historyText(result)).toMatch(/== stale: .*\n(.*\n)*.* read /)
  })
})
