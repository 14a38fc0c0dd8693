import {
  addPool,
  poolChannel,
  type PoolState,
  processWide,
  removePool,
  traceWork,
  type WatchedPool,
} from '@larder/storage-core/driver'
import type { Slots } from './slots.js'

/** A pool as its driver knows it. */
export interface DriverPool {
  /** `host:port/database`, or the path of a file. */
  readonly name: string
  /** Undefined where the driver does not tell: then what the storages use counts. */
  readonly counts: () => PoolState | undefined
}

/** Data without methods, which every copy of this package can use. */
interface Shared {
  readonly pool: WatchedPool
  readonly slots: Pick<Slots, 'used' | 'pending'>[]
}

const shared = processWide('storage-sql/shared-pools@1', () => new WeakMap<object, Shared>())

/** What is published of the connections of one data source or file, which several storages may share. */
export class SharedPool {
  readonly #owner: object
  readonly #shared: Shared
  readonly #slots: Slots
  #hasLeft = false

  private constructor(owner: object, found: Shared, slots: Slots) {
    this.#owner = owner
    this.#shared = found
    this.#slots = slots
    found.slots.push(slots)
  }

  /** `slots`: those of one more storage, until it leaves. */
  static of(
    owner: object,
    system: string,
    limit: number,
    driver: () => DriverPool,
    slots: Slots,
  ): SharedPool {
    const found = shared.get(owner) ?? addShared(system, limit, driver())
    shared.set(owner, found)
    return new SharedPool(owner, found, slots)
  }

  /** Publishes how long `work` waits for a connection. */
  waiting<T>(work: () => Promise<T>): Promise<T> {
    return this.#published('wait', work)
  }

  /** Publishes how long `work` uses a connection. */
  using<T>(work: () => Promise<T>): Promise<T> {
    return this.#published('use', work)
  }

  /** For a storage that is closed; calling it twice does no harm. */
  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    const { slots, pool } = this.#shared
    slots.splice(slots.indexOf(this.#slots), 1)
    if (slots.length > 0) return
    shared.delete(this.#owner)
    removePool(pool)
  }

  #published<T>(operation: 'wait' | 'use', work: () => Promise<T>): Promise<T> {
    if (!poolChannel.hasSubscribers) return work()
    const { system, name } = this.#shared.pool
    return traceWork(poolChannel, { system, operation, items: 1, pool: name }, work)
  }
}

function addShared(system: string, limit: number, { name, counts }: DriverPool): Shared {
  const slots: Shared['slots'] = []
  const pool = addPool({ system, name, limit, state: () => stateOf(slots, limit, counts()) })
  return { pool, slots }
}

/** A caller that waits for a slot has not asked the driver yet. */
function stateOf(shared: Shared['slots'], limit: number, counts: PoolState | undefined): PoolState {
  const slots = [...new Set(shared)]
  const pending = slots.reduce((sum, each) => sum + each.pending, 0)
  if (counts !== undefined) return { ...counts, pending: counts.pending + pending }
  const used = slots.reduce((sum, each) => sum + each.used, 0)
  return { used, idle: Math.max(0, limit - used), pending }
}
