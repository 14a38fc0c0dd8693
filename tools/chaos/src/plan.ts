import { Chance, Deck } from './chance.js'
import {
  type Fault,
  NETWORK_FAULTS,
  type NetworkFault,
  type NetworkFaultKind,
  type ProcessFault,
  type ServerFault,
  type Side,
} from './faults.js'
import type { Step } from './steps.js'

export interface Planned<F extends Fault> {
  /** How long all is left alone before it, as far as this plan goes, in milliseconds. */
  readonly pauseMs: number
  readonly fault: F
}

export interface PlanSize {
  readonly workers: number
  readonly servers: number
  /** At which processes die or stand still. */
  readonly steps: readonly Step[]
}

const SIDES: readonly Side[] = ['left', 'right', 'both']
/** Longer than a lease may live. */
const LONG_STOP_MS = 3_000

function repeat<T>(times: number, card: T): T[] {
  return Array.from({ length: times }, () => card)
}

/** What will be done to processes, without end; the same for the same seed. */
export function* processFaults(seed: number, { workers, steps }: PlanSize): Generator<Planned<ProcessFault>> {
  const chance = new Chance(seed)
  const kinds = new Deck<ProcessFault['kind']>(
    [...repeat(6, 'kill at' as const), 'kill', ...repeat(3, 'stop at' as const), 'stop'],
    chance,
  )
  const deaths = new Deck(steps, chance)
  const stops = new Deck(steps, chance)
  for (;;) {
    const worker = chance.between(0, workers)
    const ms = chance.next() < 0.1 ? LONG_STOP_MS : chance.between(50, 900)
    const kind = kinds.deal()
    yield { pauseMs: chance.between(20, 250), fault: processFault(kind) }

    function processFault(of: ProcessFault['kind']): ProcessFault {
      switch (of) {
        case 'kill':
          return { kind: of, worker }
        case 'kill at':
          return { kind: of, worker, step: deaths.deal() }
        case 'stop':
          return { kind: of, worker, ms }
        case 'stop at':
          return { kind: of, worker, step: stops.deal(), ms }
      }
    }
  }
}

/** What will be done to servers and networks, without end; the same for the same seed. */
export function* serverFaults(seed: number, { servers }: PlanSize): Generator<Planned<ServerFault>> {
  const chance = new Chance(seed + 1)
  const kinds = new Deck<ServerFault['kind']>(
    [
      ...repeat(8, 'cache network' as const),
      ...repeat(5, 'database network' as const),
      ...(['memcached restarts', 'memcached is down', 'memcached stands still', 'flood', 'flood'] as const),
      ...(['database restarts', 'database is killed'] as const),
    ],
    chance,
  )
  const caches = new Deck(NETWORK_FAULTS, chance)
  const databases = new Deck(NETWORK_FAULTS, chance)
  for (;;) {
    const server = chance.between(0, servers)
    const side = chance.pick(SIDES)
    const ms = chance.next() < 0.15 ? chance.between(1_000, 4_000) : chance.between(80, 700)
    yield {
      pauseMs: chance.between(50, 400),
      fault: serverFault(kinds.deal(), { server, side, ms }, chance, caches, databases),
    }
  }
}

function serverFault(
  kind: ServerFault['kind'],
  { server, side, ms }: { readonly server: number; readonly side: Side; readonly ms: number },
  chance: Chance,
  caches: Deck<NetworkFaultKind>,
  databases: Deck<NetworkFaultKind>,
): ServerFault {
  switch (kind) {
    case 'cache network':
      return { kind, server, side, ms, ...networkFault(caches.deal(), chance) }
    case 'database network':
      return { kind, side, ms, ...networkFault(databases.deal(), chance) }
    case 'memcached restarts':
      return { kind, server }
    case 'memcached is down':
    case 'memcached stands still':
      return { kind, server, ms }
    case 'flood':
      return { kind, ms: 2 * ms }
    case 'database restarts':
    case 'database is killed':
      return { kind }
  }
}

function networkFault(how: NetworkFaultKind, chance: Chance): NetworkFault {
  const [low, high] = AMOUNTS[how]
  return { how, amount: chance.between(low, high) }
}

/** `delay` is less than anybody's time-out, `lag` more than that of a command of the cache. */
const AMOUNTS: Readonly<Record<NetworkFaultKind, readonly [low: number, high: number]>> = {
  cut: [0, 1],
  delay: [1, 60],
  lag: [150, 600],
  halves: [1, 40],
  truncate: [0, 80],
  hold: [0, 1],
  blackhole: [0, 1],
  refuse: [0, 1],
}
