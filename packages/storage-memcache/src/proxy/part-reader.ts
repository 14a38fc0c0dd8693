import type { CasToken, Environment } from '@larder/memcached'
import type { StoredPart } from '@larder/storage-core'
import type { StorageCounters } from './counters.js'
import { copyOf, DurableReads, type PartAddress, type ReadDurable } from './durable-reads.js'
import { Filler } from './filler.js'
import { type Flight, Flights } from './flights.js'
import type { PartCache } from './part-cache.js'
import type { Look } from './part-codec.js'
import { gather, wavesOf } from './promises.js'
import { Refresher } from './refresher.js'
import type { Settings } from './settings.js'

type Found = StoredPart | undefined

/** A promise only where the cache is not enough. */
type Answer = Found | Promise<Found>

/** `'taken'`: another item stood where the lease was to be. */
type Loaded = Found | 'taken'

const DOWN: Look = Object.freeze({ kind: 'down' })

/** What a reader does: look, else fill under a lease, else read past the cache and help. */
export class PartReader {
  readonly #cache: PartCache
  readonly #durable: DurableReads
  readonly #filler: Filler
  readonly #refresher: Refresher
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  /** Reads that fill the cache. */
  readonly #loads = new Flights<Loaded>('first')
  /** Reads past it, of those who have waited long enough or met a writer. */
  readonly #bypasses = new Flights<Found>('last')
  /** The same without a word to the cache, also of those whom it did not answer. */
  readonly #reads = new Flights<Found>('last')
  /** Counts events of this process, to tell whether a read of the storage behind began after a reader did. */
  #clock = 0

  constructor(
    cache: PartCache,
    readDurable: ReadDurable,
    settings: Settings,
    env: Environment,
    counters: StorageCounters,
  ) {
    this.#cache = cache
    this.#durable = new DurableReads(readDurable, env, counters)
    this.#filler = new Filler(cache, counters)
    this.#refresher = new Refresher(cache, this.#durable, this.#filler, settings, env, counters)
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  read(address: PartAddress): Promise<Found> {
    const startedAt = ++this.#clock
    return this.#cache.look(address.key).then((look) => this.#answer(address, look, startedAt))
  }

  /** Answers in the order of the addresses; a part that is asked for twice is copied. */
  async readMany(addresses: readonly PartAddress[]): Promise<Found[]> {
    const keys = addresses.map(({ key }) => key)
    if (new Set(keys).size < keys.length) return this.#readRepeated(addresses)
    const found: Found[] = []
    for (const wave of wavesOf(addresses)) {
      for (const part of await this.#readWave(wave)) found.push(part)
    }
    return found
  }

  async #readWave(addresses: readonly PartAddress[]): Promise<Found[]> {
    const startedAt = ++this.#clock
    const looks = await this.#cache.lookMany(addresses.map(({ key }) => key))
    return gather(addresses.map((address, i) => this.#answer(address, looks[i] ?? DOWN, startedAt)))
  }

  async #readRepeated(addresses: readonly PartAddress[]): Promise<Found[]> {
    const unique = new Map(addresses.map((address) => [address.key, address]))
    const found = await this.readMany([...unique.values()])
    const left = new Map(Array.from(unique.keys(), (key, i) => [key, found[i]]))
    const taken = new Set<string>()
    return addresses.map(({ key }) => {
      const part = left.get(key)
      if (taken.has(key)) return copyOf(part)
      taken.add(key)
      return part
    })
  }

  #answer(address: PartAddress, look: Look, startedAt: number): Answer {
    if (look.kind === 'value' || look.kind === 'absent') {
      this.#counters.hits++
      return look.kind === 'value' ? look.part : undefined
    }
    if (look.kind === 'stale') return this.#refresher.answer(address, look)
    this.#counters.misses++
    return this.#miss(address, look, startedAt)
  }

  /** The part if the cache has it, without asking the storage behind for another. */
  async cached(address: PartAddress): Promise<StoredPart | 'missing' | 'unknown'> {
    const look = await this.#cache.look(address.key)
    if (look.kind === 'stale') return (await this.#refresher.answer(address, look)) ?? 'missing'
    if (look.kind === 'value' || look.kind === 'absent') this.#counters.hits++
    return look.kind === 'value' ? look.part : look.kind === 'absent' ? 'missing' : 'unknown'
  }

  /** What was read past the cache must not be followed by something older out of it. Never rejects. */
  help(key: string, found: { readonly version: number } | undefined): Promise<void> {
    return this.#filler.help(key, found)
  }

  /** Waits for what goes on behind the backs of readers. */
  settled(): Promise<void> {
    return this.#refresher.settled()
  }

  async #miss(address: PartAddress, look: Look, startedAt: number): Promise<Found> {
    const { key } = address
    const giveUpAt = this.#env.now() + this.#settings.fillWaitMs
    let found = look
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 32)) {
      if (found.kind === 'value' || found.kind === 'stale') return found.part
      if (found.kind === 'absent') return undefined
      if (found.kind === 'mark') return this.#bypass(address, found, startedAt)
      if (found.kind === 'down') return this.#readBehind(address, startedAt)
      const load = this.#loads.visible(key, found, startedAt)
      if (load === undefined && found.kind === 'none') {
        const result = await this.#load(address)
        if (result !== 'taken') return result
        if (this.#env.now() >= giveUpAt) return this.#bypass(address, found, startedAt)
      } else {
        const result = await this.#wait(key, load, giveUpAt, pauseMs)
        if (result === 'late') return this.#bypass(address, found, startedAt)
        if (result !== 'taken') return copyOf(result)
      }
      found = await this.#cache.look(key)
    }
  }

  /**
   * What another read of this process brings, if one begins within a pause; else, and where it fails, the next look
   * decides.
   */
  async #wait(
    key: string,
    load: Flight<Loaded> | undefined,
    giveUpAt: number,
    pauseMs: number,
  ): Promise<Loaded | 'late'> {
    const leftMs = () => giveUpAt - this.#env.now()
    if (leftMs() <= 0) return 'late'
    const pause = () => this.#env.sleep(Math.min(leftMs(), pauseMs * (0.5 + this.#env.random())))
    const flight = load ?? (await this.#bypasses.next(key, pause()))
    if (flight === undefined) return 'taken'
    const late = this.#env.idle(Math.max(0, leftMs())).then(() => 'late' as const)
    return Promise.race([flight.result.catch(() => 'taken' as const), late])
  }

  /** Reads the storage behind under a lease and fills, once for all who may share it. */
  #load(address: PartAddress): Promise<Loaded> {
    return this.#loads.fly(address.key, (flight) => this.#fillUnderLease(address, flight))
  }

  async #fillUnderLease(address: PartAddress, flight: Flight<Loaded>): Promise<Loaded> {
    const { key } = address
    let token: CasToken | undefined
    try {
      token = await this.#cache.lease(key)
    } catch {
      this.#counters.cacheErrors++
      flight.readAt = ++this.#clock
      return this.#readBehind(address, flight.readAt)
    }
    if (token === undefined) return 'taken'
    flight.token = token
    flight.readAt = ++this.#clock
    let part: Found
    try {
      part = await this.#durable.read(address)
    } catch (error) {
      await this.#cache.release(key, token)
      throw error
    }
    await this.#filler.fill(key, token, part)
    return part
  }

  /** Reads past the cache, once for all of this process who came before; their errors are the same. */
  async #bypass(address: PartAddress, found: Look, startedAt: number): Promise<Found> {
    const { key } = address
    const other = this.#bypasses.visible(key, found, startedAt)
    if (other !== undefined) {
      this.#counters.bypasses++
      return copyOf(await other.result)
    }
    return this.#bypasses.fly(key, async (flight) => {
      flight.readAt = ++this.#clock
      // Who shares this flight came before now, but may have come behind a read that is under way already.
      const part = await this.#readBehind(address, flight.readAt)
      await this.help(key, part)
      return part
    })
  }

  async #readBehind(address: PartAddress, startedAt: number): Promise<Found> {
    this.#counters.bypasses++
    const other = this.#reads.visible(address.key, DOWN, startedAt)
    if (other !== undefined) return copyOf(await other.result)
    return this.#reads.fly(address.key, (flight) => {
      flight.readAt = ++this.#clock
      return this.#durable.read(address)
    })
  }
}
