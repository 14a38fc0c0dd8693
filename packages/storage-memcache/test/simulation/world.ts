import { MemoryStorage, type ResourceInfo, type Storage, type WriteResult } from '@larder/storage-core'
import { ForwardingStorage, LimitedStorage } from '@larder/storage-core/testing'
import { type Cache, type Environment, MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { checkRegister, type Commit, type Operation, type Violation } from './history.js'
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
  const memory = new MemoryStorage({ now: () => scheduler.nowMs })
  const database = new Recorded(memory)
  const operations = new Map<string, Operation[]>(NAMES.map((name) => [name, []]))
  let turn = 0

  const runProcess = async (index: number): Promise<void> => {
    const process = new SimProcess(`p${index}`)
    const view = new SimStorage(database, scheduler, process)
    const durable = options.transactions ? view : new LimitedStorage(view, ['transactions', 'journal'])
    const cache = new SimCache(server, scheduler, process, options.losses)
    const storage = options.make(durable, cache, scheduler.environment(process))
    for (let i = 0; i < options.operations && !process.isDead; i++) {
      if (scheduler.chance(options.evictions)) await server.evictOne()
      if (scheduler.chance(options.restarts)) server.restart()
      if (scheduler.chance(options.crashes)) dieSoon(process)
      await act(storage, process, `${process.name}.${i}`)
    }
  }

  const dieSoon = (process: SimProcess): void => {
    void (async () => {
      const steps = Math.floor(scheduler.random() * 12)
      for (let i = 0; i < steps; i++) await scheduler.step(`fate of ${process.name}`)
      scheduler.note(`CRASH ${process.name}`)
      process.kill()
    })()
  }

  const act = async (storage: Storage, process: SimProcess, id: string): Promise<void> => {
    const name = scheduler.pick(NAMES)
    const info = storage.info('c', name)
    const dice = scheduler.random()
    const kind = dice < 0.55 ? 'read' : dice < 0.8 ? 'write' : dice < 0.88 ? 'remove' : 'listed'
    if (kind === 'listed') return list(storage, process)
    const operation: Operation = {
      process: process.name,
      kind,
      begin: ++turn,
      end: undefined,
      value: undefined,
    }
    operations.get(name)?.push(operation)
    try {
      if (kind === 'read') {
        const [found] = await storage.getMany([info])
        operation.value = found?.bytes.toString()
      } else {
        operation.value = kind === 'write' ? id : undefined
        const written = kind === 'write' ? await storage.putContent(info, id) : await storage.remove(info)
        // A removal of nothing is no write, and two absences cannot be told apart.
        if (kind === 'remove' || !written.changed) return
      }
      operation.end = ++turn
      scheduler.note(`${process.name}: ${kind} ${name} = ${String(operation.value)}`)
    } catch (error) {
      scheduler.note(`${process.name}: ${kind} ${name} failed: ${String(error)}`)
    }
  }

  const list = async (storage: Storage, process: SimProcess): Promise<void> => {
    const begin = ++turn
    try {
      const names = await storage.ls('c')
      const end = ++turn
      scheduler.note(`${process.name}: ls = ${[...names.keys()].join(' ')}`)
      for (const name of NAMES) {
        const value = names.has(name) ? 'listed' : undefined
        operations.get(name)?.push({ process: process.name, kind: 'listed', begin, end, value })
      }
    } catch (error) {
      scheduler.note(`${process.name}: ls failed: ${String(error)}`)
    }
  }

  for (let i = 0; i < options.processes; i++) void runProcess(i)
  await scheduler.run()
  const violations = NAMES.flatMap((name) => judge(database.commitsOf(name), operations.get(name) ?? []))
  const all = [...operations.values()].flat()
  return {
    violations,
    trace: scheduler.trace,
    reads: all.filter(({ kind, end }) => kind === 'read' && end !== undefined).length,
    acknowledged: all.filter(({ kind, end }) => kind === 'write' && end !== undefined).length,
  }
}

function judge(commits: readonly Commit[], operations: readonly Operation[]): Violation[] {
  const reads = checkRegister(commits, operations)
  // A name in a listing is a register of two values; a write is acknowledged for it when it is for the resource.
  const membership = commits.map(({ value, version }) => ({ value: value && 'listed', version }))
  const listings = checkMembership(membership, commits, operations)
  return [...reads, ...listings]
}

/** A listing must show what was true at some moment between the last acknowledged write before it and its end. */
function checkMembership(
  membership: readonly Commit[],
  commits: readonly Commit[],
  operations: readonly Operation[],
): Violation[] {
  const states = [undefined, ...membership.map(({ value }) => value)]
  const values = [undefined, ...commits.map(({ value }) => value)]
  return operations.flatMap((read) => {
    if (read.kind !== 'listed') return []
    const before = operations.filter(
      ({ kind, end }) => kind === 'write' && end !== undefined && end < read.begin,
    )
    const atLeast = Math.max(0, ...before.map(({ value }) => values.indexOf(value)))
    if (states.some((value, index) => index >= atLeast && value === read.value)) return []
    return [{ kind: 'stale after an acknowledged write' as const, read, found: -1, atLeast }]
  })
}

/** Remembers the order in which values were committed. */
class Recorded extends ForwardingStorage {
  readonly #commits = new Map<string, Commit[]>()

  commitsOf(name: string): readonly Commit[] {
    return (this.#commits.get(name) ?? []).sort((a, b) => a.version - b.version)
  }

  override async putContent(...args: Parameters<Storage['putContent']>): Promise<WriteResult> {
    const result = await super.putContent(...args)
    this.#record(args[0], result, textOf(args[1]))
    return result
  }

  override async put(...args: Parameters<Storage['put']>): Promise<WriteResult> {
    const result = await super.put(...args)
    this.#record(args[0], result, textOf(args[1].content))
    return result
  }

  override async remove(...args: Parameters<Storage['remove']>): Promise<WriteResult> {
    const result = await super.remove(...args)
    this.#record(args[0], result, undefined)
    return result
  }

  #record(
    { resource = '' }: ResourceInfo,
    { changed, version }: WriteResult,
    value: string | undefined,
  ): void {
    if (!changed) return
    const commits = this.#commits.get(resource) ?? []
    commits.push({ value, version })
    this.#commits.set(resource, commits)
  }
}

function textOf(source: unknown): string {
  if (source instanceof Uint8Array) return Buffer.from(source).toString()
  if (typeof source === 'string') return source
  throw new TypeError('The simulation writes text')
}
