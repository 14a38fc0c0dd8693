import { MemoryStorage, type ResourceInfo, type Storage } from '@larder/storage-core'
import { HistoryRecorder, LimitedStorage } from '@larder/storage-core/testing'
import { type Cache, type Environment } from '@larder/memcached'
import { MemcacheStorage, type ProtocolOptions, type StorageCounters } from '@larder/storage-memcache'
import { Actor } from './actor.js'
import { asRole, type Coverage, watchRoles } from './coverage.js'
import { adversary, type Fate } from './faults.js'
import { intruder } from './intruder.js'
import { type Finding, judge, NOT_HEALED, STUCK } from './judge.js'
import { MortalStorage } from './mortal-storage.js'
import { Network } from './network.js'
import { Scheduler, SimProcess } from './scheduler.js'
import { SimCache } from './sim-cache.js'
import { Scene, SimServer } from './sim-server.js'
import { SimStorage } from './sim-storage.js'
import { TurnTaker } from './turns.js'

/** Rates are for each operation of each client unless they say otherwise. */
export interface WorldOptions {
  readonly processes: number
  /** Clients in each process, which share its storage. */
  readonly clients: number
  /** Of each client. */
  readonly operations: number
  /** How many resources there are: the fewer, the more clients meet. */
  readonly resources: number
  /** How likely an operation reads, writes or removes; else it lists. */
  readonly mix: { readonly read: number; readonly write: number; readonly remove: number }
  readonly servers: number
  /** How likely time goes on although something else could happen, for each step. */
  readonly timeRate: number
  readonly evictions: number
  readonly restarts: number
  readonly crashes: number
  /** A process stands still for up to some seconds. */
  readonly stops: number
  /** A server is gone for some seconds: out of reach for all or for one process, or dead, then back and empty. */
  readonly outages: number
  /**
   * Whether the library's own client speaks to the servers, over simulated connections, and not a simulated client.
   * Its time-outs end commands, and `losses` cut connections. The protocol, or false.
   */
  readonly wire: false | 'meta' | 'text'
  /** Whether a middleman keeps the connections of `wire` while servers restart. */
  readonly middlemen: boolean
  /** What the servers of `wire` say that they are. From 1.6.27 on, the client chooses CAS numbers. */
  readonly serverVersion: string
  /** How likely a command of the cache gets no answer. */
  readonly losses: number
  /** A program that does not know the library changes a resource, and triggers tell of it. */
  readonly outsiders: number
  /** How likely a client waits for some seconds. */
  readonly waits: number
  /** How likely a write has a precondition. */
  readonly conditions: number
  /** How likely a write is one of all resources, in one transaction. */
  readonly together: number
  /** Whether such a transaction is one of several calls; else it is one call. */
  readonly callByCall: boolean
  /** Whether clients write the parts of their resources by turns, and ask whether resources exist; else as `mix` says. */
  readonly turns: boolean
  readonly rollbacks: number
  readonly slowTransactions: number
  readonly lostCommits: number
  /** How likely a commit is answered with an error of a middleman, whether it was executed or not. */
  readonly middlemanErrors: number
  /** How likely a middleman answers so before the commit is executed. */
  readonly lateCommits: number
  /** How likely a process pauses behind a commit, while others take some steps. */
  readonly pauses: number
  /** How likely a content is so large that it is cached in pieces. */
  readonly largeContents: number
  /** Whether large contents are large enough for near copies. */
  readonly nearCopies: boolean
  readonly transactions: boolean
  readonly journal: boolean
  /** The largest item of a server, in bytes. */
  readonly maxItemBytes: number
  readonly protocol: ProtocolOptions
  readonly make: (
    storage: Storage,
    cache: Cache,
    environment: Environment,
    protocol: ProtocolOptions,
  ) => Storage
}

export const PROXY: WorldOptions['make'] = (storage, cache, environment, protocol) =>
  new MemcacheStorage({
    storage,
    cache,
    environment,
    keyGenerator: (...names) => names.join('/'),
    ...protocol,
  })

export const CALM: WorldOptions = Object.freeze({
  processes: 3,
  clients: 1,
  operations: 12,
  resources: 2,
  mix: Object.freeze({ read: 0.55, write: 0.25, remove: 0.08 }),
  servers: 1,
  timeRate: 0.05,
  evictions: 0,
  restarts: 0,
  crashes: 0,
  stops: 0,
  outages: 0,
  wire: false,
  middlemen: false,
  serverVersion: '1.6.18',
  losses: 0,
  outsiders: 0,
  waits: 0,
  conditions: 0.15,
  together: 0,
  callByCall: false,
  rollbacks: 0.05,
  slowTransactions: 0,
  lostCommits: 0,
  middlemanErrors: 0,
  lateCommits: 0,
  turns: false,
  pauses: 0,
  largeContents: 0,
  nearCopies: false,
  transactions: true,
  journal: true,
  maxItemBytes: 100_000,
  protocol: Object.freeze({ fillWaitMs: 5, whenCacheFails: 'reject' }),
  make: PROXY,
})

/** Connections outlive restarts of their servers, whose numbers start again. */
export const MIDDLEMEN: WorldOptions = Object.freeze({
  ...CALM,
  ...{ wire: 'meta', servers: 2, resources: 1, restarts: 0.15, timeRate: 0 },
  ...{ middlemen: true, serverVersion: '1.6.27' },
})

/** Processes read the same large contents again and again. */
export const NEAR: WorldOptions = Object.freeze({
  ...CALM,
  ...{ largeContents: 1, nearCopies: true, resources: 1, evictions: 0.05, restarts: 0.05, operations: 16 },
  mix: Object.freeze({ read: 0.8, write: 0.15, remove: 0.03 }),
})

/** A world that is about listings. */
export const LISTING: WorldOptions = Object.freeze({
  ...CALM,
  mix: Object.freeze({ read: 0.05, write: 0.35, remove: 0.25 }),
})

/** A middleman answers commits that come later. Only the marks tell of them, and no listing is there to be wrong. */
export const LATE_COMMITS: WorldOptions = Object.freeze({
  ...CALM,
  ...{ resources: 1, conditions: 0, lateCommits: 0.3, journal: false },
  mix: Object.freeze({ read: 0.65, write: 0.35, remove: 0 }),
})

/** Writers of one resource pause between their commit and what follows, and are overtaken by some that fail. */
export const PAUSING: WorldOptions = Object.freeze({
  ...LISTING,
  ...{ resources: 1, conditions: 0, pauses: 0.5, rollbacks: 0.4, timeRate: 0 },
  mix: Object.freeze({ read: 0, write: 0.5, remove: 0.15 }),
})

const COLLECTION = 'c'
/** Where a content is cached. */
const keyOf = ({ collection, resource = '' }: Pick<ResourceInfo, 'collection' | 'resource'>) =>
  `larder:${collection}/${resource}:c`
const NAMES = ['a', 'b', 'c'] as const
/** Longer than a row is left to its own process, than two rounds of a relay, and than a dead relay's claim. */
const HEALING_MS = 40_000
/** How far the clocks of two machines are apart at most. */
const MAX_CLOCK_ERROR_MS = 120_000

export interface Outcome {
  readonly findings: readonly Finding[]
  readonly trace: readonly string[]
  readonly coverage: Coverage
  readonly reads: number
  readonly acknowledged: number
}

/**
 * One run: processes read, write, remove and list two resources at random, under the faults asked for. One that is
 * watched goes the same way, and tells what happened and which states were met.
 */
export async function simulate(seed: number, options: WorldOptions, isWatched = false): Promise<Outcome> {
  watchRoles(isWatched)
  const scheduler = new Scheduler(seed, options.timeRate, isWatched)
  const scene = new Scene(scheduler)
  const servers = Array.from(
    { length: options.servers },
    (_, i) => new SimServer(`s${i}`, scene, options.maxItemBytes),
  )
  const database = new MemoryStorage({ now: () => scheduler.nowMs })
  const history = new HistoryRecorder()
  const names = NAMES.slice(0, options.resources)
  const network = options.wire ? new Network(scene, servers, options) : undefined
  const leave = network?.install()

  const start = (process: SimProcess, losses: number) => {
    const { maxItemBytes, make, protocol } = options
    const view = new SimStorage(database, scene, process, { ...options, servers, keyOf })
    const without = [
      ...(options.transactions ? [] : (['transactions'] as const)),
      ...(options.journal ? [] : (['journal'] as const)),
    ]
    const durable = without.length === 0 ? view : new LimitedStorage(view, without)
    const simulated = new SimCache(servers, scene, process, { maxItemBytes, losses })
    const cache = network === undefined ? simulated : network.clientOf(process)
    const made = make(durable, cache, scheduler.environment(process), protocol)
    const lastStep = () => simulated.lastStep ?? view.lastStep
    return { made, storage: new MortalStorage(made, process), lastStep }
  }

  const founded = new Set<string>()
  const ownNames = [...names]
  const turnTaker = (name: string, storage: Storage, process: SimProcess) =>
    new TurnTaker({
      ...{ name, names, storage, scene, process, founded },
      own: ownNames.shift(),
      operations: options.operations,
    })

  const intrude = intruder({ scene, servers, database, history, names, collection: COLLECTION, keyOf })

  const runProcess = async (process: SimProcess): Promise<void> => {
    const { made, storage, lastStep } = start(process, options.losses)
    const fate: Fate = adversary({ scene, servers, process, network, lastStep, intrude }, options)
    const clients = Array.from({ length: options.clients }, (_, i) => {
      const name = options.clients === 1 ? process.name : `${process.name}${'xyz'[i] ?? i}`
      if (options.turns) return turnTaker(name, storage, process)
      return new Actor({
        name,
        names,
        storage,
        history,
        scene,
        options,
        process,
        unconfirmed: () => unconfirmedOf(made),
      })
    })
    await Promise.all(clients.map((client) => client.run(COLLECTION, fate)))
  }

  /** What is still wrong when everybody is done and the relays had their time. */
  const aftermath = async (): Promise<Finding[]> => {
    for (const server of servers) {
      server.isDown = false
      server.unreachableFor.clear()
    }
    const process = new SimProcess('after')
    const { storage } = start(process, 0)
    const infos = names.map((name) => storage.info(COLLECTION, name))
    // The first call starts the relay.
    await storage.getMany(infos)
    // In many steps, so that time does not run away from what the relay has begun.
    for (let ms = 0; ms < HEALING_MS; ms += 1_000) await scheduler.sleep(1_000, process)
    const really = [...(await database.ls(COLLECTION)).keys()]
    const listed = [...(await asRole('lister', () => storage.ls(COLLECTION))).keys()]
    const wrong =
      listed.join() === really.join() ? [] : [`the listing is ${listed.join()} instead of ${really.join()}`]
    for (const info of infos) {
      const [found] = await storage.getMany([info])
      const [stored] = await database.getMany([database.info(COLLECTION, info.resource)])
      if (found?.version !== stored?.version)
        wrong.push(`${info.resource} has version ${found?.version} instead of ${stored?.version}`)
    }
    process.kill()
    return wrong.map((message) => ({ kind: NOT_HEALED, key: 'in the end', message }))
  }

  const processes = Array.from({ length: options.processes }, (_, i) => new SimProcess(`p${i}`))
  for (const process of processes) process.clockErrorMs = (scheduler.random() - 0.5) * MAX_CLOCK_ERROR_MS
  const findings: Finding[] = []
  try {
    const running = processes.map((process) => Promise.race([runProcess(process), process.died]))
    await scheduler.run(Promise.all(running))
    findings.push(...judge(history, scene, options))
    for (const process of processes) process.isStopped = false
    await scheduler.run(aftermath().then((wrong) => findings.push(...wrong)))
  } catch (error) {
    findings.push({ kind: STUCK, key: 'the run', message: String(error) })
  } finally {
    leave?.()
  }
  for (const process of processes) process.kill()
  return {
    findings,
    trace: scheduler.trace,
    coverage: scene.coverage,
    reads: scene.turns.asked + history.registers.filter(({ kind }) => kind === 'read').length,
    acknowledged:
      scene.turns.written +
      history.registers.filter(({ kind, end }) => kind === 'write' && end !== undefined).length,
  }
}

function unconfirmedOf(storage: Storage & { counters?: () => StorageCounters }): number {
  return storage.counters?.().unconfirmedWrites ?? 0
}
