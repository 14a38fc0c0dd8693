import { describe, expect, test } from 'vitest'
import { naiveStorage } from '../support/naive-storages.js'
import { CALM, type Outcome, simulate, type WorldOptions } from './world.js'

const RUNS = Number(process.env['LARDER_SIMULATIONS'] ?? 500)
const FIRST_SEED = Number(process.env['LARDER_SEED'] ?? 1)

function explain(seed: number, { violations, trace }: Outcome): string {
  return [`seed ${seed}: ${JSON.stringify(violations, undefined, 1)}`, ...trace].join('\n')
}

/**
 * What a world allows. A reader that a server does not answer cannot take away what is older than what it read, so
 * that only the promise to acknowledged writes is left where answers are lost.
 */
type Promised = 'linearizable' | 'never stale after an acknowledged write'

async function runAll(
  options: WorldOptions,
  promised: Promised = 'linearizable',
): Promise<{ reads: number; acknowledged: number }> {
  let reads = 0
  let acknowledged = 0
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const outcome = await simulate(seed, options)
    const broken = outcome.violations.filter(
      ({ kind }) => promised === 'linearizable' || kind !== 'stepped back behind an earlier read',
    )
    if (broken.length > 0) throw new Error(explain(seed, { ...outcome, violations: broken }))
    reads += outcome.reads
    acknowledged += outcome.acknowledged
  }
  return { reads, acknowledged }
}

const worlds: Readonly<Record<string, WorldOptions>> = {
  'nothing fails': CALM,
  'items are evicted': { ...CALM, evictions: 0.3 },
  'servers restart': { ...CALM, evictions: 0.1, restarts: 0.15 },
  'answers are lost': { ...CALM, losses: 0.1 },
  'answers are lost and items evicted': { ...CALM, losses: 0.05, evictions: 0.2 },
  'processes die': { ...CALM, processes: 4, crashes: 0.05 },
  'no transactions': { ...CALM, transactions: false },
}

describe('simulated worlds keep their promise when', () => {
  for (const [name, options] of Object.entries(worlds)) {
    test(name, { timeout: 600_000 }, async () => {
      const promised = options.losses > 0 ? 'never stale after an acknowledged write' : 'linearizable'
      const { reads, acknowledged } = await runAll(options, promised)
      expect(reads).toBeGreaterThan(RUNS)
      expect(acknowledged).toBeGreaterThan(RUNS)
    })
  }
})

describe('the same worlds catch', () => {
  for (const way of ['set after commit', 'delete after commit'] as const) {
    test(`a cache with ${way}`, async () => {
      const options: WorldOptions = { ...CALM, make: (storage, cache) => naiveStorage(storage, cache, way) }
      await expect(runAll(options)).rejects.toThrow(/stale after an acknowledged write/)
    })
  }
})

test('the same seed gives the same run', async () => {
  const first = await simulate(7, worlds['answers are lost'] ?? CALM)
  expect((await simulate(7, worlds['answers are lost'] ?? CALM)).trace).toEqual(first.trace)
  expect(first.trace.length).toBeGreaterThan(50)
})
