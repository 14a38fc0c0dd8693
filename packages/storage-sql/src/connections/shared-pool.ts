import {
  addPool,
  poolChannel,
  type PoolState,
  processWide,
  removePool,
  traceWork,
  type WatchedPool,
} from '@larder/storage-core'
import type { Slots } from './slots.js'

/** A pool as its driver knows it. */
export interface DriverPool {
  /** `host:port/database`, or the path of a file. */
  readonly name: string
  /** Undefined where the driver does not tell: then what the storages use counts. */
  readonly counts: () => PoolState | undefined
}

const shared = processWide('storage-sql/shared-pools@1', () => new WeakMap<object, SharedPool>())

/** What is published of the connections of one data source or file, which several storages may share. */
export class SharedPool {
  readonly #owner: object
  readonly #pool: WatchedPool
  readonly #slots: Slots[] = []

  private constructor(owner: object, system: string, limit: number, { name, counts }: DriverPool) {
    this.#owner = owner
    this.#pool = addPool({ system, name, limit, state: () => this.#state(counts()) })
  }

  /** `slots`: those of one more storage, until they `leave`. */
  static of(
    owner: object,
    system: string,
    limit: number,
    driver: () => DriverPool,
    slots: Slots,
  ): SharedPool {
    const pool = shared.get(owner) ?? new SharedPool(owner, system, limit, driver())
    shared.set(owner, pool)
    pool.#slots.push(slots)
    return pool
  }

  /** Publishes how long `work` waits for a connection. */
  waiting<T>(work: () => Promise<T>): Promise<T> {
    return this.#published('wait', work)
  }

  /** Publishes how long `work` uses a connection. */
  using<T>(work: () => Promise<T>): Promise<T> {
    return this.#published('use', work)
  }

  leave(slots: Slots): void {
    const place = this.#slots.indexOf(slots)
    if (place !== -1) this.#slots.splice(place, 1)
    if (this.#slots.length > 0) return
    shared.delete(this.#owner)
    removePool(this.#pool)
  }

  #published<T>(operation: 'wait' | 'use', work: () => Promise<T>): Promise<T> {
    if (!poolChannel.hasSubscribers) return work()
    const { system, name } = this.#pool
    return traceWork(poolChannel, { system, operation, items: 1, pool: name }, work)
  }

  /** Who waits for a slot has not asked the driver yet. */
  #state(counts: PoolState | undefined): PoolState {
    const slots = [...new Set(this.#slots)]
    const pending = slots.reduce((sum, each) => sum + each.pending, 0)
    if (counts !== undefined) return { ...counts, pending: counts.pending + pending }
    const used = slots.reduce((sum, each) => sum + each.used, 0)
    return { used, idle: Math.max(0, this.#pool.limit - used), pending }
  }
}
