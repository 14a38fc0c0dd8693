import { type Committed, Coverage, kindOf, stateOf } from './coverage.js'
import type { Finding } from './judge.js'
import { ItemStore, type StoredItem } from './item-store.js'
import { Outsiders } from './outsiders.js'
import type { Scheduler, SimProcess } from './scheduler.js'

/** What all parts of one simulated world share. */
export class Scene {
  readonly scheduler: Scheduler
  readonly coverage = new Coverage()
  readonly outsiders: Outsiders
  /** The last commit of each part, by the part's key in the cache. */
  readonly committed = new Map<string, Committed>()
  /** Which version each text was committed as, whatever its writer was told. */
  readonly commits = new Map<string, number>()
  /** Versions of writes that created nothing: what a listing says of them is promised by their creators. */
  readonly later = new Set<number>()
  /** Versions of writes whose process said that it could not confirm them. */
  readonly unconfirmed = new Set<number>()
  /** What is wrong beside what the history tells. */
  readonly findings: Finding[] = []
  /** Answers to whether a resource exists, and parts that were written, beside what the history tells. */
  readonly turns = { asked: 0, written: 0 }
  /** Commands that a process got no answer to. */
  unanswered = 0

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
    this.outsiders = new Outsiders(scheduler)
  }

  visit(step: string, state: string): void {
    if (this.scheduler.isWatched) this.coverage.visit(step, state)
  }

  crash(process: SimProcess, lastStep: string | undefined): void {
    this.scheduler.note(`CRASH of ${process.name}`)
    if (lastStep !== undefined) this.visit('crash', lastStep)
    process.kill()
  }
}

/** What a client learns of a command. `late`: executed after its caller has given up. */
export interface Command<T> {
  readonly who: string
  /** The name of the step for the report on coverage. */
  readonly step: string
  readonly keys: readonly string[]
  readonly isLate?: boolean
  readonly execute: (store: ItemStore) => T
}

/** A memcached of the simulated world. */
export class SimServer {
  readonly name: string
  readonly #scene: Scene
  readonly #maxItemBytes: number
  #store: ItemStore
  /** Processes that cannot reach it, although it is well. */
  readonly unreachableFor = new Set<SimProcess>()
  isDown = false
  /** Its process is gone, and all its connections with it. */
  onRestart: (() => void) | undefined

  constructor(name: string, scene: Scene, maxItemBytes: number) {
    this.name = name
    this.#scene = scene
    this.#maxItemBytes = maxItemBytes
    this.#store = this.#empty()
  }

  /** The items of the process that runs now: another object after a restart. */
  get store(): ItemStore {
    return this.#store
  }

  reaches(process: SimProcess): boolean {
    return !this.isDown && !this.unreachableFor.has(process)
  }

  execute<T>({ who, step, keys, isLate = false, execute }: Command<T>): T {
    this.expire()
    for (const key of this.#scene.scheduler.isWatched ? keys : []) {
      const state = this.stateOf(key)
      this.#scene.visit(isLate ? `${step}, late` : step, state)
      this.#scene.scheduler.note(`${who}: ${step} ${key}${isLate ? ' (late)' : ''}: finds ${state}`)
    }
    return execute(this.#store)
  }

  stateOf(key: string): string {
    return describe(key, this.#store.get(key), this.#scene)
  }

  expire(): void {
    // What has expired is not found in any case.
    if (!this.#scene.scheduler.isWatched) return
    for (const [key, item] of this.#store.expire()) {
      const state = describe(key, item, this.#scene)
      this.#scene.visit('expire', state)
      this.#scene.scheduler.note(`EXPIRES on ${this.name}: ${key}, ${state}`)
    }
  }

  /** Marks and leases go twice as often as all others: what comes of that is worth more. */
  evictOne(): void {
    const keys = this.#store.keys()
    const short = keys.filter((key) => ['mark', 'lease'].includes(kindOf(this.#store.get(key))))
    const from = short.length > 0 && this.#scene.scheduler.chance(0.5) ? short : keys
    if (from.length === 0) return
    const key = this.#scene.scheduler.pick(from)
    const state = this.stateOf(key)
    this.#scene.visit('evict', state)
    this.#scene.scheduler.note(`EVICTED on ${this.name}: ${key}, ${state}`)
    this.#store.delete(key, undefined)
  }

  /** Empty, and every CAS of before is void. */
  restart(): void {
    for (const key of this.#store.keys()) this.#scene.visit('restart', this.stateOf(key))
    this.#scene.scheduler.note(`RESTART of ${this.name}`)
    this.#store = this.#empty()
    this.onRestart?.()
  }

  #empty(): ItemStore {
    return new ItemStore(() => this.#scene.scheduler.nowMs, this.#maxItemBytes)
  }
}

function describe(key: string, item: StoredItem | undefined, { committed }: Scene): string {
  const state = stateOf(item, committed.get(key))
  return state === 'none' ? `no ${kindOfKey(key)}` : state
}

function kindOfKey(key: string): 'part' | 'head' | 'log' | 'names' | 'piece' | 'refresh lock' {
  if (key.endsWith(':l')) return 'head'
  if (/:[cm]$/.test(key)) return 'part'
  if (!key.includes(':l/')) return key.endsWith('/refresh') ? 'refresh lock' : 'piece'
  return /\/l\d+$/.test(key) ? 'log' : 'names'
}
