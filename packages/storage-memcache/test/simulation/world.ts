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
  readonly make: (storage: Storage, cache: Cache, environment: Environment) => Storage
}

export const PROXY: WorldOptions['make'] = (storage, cache, environment) => {
  const options: ProtocolOptions = { fillWaitMs: 5, ttlJitter: 0, whenCacheFails: 'reject' }
  return new MemcacheStorage({ storage, cache, environment, ...options })
}

export const CALM: WorldOptions = Object.freeze({
  processes: 3,
  operations: 12,
  evictions: 0,
  restarts: 0,
  crashes: 0,
  losses: 0,
  transactions: true,
  make: PROXY,
})

const NAMES = ['a', 'b'] as const

export interface Outcome {
  readonly violations: readonly Violation[]
  readonly trace: readonly string[]
  readonly reads: number
  readonly acknowledged: number
}

/** One run: processes read, write, remove and list two resources at random, under the faults asked for. */
export async function simulate(seed: number, options: WorldOptions): Promise<Outcome> {
  const scheduler = new Scheduler(seed)
  const server = new SimServer(scheduler)
  const database = new MemoryStorage({ now: () => scheduler.nowMs })
  const history = new HistoryRecorder()

  const runProcess = async (index: number): Promise<void> => {
    const process = new SimProcess(`p${index}`)
    const view = new SimStorage(database, scheduler, process)
    const durable = options.transactions ? view : new LimitedStorage(view, ['transactions', 'journal'])
    const cache = new SimCache(server, scheduler, process, options.losses)
    const storage = new MortalStorage(options.make(durable, cache, scheduler.environment(process)), process)
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
    if (dice < 0.55) {
      const found = await history.get(storage, info)
      scheduler.note(`${id}: ${name} is ${found?.bytes.toString() ?? 'missing'}`)
    } else if (dice < 0.8) {
      await history.put(storage, info, id)
      scheduler.note(`${id}: wrote ${name}`)
    } else if (dice < 0.88) {
      await history.remove(storage, info)
      scheduler.note(`${id}: removed ${name}`)
    } else {
      const names = await history.list(storage, 'c')
      scheduler.note(`${id}: listed ${[...names].join(' ')}`)
    }
  }

  for (let i = 0; i < options.processes; i++) void runProcess(i)
  await scheduler.run()
  return {
    violations: history.violations(),
    trace: scheduler.trace,
    reads: history.registers.filter(({ kind }) => kind === 'read').length,
    acknowledged: history.registers.filter(({ kind, end }) => kind === 'write' && end !== undefined).length,
  }
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
