import { MemoryStorage, type Storage } from '@larder/storage-core'
import {
  ForwardingStorage,
  HistoryRecorder,
  LimitedStorage,
  type Violation,
} from '@larder/storage-core/testing'
import { type Cache, type Environment, MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { Scheduler, SimProcess } from './scheduler.js'
import { SimCache, SimServer } from './sim-cache.js'
import { SimStorage } from './sim-storage.js'

export interface WorldOptions {
  readonly processes: number
  readonly operations: number
  /** How likely it is, at each operation, that an item is evicted, the server restarts, a process dies. */
  readonly evictions: number
  readonly restarts: number
  readonly crashes: number
  /** How likely a command of the cache gets no answer. */
  readonly losses: number
  readonly transactions: boolean
  /** How likely an operation reads, writes or removes; else it lists. */
  readonly mix: { readonly read: number; readonly write: number; readonly remove: number }
  /** How large an item may be, in bytes. Default: what memcached takes. */
  readonly maxItemBytes?: number
  readonly make: (storage: Storage, cache: Cache, environment: Environment) => Storage
}

export function proxyWith(more: ProtocolOptions): WorldOptions['make'] {
  const options: ProtocolOptions = { fillWaitMs: 5, ttlJitter: 0, whenCacheFails: 'reject', ...more }
  return (storage, cache, environment) => new MemcacheStorage({ storage, cache, environment, ...options })
}

export const PROXY = proxyWith({})

export const CALM: WorldOptions = Object.freeze({
  processes: 3,
  operations: 12,
  evictions: 0,
  restarts: 0,
  crashes: 0,
  losses: 0,
  transactions: true,
  mix: { read: 0.55, write: 0.25, remove: 0.08 },
  make: PROXY,
})

/** A world that is about listings. */
export const LISTING: WorldOptions = Object.freeze({
  ...CALM,
  mix: { read: 0.05, write: 0.35, remove: 0.25 },
})

const NAMES = ['a', 'b'] as const
/** Longer than a row is left to its own process, and than two rounds of a relay. */
const HEALING_MS = 20_000

export interface Outcome {
  readonly violations: readonly Violation[]
  readonly trace: readonly string[]
  readonly reads: number
  readonly acknowledged: number
}

/** One run: processes read, write, remove and list two resources at random, under the faults asked for. */
export async function simulate(seed: number, options: WorldOptions): Promise<Outcome> {
  const scheduler = new Scheduler(seed)
  const server = new SimServer(scheduler, options.maxItemBytes)
  const database = new MemoryStorage({ now: () => scheduler.nowMs })
  const history = new HistoryRecorder()
  const losesMarks = options.evictions > 0 || options.restarts > 0

  const start = (process: SimProcess, losses: number): Storage => {
    const view = new SimStorage(database, scheduler, process)
    const durable = options.transactions ? view : new LimitedStorage(view, ['transactions', 'journal'])
    const cache = new SimCache(server, scheduler, process, losses)
    return new MortalStorage(options.make(durable, cache, scheduler.environment(process)), process)
  }

  const runProcess = async (process: SimProcess): Promise<void> => {
    const storage = start(process, options.losses)
    for (let i = 0; i < options.operations && !process.isDead; i++) {
      if (scheduler.chance(options.evictions)) await server.evictOne()
      if (scheduler.chance(options.restarts)) server.restart()
      if (scheduler.chance(options.crashes)) void dieSoon(process)
      await act(storage, `${process.name}.${i}`).catch((error: unknown) => {
        scheduler.note(`${process.name}: failed: ${String(error)}`)
      })
    }
  }

  const dieSoon = async (process: SimProcess): Promise<void> => {
    const steps = Math.floor(scheduler.random() * 12)
    for (let i = 0; i < steps; i++) await scheduler.step(`fate of ${process.name}`)
    scheduler.note(`CRASH ${process.name}`)
    process.kill()
  }

  const act = async (storage: Storage, id: string): Promise<void> => {
    const name = scheduler.pick(NAMES)
    const info = storage.info('c', name)
    const dice = scheduler.random()
    const { read, write, remove } = options.mix
    if (dice < read) {
      const found = await history.get(storage, info)
      scheduler.note(`${id}: ${name} is ${found?.bytes.toString() ?? 'missing'}`)
    } else if (dice < read + write) {
      const { created, version } = await history.put(storage, info, id)
      if (!created && losesMarks) forgetListing(history, version)
      scheduler.note(`${id}: wrote ${name}`)
    } else if (dice < read + write + remove) {
      await history.remove(storage, info)
      scheduler.note(`${id}: removed ${name}`)
    } else {
      const names = await history.list(storage, 'c')
      scheduler.note(`${id}: listed ${[...names].join(' ')}`)
    }
  }

  /** What is still wrong when everybody is done and the relays had their time. */
  const aftermath = async (): Promise<Violation[]> => {
    const process = new SimProcess('after')
    const storage = start(process, 0)
    // Whatever is done first starts the relay.
    await storage.exists(storage.info('c', NAMES[0]))
    // In many steps, so that time does not run away from what the relay has begun.
    for (let ms = 0; ms < HEALING_MS; ms += 200) await scheduler.sleep(200, process)
    const listed = [...(await storage.ls('c')).keys()]
    const really = [...(await database.ls('c')).keys()]
    const wrong =
      listed.join() === really.join() ? [] : [`lists ${listed.join()} instead of ${really.join()}`]
    for (const name of NAMES) {
      const [found] = await storage.getMany([storage.info('c', name)])
      const [stored] = await database.getMany([database.info('c', name)])
      if (found?.version !== stored?.version)
        wrong.push(`${name} has ${found?.etag} instead of ${stored?.etag}`)
    }
    process.kill()
    return wrong.map((message) => ({ kind: 'stale', key: 'aftermath', message: `not healed: ${message}` }))
  }

  const processes = Array.from({ length: options.processes }, (_, i) => new SimProcess(`p${i}`))
  await scheduler.run(
    Promise.all(processes.map((process) => Promise.race([runProcess(process), process.died]))),
  )
  // A listing promises what is acknowledged. Of a write under way, one may show it and the next, from another source, not.
  const isPromised = ({ kind, key }: Violation) => kind !== 'back' || !key.startsWith('c/')
  const violations = history.violations().filter(isPromised)
  const healing = aftermath().then((wrong) => violations.push(...wrong))
  await scheduler.run(healing)
  for (const process of processes) process.kill()
  return {
    violations,
    trace: scheduler.trace,
    reads: history.registers.filter(({ kind }) => kind === 'read').length,
    acknowledged: history.registers.filter(({ kind, end }) => kind === 'write' && end !== undefined).length,
  }
}

/**
 * A listing promises to show a resource once the write that created it is acknowledged. A later write of it promises
 * that only as long as the creator's mark tells of the creator.
 */
function forgetListing({ collections }: HistoryRecorder, version: number): void {
  const index = collections.findIndex(
    (operation) => operation.kind === 'add' && operation.version === version,
  )
  const operation = collections[index]
  if (operation?.kind === 'add') collections[index] = { ...operation, end: undefined }
}

/** What a process that dies had asked for never gets an answer; the history must say so. */
class MortalStorage extends ForwardingStorage {
  readonly #process: SimProcess

  constructor(inner: Storage, process: SimProcess) {
    super(inner)
    this.#process = process
  }

  override getContent(...args: Parameters<Storage['getContent']>): ReturnType<Storage['getContent']> {
    return this.#whileAlive(super.getContent(...args))
  }

  override putContent(...args: Parameters<Storage['putContent']>): ReturnType<Storage['putContent']> {
    return this.#whileAlive(super.putContent(...args))
  }

  override removeContent(
    ...args: Parameters<Storage['removeContent']>
  ): ReturnType<Storage['removeContent']> {
    return this.#whileAlive(super.removeContent(...args))
  }

  override ls(...args: Parameters<Storage['ls']>): ReturnType<Storage['ls']> {
    return this.#whileAlive(super.ls(...args))
  }

  #whileAlive<T>(work: Promise<T>): Promise<T> {
    const died = this.#process.died.then(() => {
      throw new Error('The process died')
    })
    return Promise.race([work, died])
  }
}
