import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { Coverage } from './coverage.js'
import type { Portion, PortionResult } from './search-worker.js'
import type { WorldOptions } from './world.js'

const RUNS_A_PORTION = 200
/** Enough to see what a world covers, and few enough not to slow the search down. */
const WATCHED_A_PORTION = 10
const PROGRESS_MS = 10_000

export interface SearchOptions {
  readonly worlds: readonly string[]
  readonly runs: number
  readonly seconds: number
  readonly firstSeed: number
  readonly workers: number
  readonly changes: Partial<WorldOptions>
}

export interface SearchResult {
  readonly coverage: Coverage
  readonly failure: { readonly world: string; readonly seed: number } | undefined
  readonly summary: string
}

/** Runs all worlds in turn, spread over threads, until the runs or the time are used up, or a promise is broken. */
export async function search(options: SearchOptions, say: (line: string) => void): Promise<SearchResult> {
  const startedAt = performance.now()
  const coverage = new Coverage()
  const portions = portionsOf(options, () => performance.now() - startedAt < options.seconds * 1_000)
  let failure: SearchResult['failure']
  let [runs, reads, acknowledged] = [0, 0, 0]

  const summarize = () => {
    const seconds = (performance.now() - startedAt) / 1_000
    const rate = Math.round(runs / seconds)
    const counts = `${runs.toLocaleString('en')} runs, ${reads.toLocaleString('en')} reads`
    const broken = failure === undefined ? 'no promise broken' : 'A PROMISE WAS BROKEN'
    return `${counts}, ${acknowledged.toLocaleString('en')} acknowledged writes in ${seconds.toFixed(0)} s (${rate} runs/s): ${broken}`
  }
  const progress = setInterval(() => say(summarize()), PROGRESS_MS)

  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./search-worker.js', import.meta.url))
    try {
      for (const portion of portions) {
        const result = await ask(worker, portion)
        runs += result.runs
        reads += result.reads
        acknowledged += result.acknowledged
        coverage.add(result.cells)
        if (result.failedSeed !== undefined) failure ??= { world: portion.world, seed: result.failedSeed }
        if (failure !== undefined) return
      }
    } finally {
      await worker.terminate()
    }
  }
  try {
    await Promise.all(Array.from({ length: options.workers }, work))
  } finally {
    clearInterval(progress)
  }
  return { coverage, failure, summary: summarize() }
}

/** Shared by all threads: each takes the next one. */
function* portionsOf(options: SearchOptions, hasTime: () => boolean): Generator<Portion, void, undefined> {
  const { worlds, changes } = options
  let left = options.runs
  for (let round = 0; left > 0; round++) {
    for (const world of worlds) {
      // A search that is shorter than a round meets all worlds all the same.
      const fair = Math.ceil(options.runs / worlds.length)
      const runs = Math.min(left, RUNS_A_PORTION, fair)
      if (runs === 0 || !hasTime()) return
      left -= runs
      const firstSeed = options.firstSeed + round * RUNS_A_PORTION
      yield { world, firstSeed, runs, watched: WATCHED_A_PORTION, changes }
    }
  }
}

function ask(worker: Worker, portion: Portion): Promise<PortionResult> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(error)
    worker.once('error', onError)
    worker.once('message', (result: PortionResult) => {
      worker.off('error', onError)
      resolve(result)
    })
    worker.postMessage(portion)
  })
}
