import { parentPort } from 'node:worker_threads'
import { Coverage } from './coverage.js'
import { worldNamed } from './named.js'
import { simulate, type WorldOptions } from './world.js'

/** Runs of one world, one seed after the other. */
export interface Portion {
  readonly world: string
  readonly firstSeed: number
  readonly runs: number
  /** How many of them are watched, which takes longer. */
  readonly watched: number
  readonly changes: Partial<WorldOptions>
}

export interface PortionResult {
  readonly runs: number
  readonly reads: number
  readonly acknowledged: number
  readonly cells: readonly (readonly [string, number])[]
  /** The first seed that broke a promise; the rest of the portion was not run. */
  readonly failedSeed: number | undefined
}

/** Ends at the first run that breaks a promise. */
export async function runPortion(portion: Portion): Promise<PortionResult> {
  const { world, firstSeed, runs, watched, changes } = portion
  const options = worldNamed(world)
  const coverage = new Coverage()
  let [reads, acknowledged] = [0, 0]
  for (let i = 0; i < runs; i++) {
    const outcome = await simulate(firstSeed + i, { ...options, ...changes }, i < watched)
    reads += outcome.reads
    acknowledged += outcome.acknowledged
    coverage.add(outcome.coverage.cells())
    if (outcome.findings.length > 0)
      return { runs: i + 1, reads, acknowledged, cells: coverage.cells(), failedSeed: firstSeed + i }
  }
  return { runs, reads, acknowledged, cells: coverage.cells(), failedSeed: undefined }
}

parentPort?.on('message', (portion: Portion) => {
  void runPortion(portion).then((result) => parentPort?.postMessage(result))
})
