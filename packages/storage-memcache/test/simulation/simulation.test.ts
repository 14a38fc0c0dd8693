import { describe, expect, test } from 'vitest'
import { Coverage } from './coverage.js'
import { explain } from './report.js'
import { cellsOf, describeCoverage, STEPS } from './states.js'
import { type Variant, variants } from './variants.js'
import { simulate } from './world.js'
import { worlds } from './worlds.js'

/** A broken protocol is given up at the first fault, so that it can be looked for longer. */
const VARIANT_RUNS = 5_000
const RUNS = Number(process.env['LARDER_SIMULATIONS'] ?? 150)
/** Of each world, to see what it covers. */
const WATCHED_RUNS = 15
const FIRST_SEED = Number(process.env['LARDER_SEED'] ?? 1)

describe('simulated worlds keep their promise when', () => {
  for (const [name, options] of Object.entries(worlds)) {
    test(name, { timeout: 600_000 }, async () => {
      let reads = 0
      let acknowledged = 0
      // Connections take several times as long.
      const runs = options.wire ? Math.ceil(RUNS / 4) : RUNS
      for (let seed = FIRST_SEED; seed < FIRST_SEED + runs; seed++) {
        const outcome = await simulate(seed, options)
        if (outcome.findings.length > 0) throw new Error((await explain(name, seed)).text)
        reads += outcome.reads
        acknowledged += outcome.acknowledged
      }
      expect(reads).toBeGreaterThan(runs)
      expect(acknowledged).toBeGreaterThan(runs)
    })
  }
})

/** Whether one of these faults shows in some run. */
async function isCaught({ world, found }: Variant): Promise<boolean> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + VARIANT_RUNS; seed++) {
    const { findings } = await simulate(seed, world)
    if (findings.some(({ kind }) => found.includes(kind))) return true
  }
  return false
}

describe('simulated worlds catch', () => {
  for (const [name, variant] of Object.entries(variants)) {
    test(name, { timeout: 600_000 }, async () => {
      expect(await isCaught(variant)).toBe(true)
    })
  }
})

test('the worlds take every step of the protocol', { timeout: 600_000 }, async () => {
  const coverage = new Coverage()
  for (const options of Object.values(worlds).filter(({ wire }) => !wire)) {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WATCHED_RUNS; seed++) {
      coverage.add((await simulate(seed, options, true)).coverage.cells())
    }
  }
  const taken = new Set(cellsOf(coverage).flatMap(({ step, times }) => (times > 0 ? [step] : [])))
  expect(STEPS.filter((step) => !taken.has(step))).toEqual([])
  // What is thought impossible is not met.
  expect(cellsOf(coverage).filter(({ times, why }) => times > 0 && why !== undefined)).toEqual([])
  expect(describeCoverage(coverage)).toMatch(/^reader: fill: lease /m)
})

test('a process that dies inside an open transaction leaves no row locked', async () => {
  // In this run a process dies in one transaction of several calls while another process waits for its rows.
  const { findings } = await simulate(1_377, worlds['several are written call by call']!)
  expect(findings).toEqual([])
})

test('a run can be printed as a story', async () => {
  const { text, isBroken } = await explain('processes die', 7)
  expect(isBroken).toBe(false)
  expect(text).toMatch(/READS [ab]/)
  expect(text).toContain("simulate --world 'processes die' --seed 7 --runs 1")
})

test('a run that breaks a guarantee is printed with the command that replays it', async () => {
  const variant = 'plain set'
  let seed = FIRST_SEED
  while ((await simulate(seed, variants[variant]!.world)).findings.length === 0) seed++
  const { text, isBroken } = await explain(variant, seed)
  expect(isBroken).toBe(true)
  expect(text).toMatch(
    /^ {2}(?:stale|back): .* shows .*, but version \d+ was (?:written|read) before it began$/m,
  )
  expect(text).toContain(`simulate --variant '${variant}' --seed ${seed} --runs 1`)
  expect((await explain(variant, seed)).text).toBe(text)
})

test('the command is one for a shell', async () => {
  const { text } = await explain("CAS kept over a reconnect of the library's own client", 1)
  expect(text).toContain(
    String.raw`simulate --variant 'CAS kept over a reconnect of the library'\''s own client' --seed 1 --runs 1`,
  )
})

test('the same seed gives the same run, watched or not', async () => {
  const options = worlds['everything fails']!
  const first = await simulate(7, options, true)
  expect((await simulate(7, options, true)).trace).toEqual(first.trace)
  expect(first.trace.length).toBeGreaterThan(50)
  const { reads, acknowledged, findings } = await simulate(7, options)
  expect({ reads, acknowledged, findings }).toEqual({
    reads: first.reads,
    acknowledged: first.acknowledged,
    findings: first.findings,
  })
})
