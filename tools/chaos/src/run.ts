import { setTimeout as sleep } from 'node:timers/promises'
import { type Aftermath, aftermath, placesIn } from './aftermath.js'
import { Cleanup } from './cleanup.js'
import { Crew } from './crew.js'
import { describe, type Fault, labelOf } from './faults.js'
import { History } from './history.js'
import { judge, type OperationCounts, countOperations, type Verdict } from './judge.js'
import { clockUs, type Line, type Tally } from './messages.js'
import { type Planned, processFaults, serverFaults } from './plan.js'
import { makeOwnTable } from './program.js'
import { Probe } from './probe.js'
import { type Step, STEPS } from './steps.js'
import { addTallies } from './tallies.js'
import type { VariantName } from './variants.js'
import { type DatabaseName, ITEM_LIMIT_BYTES, World } from './world.js'

export interface ChaosOptions {
  readonly database: DatabaseName
  readonly seed: number
  /** How long faults are inflicted, in milliseconds. */
  readonly forMs: number
  /** Default: 4. */
  readonly processes?: number
  /** memcached servers. Default: 3. */
  readonly servers?: number
  /** Default: `'reject'`. */
  readonly whenCacheFails?: 'bypass' | 'reject'
  /** A broken protocol instead of ours. Default: `'none'`. */
  readonly variant?: VariantName
  /** At which processes die or stand still. Default: all there are. */
  readonly steps?: readonly Step[]
  /**
   * How long after the faults all may take to agree, in milliseconds. Default: 60,000. A relay that dies keeps its
   * rows from others for half of that.
   */
  readonly healWithinMs?: number
  /** Every other process writes within transactions of its own, with a table beside Larder's. Default: false. */
  readonly programs?: boolean
  /** Told what happens, a line at a time. */
  readonly log?: (line: string) => void
}

/** A fault as it was inflicted; times as in the history. */
export interface Inflicted {
  readonly fault: Fault
  readonly start: number
  readonly end: number
  /** A step that no process came to in time is none. */
  readonly tookPlace: boolean
}

export interface ChaosResult {
  readonly options: Required<Omit<ChaosOptions, 'log'>>
  readonly history: History
  readonly faults: readonly Inflicted[]
  readonly operations: OperationCounts
  readonly verdict: Verdict
  readonly lostWrites: number
  readonly healedAfterMs: number
  readonly longestHealMs: number
  readonly longestBehindMs: number
  readonly processesStarted: number
  readonly tally: Tally
}

/** One run: processes at work on servers that fail, and a verdict on what they saw. */
export async function chaos({ log = () => undefined, ...given }: ChaosOptions): Promise<ChaosResult> {
  const defaults = {
    processes: 4,
    servers: 3,
    whenCacheFails: 'reject',
    variant: 'none',
    steps: STEPS,
    healWithinMs: 60_000,
    programs: false,
  } as const
  const options = { ...defaults, ...given }
  const { seed, processes, servers } = options
  const history = new History()
  const tallies = new Map<string, Tally>()
  const faults: Inflicted[] = []
  const troubles: string[] = []
  const places = { ...options, keyPrefix: `chaos-${seed}:`, itemLimitBytes: ITEM_LIMIT_BYTES }

  const cleanup = new Cleanup()
  try {
    const world = cleanup.use(await World.start(options.database, servers))
    const probe = cleanup.use(
      await Probe.open({ ...places, servers: world.addresses, databaseUrl: world.databaseUrl }),
    )
    await makeOwnTable(world.databaseUrl)
    let startedWorkers = 0
    const crew = cleanup.use(
      await Crew.start({
        size: processes,
        ordersOf: (place, id) => {
          const { keyPrefix, itemLimitBytes, whenCacheFails, variant } = places
          const workerSeed = seed * 10_000 + ++startedWorkers
          return {
            id,
            ...world.waysOf(place),
            keyPrefix,
            itemLimitBytes,
            whenCacheFails,
            variant,
            seed: workerSeed,
            hasProgram: options.programs && workerSeed % 2 === 0,
          }
        },
        hear: (line: Line, worker) => {
          if (line.say === 'tally') tallies.set(worker, line)
          else history.take(line, worker)
        },
        gone: (worker) => history.gone(worker),
        collapsed: (told) => troubles.push(told),
      }),
    )
    probe.watch(() => placesIn(history.operations.slice(-RECENT)))

    const until = performance.now() + options.forMs
    const inflictAll = async <F extends Fault>(
      plan: Iterable<Planned<F>>,
      inflict: (fault: F) => Promise<boolean | void>,
    ): Promise<void> => {
      for (const { pauseMs, fault } of plan) {
        await sleep(pauseMs)
        if (performance.now() > until) return
        const start = clockUs()
        const tookPlace = (await inflict(fault)) !== false
        probe.faultEnded()
        faults.push({ fault, start, end: clockUs(), tookPlace })
        log(`${describe(fault)}${tookPlace ? '' : ': nobody came there'}`)
      }
    }
    const size = { workers: processes, servers, steps: options.steps }
    await Promise.all([
      inflictAll(processFaults(seed, size), (fault) => crew.inflict(fault)),
      inflictAll(serverFaults(seed, size), (fault) => world.inflict(fault)),
    ])
    log(`${faults.length} faults are over`)
    troubles.push(...(await crew.rest()))
    const after = await aftermath(probe, history.operations, world.databaseUrl, options.healWithinMs)
    troubles.push(...(await crew.end()))
    return {
      options,
      history,
      faults,
      operations: countOperations(history.operations),
      verdict: withTroubles(judge(history.operations), after, troubles),
      lostWrites: after.lostWrites,
      healedAfterMs: after.healedAfterMs,
      longestHealMs: Math.round(probe.longestHealMs),
      longestBehindMs: Math.round(probe.longestBehindMs),
      processesStarted: crew.started,
      tally: addTallies([...tallies.values()]),
    }
  } finally {
    await cleanup[Symbol.asyncDispose]()
  }
}

/** So many operations lie behind the present, which the probe looks at. */
const RECENT = 200

/** How faults are counted in a report. */
export function countFaults(faults: readonly Inflicted[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { fault, tookPlace } of faults) {
    if (tookPlace) counts[labelOf(fault)] = (counts[labelOf(fault)] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function withTroubles(verdict: Verdict, after: Aftermath, troubles: readonly string[]): Verdict {
  const told = troubles.map((message) => ({ kind: 'unwritten' as const, key: 'process', message }))
  return { ...verdict, violations: [...verdict.violations, ...after.violations, ...told] }
}
