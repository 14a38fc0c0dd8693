import { describe, expect, test } from 'vitest'
import { variants } from './variants.js'
import { CALM, LISTING, type Outcome, proxyWith, simulate, type WorldOptions } from './world.js'

/** A broken protocol is given up at the first fault, so that it can be looked for longer. */
const VARIANT_RUNS = 5_000
const RUNS = Number(process.env['LARDER_SIMULATIONS'] ?? 300)
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
  runs = RUNS,
): Promise<{ reads: number; acknowledged: number }> {
  let reads = 0
  let acknowledged = 0
  for (let seed = FIRST_SEED; seed < FIRST_SEED + runs; seed++) {
    const outcome = await simulate(seed, options)
    const broken = outcome.violations.filter(({ kind }) => promised === 'linearizable' || kind !== 'back')
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
  'values are served past their time': {
    ...CALM,
    ...{ evictions: 0.1, restarts: 0.05, crashes: 0.02 },
    make: proxyWith({ ttlMs: 1, graceMs: 1_000_000, softTimeoutMs: 2, whenStorageFails: 'grace' }),
  },
  'no transactions': { ...CALM, transactions: false },
  'members come and go': LISTING,
  'members come and go and items are evicted': { ...LISTING, evictions: 0.2 },
  'members come and go in items that are soon full': { ...LISTING, maxItemBytes: 64, losses: 0.02 },
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

describe('simulated worlds catch', () => {
  for (const [name, { world, found }] of Object.entries(variants)) {
    test(name, { timeout: 600_000 }, async () => {
      const promised = found === 'either' ? 'linearizable' : 'never stale after an acknowledged write'
      await expect(runAll(world, promised, VARIANT_RUNS)).rejects.toThrow(
        found === 'either' ? /"(stale|back)"/ : /"stale"/,
      )
    })
  }
})

test('the same seed gives the same run', async () => {
  const first = await simulate(7, worlds['answers are lost'] ?? CALM)
  expect((await simulate(7, worlds['answers are lost'] ?? CALM)).trace).toEqual(first.trace)
  expect(first.trace.length).toBeGreaterThan(50)
})
