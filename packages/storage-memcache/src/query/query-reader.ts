import type { CasToken, Environment } from '@larder/memcached'
import type { EntryAddress, Fence, FencedEntries, QueryLook, StoredResult } from './fenced-entries.js'
import { type Flight, Flights } from '../proxy/flights.js'
import { TTL_JITTER } from '../proxy/settings.js'
import type { LoaderBatch } from './loader-batch.js'
import type { QueryCounters } from './query-counters.js'
import type { EntrySettings, QuerySettings } from './query-options.js'

/** One key of a call. */
export interface Wanted {
  /** As the caller has it. */
  readonly key: string
  readonly address: EntryAddress
}

/** What the keys of one call share. */
export interface QueryCall {
  readonly settings: EntrySettings
  readonly batch: LoaderBatch
  /** The tick of the reader's clock before the first look. */
  readonly startedAt: number
}

/** Another item stood where the lease was to be. */
const TAKEN: unique symbol = Symbol('taken')
const LATE: unique symbol = Symbol('late')

/** What a run of a loader brings that fills the cache. */
type Filled = StoredResult | typeof TAKEN

/** What a caller does whose look did not find a fresh result: lease, load and fill; or wait for who does. */
export class QueryReader {
  readonly #entries: FencedEntries
  readonly #settings: QuerySettings
  readonly #env: Environment
  readonly #counters: QueryCounters
  readonly #fills = new Flights<Filled>('first')
  readonly #bypasses = new Flights<StoredResult>('last')
  /** Counts events of this process, to tell whether a loader was called after a caller came. */
  #clock = 0

  constructor(entries: FencedEntries, settings: QuerySettings, env: Environment, counters: QueryCounters) {
    this.#entries = entries
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  tick(): number {
    return ++this.#clock
  }

  /** Rejects with what the loader rejects with. Tells the batch when it knows whether this key must be loaded. */
  async resolve(wanted: Wanted, look: QueryLook, call: QueryCall): Promise<StoredResult> {
    const decide = once(() => call.batch.decided())
    try {
      return await this.#resolve(wanted, look, call, decide)
    } finally {
      decide()
    }
  }

  async #resolve(
    wanted: Wanted,
    look: QueryLook,
    call: QueryCall,
    decide: () => void,
  ): Promise<StoredResult> {
    const { key } = wanted.address
    const giveUpAt = this.#env.now() + this.#settings.fillWaitMs
    let found = look
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 32)) {
      if (found.kind === 'fresh') return found.result
      if (found.kind === 'stale') return this.#inGrace(wanted, found, call, decide)
      const bypass = this.#bypasses.visible(key, found, call.startedAt)
      if (found.kind === 'down' && !this.#bypasses.has(key)) return this.#bypass(wanted, found, call, decide)
      const fill = this.#fills.visible(key, found, call.startedAt)
      if (found.kind === 'none' && fill === undefined && bypass === undefined) {
        const { fence } = found
        const result = await this.#fills.fly(key, (own) => this.#fill(wanted, fence, call, decide, own))
        if (result !== TAKEN) return result
        if (this.#env.now() >= giveUpAt) return this.#bypass(wanted, found, call, decide)
      } else {
        decide()
        const result = await this.#wait(key, fill ?? bypass, giveUpAt, pauseMs)
        if (result === LATE) return this.#bypass(wanted, found, call, decide)
        if (result !== TAKEN) return copyOf(result)
      }
      decide()
      found = await this.#entries.look(wanted.address)
    }
  }

  /** What another run of this process brings, if one begins within a pause; else the next look decides. */
  async #wait(
    key: string,
    known: Flight<Filled> | undefined,
    giveUpAt: number,
    pauseMs: number,
  ): Promise<Filled | typeof LATE> {
    const leftMs = () => giveUpAt - this.#env.now()
    if (leftMs() <= 0) return LATE
    const pause = () => this.#env.sleep(Math.min(leftMs(), pauseMs * (0.5 + this.#env.random())))
    const flight = known ?? (await this.#bypasses.next(key, pause()))
    if (flight === undefined) return TAKEN
    return Promise.race([flight.result, this.#late(Math.max(0, leftMs()))])
  }

  async #late(ms: number): Promise<typeof LATE> {
    await this.#env.idle(ms)
    return LATE
  }

  async #fill(
    wanted: Wanted,
    fence: Fence,
    call: QueryCall,
    decide: () => void,
    flight: Flight<Filled>,
  ): Promise<Filled> {
    const { key } = wanted.address
    let lease: Fence | undefined
    try {
      lease = await this.#entries.lease(key, fence)
    } catch {
      this.#counters.cacheErrors++
      return this.#load(wanted, call, decide, flight)
    }
    if (lease === undefined) return TAKEN
    flight.token = lease.token
    let result: StoredResult
    try {
      result = await this.#load(wanted, call, decide, flight)
    } catch (error) {
      await this.#entries.release(key, lease)
      throw error
    }
    await this.#store(wanted, lease, result, call)
    return result
  }

  /**
   * Runs the loader without a lease, once for all of this process who came before. What it brings takes the place of
   * the lease that stood before it ran, if that still stands: who holds it is slow or dead.
   */
  async #bypass(
    wanted: Wanted,
    found: QueryLook,
    call: QueryCall,
    decide: () => void,
  ): Promise<StoredResult> {
    const { key } = wanted.address
    const other = this.#bypasses.visible(key, found, call.startedAt)
    if (other !== undefined) {
      decide()
      return copyOf(await other.result)
    }
    this.#counters.bypasses++
    return this.#bypasses.fly(key, async (flight) => {
      const result = await this.#load(wanted, call, decide, flight)
      if (found.kind === 'lease') await this.#store(wanted, found.fence, result, call)
      return result
    })
  }

  #load(wanted: Wanted, call: QueryCall, decide: () => void, flight?: Flight<Filled>): Promise<StoredResult> {
    this.#counters.loads++
    const result = call.batch.load(wanted.key, () => {
      const readAt = this.tick()
      if (flight !== undefined) flight.readAt = readAt
    })
    decide()
    return result
  }

  /** The old result, while one caller runs the loader; that caller waits for a while. */
  async #inGrace(
    wanted: Wanted,
    stale: Extract<QueryLook, { kind: 'stale' }>,
    call: QueryCall,
    decide: () => void,
  ): Promise<StoredResult> {
    const { softTimeoutMs } = call.settings
    const token = await this.#entries.leaseRefresh(wanted.address.refreshKey).catch(() => undefined)
    if (token === undefined) {
      this.#counters.staleHits++
      return stale.result
    }
    const refresh = this.#refresh(wanted, stale.fence, token, call, decide)
    const inTime = softTimeoutMs === 0 ? LATE : await Promise.race([refresh, this.#late(softTimeoutMs)])
    if (inTime !== LATE) return inTime
    // Nobody waits any more; what a failure does to the entry is done.
    refresh.catch(() => undefined)
    this.#counters.staleHits++
    return stale.result
  }

  /** Resolves to `LATE` where the loader failed and the old result stays. */
  async #refresh(
    wanted: Wanted,
    fence: Fence,
    token: CasToken,
    call: QueryCall,
    decide: () => void,
  ): Promise<StoredResult | typeof LATE> {
    const { refreshKey } = wanted.address
    let result: StoredResult
    try {
      result = await this.#load(wanted, call, decide)
    } catch (error) {
      // The lease stays, so that a loader in trouble is left alone until it ends.
      if (call.settings.whenLoaderFails === 'grace') return LATE
      await this.#entries.release(wanted.address.key, fence)
      await this.#entries.endRefresh(refreshKey, token)
      throw error
    }
    await this.#store(wanted, fence, result, call)
    await this.#entries.endRefresh(refreshKey, token)
    return result
  }

  async #store(wanted: Wanted, fence: Fence, result: StoredResult, { settings }: QueryCall): Promise<void> {
    const freshMs = settings.ttlMs * (1 - TTL_JITTER * this.#env.random())
    const freshness = { ttlMs: freshMs, graceMs: settings.graceMs }
    try {
      const isStored = await this.#entries.fill(wanted.address.key, fence, result, freshness)
      this.#counters[isStored ? 'fills' : 'fillsRefused']++
    } catch {
      this.#counters.cacheErrors++
    }
  }
}

function copyOf(result: StoredResult): StoredResult {
  return result && { ...result, bytes: Buffer.from(result.bytes) }
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}
