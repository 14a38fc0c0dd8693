import type { Environment } from '@larder/memcached'
import { Filler } from './filler.js'
import { FillWait } from './fill-wait.js'
import type { ReaderCounters, ReaderPolicy, Source } from './reader-policy.js'
import { Refresher } from './refresher.js'
import { type Run, SingleFlight } from './single-flight.js'
import { DOWN, type Fence, type Lookup, type SlotAddress } from './slot.js'
import type { Slots } from './slots.js'

/** Another item stood where the lease was to be, or the run that was joined brought nothing. */
const NONE: unique symbol = Symbol('none')
const LATE: unique symbol = Symbol('late')

interface Reading<V, C> {
  readonly address: SlotAddress
  readonly source: Source<V, C>
  /** The reader's clock before the first lookup. */
  readonly startedAt: number
}

/** What a reader does after its first lookup: fill under a lease, wait for another's fill, or read past the cache. */
export class SlotReader<V, C> {
  readonly #slots: Slots<V, C>
  readonly #filler: Filler<V, C>
  readonly #refresher: Refresher<V, C>
  readonly #policy: ReaderPolicy<V>
  readonly #env: Environment
  readonly #counters: ReaderCounters
  /** Loads that fill the slot. */
  readonly #fills = new SingleFlight<V | typeof NONE>('first')
  /** Loads past the cache, of readers that have waited long enough or met a mark; each is followed by a step in the slot. */
  readonly #bypasses = new SingleFlight<V>('last')
  /** Loads of readers whose server is down. No bypass joins one: no step in the slot follows. */
  readonly #downLoads = new SingleFlight<V>('last')
  /** Counts events of this process, to tell whether the source was asked after a reader came. */
  #clock = 0

  constructor(slots: Slots<V, C>, policy: ReaderPolicy<V>, env: Environment, counters: ReaderCounters) {
    this.#slots = slots
    this.#filler = new Filler(slots, policy.order, counters)
    this.#refresher = new Refresher(slots, this.#filler, env, counters)
    this.#policy = policy
    this.#env = env
    this.#counters = counters
  }

  /** To be taken before the first lookup. */
  tick(): number {
    return ++this.#clock
  }

  /** Counts a first lookup. A stale one is counted when it is known what the reader gets. */
  count({ kind }: Lookup<V>): void {
    if (kind === 'fresh') this.#counters.hits++
    else if (kind !== 'stale') this.#counters.misses++
  }

  /** The value, from what the first lookup has found. Rejects as the source does. */
  async resolve(
    address: SlotAddress,
    lookup: Lookup<V>,
    startedAt: number,
    source: Source<V, C>,
  ): Promise<V> {
    if (lookup.kind === 'fresh') return lookup.value
    if (lookup.kind === 'stale') return this.#refresher.answer(address, lookup, source)
    const reading = { address, source, startedAt }
    const wait = new FillWait(this.#env, this.#policy.fillWaitMs)
    let found: Lookup<V> = lookup
    for (;;) {
      if (found.kind === 'fresh' || found.kind === 'stale') return found.value
      const value = await this.#step(reading, found, wait)
      if (value !== NONE) return value
      source.waits()
      found = await this.#slots.lookUp(address)
    }
  }

  /** See `Filler`. Never rejects. */
  evictOlder(key: string, version: number): Promise<void> {
    return this.#filler.evictOlder(key, version)
  }

  /** Waits for the refreshes that no caller waits for. */
  settled(): Promise<void> {
    return this.#refresher.settled()
  }

  async #step(
    reading: Reading<V, C>,
    found: Exclude<Lookup<V>, { kind: 'fresh' | 'stale' }>,
    wait: FillWait,
  ): Promise<V | typeof NONE> {
    const { key } = reading.address
    if (found.kind === 'marked') return this.#bypass(reading, found)
    const isDown = found.kind === 'down'
    if (isDown && (this.#policy.whileDown === 'load' || !this.#downLoads.has(key)))
      return this.#loadDown(reading)
    const past = isDown ? this.#downLoads : this.#bypasses
    const { startedAt } = reading
    const joinable = this.#fills.joinable(key, found, startedAt) ?? past.joinable(key, found, startedAt)
    if (found.kind === 'empty' && joinable === undefined) {
      const value = await this.#fill(reading, found.fence)
      if (value !== NONE || wait.leftMs > 0) return value
    } else {
      reading.source.waits()
      const value = wait.leftMs === 0 ? LATE : await this.#wait(key, joinable, past, wait)
      if (value !== LATE) return value
    }
    return isDown ? this.#loadDown(reading) : this.#bypass(reading, found)
  }

  /** What a run of this process brings in time, if one begins within a pause; else the next lookup decides. */
  async #wait(
    key: string,
    joinable: Run<V | typeof NONE> | undefined,
    past: SingleFlight<V>,
    wait: FillWait,
  ): Promise<V | typeof NONE | typeof LATE> {
    const run = joinable ?? (await past.next(key, wait.pause()))
    if (run === undefined) return NONE
    const late = wait.end().then((): typeof LATE => LATE)
    const { whenAnotherFails, copyOf } = this.#policy
    const result = whenAnotherFails === 'reject' ? run.result : run.result.catch((): typeof NONE => NONE)
    const value = await Promise.race([result, late])
    return isValue(value) ? copyOf(value) : value
  }

  /** Loads under a lease and fills, once for all who may share it. */
  #fill(reading: Reading<V, C>, fence: Fence): Promise<V | typeof NONE> {
    return this.#fills.run(reading.address.key, (run) => this.#fillUnderLease(reading, fence, run))
  }

  async #fillUnderLease(
    { address: { key }, source }: Reading<V, C>,
    fence: Fence,
    run: Run<V | typeof NONE>,
  ): Promise<V | typeof NONE> {
    const lease = await this.#slots.lease(key, fence)
    if (lease === 'down') {
      this.#counters.bypasses++
      return this.#load(source, run)
    }
    if (lease === undefined) return NONE
    run.token = lease.token
    let value: V
    try {
      value = await this.#load(source, run)
    } catch (error) {
      await this.#slots.release(key, lease.token)
      throw error
    }
    await this.#filler.fill(key, lease, value, source)
    return value
  }

  /** Loads past the cache, once for all of this process who came before; their errors are the same. */
  #bypass(reading: Reading<V, C>, found: Lookup<V>): Promise<V> {
    const { address, source } = reading
    const seen = found.kind === 'leased' ? found.fence : undefined
    return this.#past(this.#bypasses, reading, async (run) => {
      const value = await this.#load(source, run)
      await this.#filler.afterBypass(address.key, seen, value, source)
      return value
    })
  }

  #loadDown(reading: Reading<V, C>): Promise<V> {
    return this.#past(this.#downLoads, reading, (run) => this.#load(reading.source, run))
  }

  async #past(
    runs: SingleFlight<V>,
    { address: { key }, source, startedAt }: Reading<V, C>,
    work: (run: Run<V>) => Promise<V>,
  ): Promise<V> {
    this.#counters.bypasses++
    const other = runs.joinable(key, DOWN, startedAt)
    if (other === undefined) return runs.run(key, work)
    source.waits()
    return this.#policy.copyOf(await other.result)
  }

  #load(source: Source<V, C>, run: Pick<Run<unknown>, 'readAt'>): Promise<V> {
    return source.load(() => {
      run.readAt = this.tick()
    })
  }
}

function isValue<V>(value: V | typeof NONE | typeof LATE): value is Exclude<V, typeof NONE | typeof LATE> {
  return value !== NONE && value !== LATE
}
