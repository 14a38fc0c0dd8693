import type { CasToken } from '../cache.js'
import type { Environment } from '../environment.js'
import type { EntryAddress, Fence, FencedEntries, QueryLook, StoredResult } from './fenced-entries.js'
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

/** A run of a loader for one key, shared by all callers in this process that may see its result. */
interface Flight {
  /** The tick of `#clock` when the loader was called; undefined before. */
  readAt: number | undefined
  /** What it fills under, where it does. */
  lease: Fence | undefined
  result: Promise<StoredResult | Taken>
}

/** Another item stood where the lease was to be. */
type Taken = typeof TAKEN
const TAKEN: unique symbol = Symbol('taken')
const LATE: unique symbol = Symbol('late')
const PENDING = new Promise<never>(() => undefined)

/** What a caller does whose look did not find a fresh result: lease, load and fill; or wait for who does. */
export class QueryReader {
  readonly #entries: FencedEntries
  readonly #settings: QuerySettings
  readonly #env: Environment
  readonly #counters: QueryCounters
  readonly #fills = new Map<string, Flight>()
  readonly #bypasses = new Map<string, Flight>()
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
      const leftMs = giveUpAt - this.#env.now()
      const bypass = this.#bypasses.get(key)
      const flight = leftMs > 0 ? (this.#fills.get(key) ?? bypass) : bypass
      if (flight !== undefined && maySee(flight, found, call.startedAt)) {
        decide()
        const result = await (flight === bypass ? flight.result : this.#join(flight, leftMs))
        if (result !== TAKEN && result !== LATE)
          return result && { ...result, bytes: Buffer.from(result.bytes) }
      } else if (leftMs <= 0 || (found.kind === 'down' && bypass === undefined)) {
        return this.#bypass(wanted, call, decide)
      } else if (found.kind === 'none') {
        const { fence } = found
        const result = await this.#fly(this.#fills, key, (own) =>
          this.#fill(wanted, fence, call, decide, own),
        )
        if (result !== TAKEN) return result
      } else {
        decide()
        const pause = this.#env.sleep(Math.min(leftMs, pauseMs * (0.5 + this.#env.random())))
        await (found.kind === 'down' ? Promise.race([settled(bypass), pause]) : pause)
      }
      decide()
      found = await this.#entries.look(wanted.address)
    }
  }

  #join({ result }: Flight, leftMs: number): Promise<StoredResult | Taken | typeof LATE> {
    return Promise.race([result, this.#late(leftMs)])
  }

  async #late(ms: number): Promise<typeof LATE> {
    await this.#env.idle(ms)
    return LATE
  }

  /** Makes a run known to the callers of this process, unless another of the same kind is. */
  async #fly<T extends StoredResult | Taken>(
    flights: Map<string, Flight>,
    key: string,
    run: (flight: Flight) => Promise<T>,
  ): Promise<T> {
    const flight = newFlight()
    const isKnown = !flights.has(key)
    if (isKnown) flights.set(key, flight)
    const result = run(flight)
    flight.result = result
    try {
      return await result
    } finally {
      if (isKnown) flights.delete(key)
    }
  }

  async #fill(
    wanted: Wanted,
    fence: Fence,
    call: QueryCall,
    decide: () => void,
    flight: Flight,
  ): Promise<StoredResult | Taken> {
    const { key } = wanted.address
    let lease: Fence | undefined
    try {
      lease = await this.#entries.lease(key, fence)
    } catch {
      this.#counters.cacheErrors++
      return this.#load(wanted, call, decide, flight)
    }
    if (lease === undefined) return TAKEN
    flight.lease = lease
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

  /** Runs the loader and stores nothing. */
  #bypass(wanted: Wanted, call: QueryCall, decide: () => void): Promise<StoredResult> {
    this.#counters.bypasses++
    return this.#fly(this.#bypasses, wanted.address.key, (flight) => this.#load(wanted, call, decide, flight))
  }

  #load(wanted: Wanted, call: QueryCall, decide: () => void, flight: Flight): Promise<StoredResult> {
    this.#counters.loads++
    const result = call.batch.load(wanted.key, () => (flight.readAt = this.tick()))
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
      result = await this.#load(wanted, call, decide, newFlight())
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
    const freshMs = settings.ttlMs * (1 - this.#settings.ttlJitter * this.#env.random())
    const freshness = { ttlMs: freshMs, graceMs: settings.graceMs }
    try {
      const isStored = await this.#entries.fill(wanted.address.key, fence, result, freshness)
      this.#counters[isStored ? 'fills' : 'fillsRefused']++
    } catch {
      this.#counters.cacheErrors++
    }
  }
}

/**
 * A run may answer a caller that came before the loader was called; and also one that has just seen the run's own
 * lease standing under the stamps of now, since nothing can have been invalidated while it did.
 */
function maySee(flight: Flight, found: QueryLook, startedAt: number): boolean {
  const { readAt, lease } = flight
  if (readAt === undefined || readAt > startedAt) return true
  return found.kind === 'lease' && lease?.token?.equals(found.token) === true
}

function newFlight(): Flight {
  return { readAt: undefined, lease: undefined, result: PENDING }
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}

async function settled(flight: Flight | undefined): Promise<void> {
  await flight?.result.catch(() => undefined)
}
