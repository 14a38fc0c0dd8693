import type { Environment } from '@larder/memcached'
import type { StoredPart } from '@larder/storage-core'
import {
  DOWN,
  gather,
  type Lookup,
  type ReaderPolicy,
  SlotReader,
  type Slots,
  wavesOf,
} from '../coherence/index.js'
import type { StorageCounters } from '../counters.js'
import { copyOf, DurableReads, type PartAddress, type ReadDurable } from './durable-reads.js'
import type { PartCache } from './part-cache.js'
import type { Content, Found } from './part-form.js'
import { PartSource } from './part-source.js'
import type { Settings } from '../settings.js'

/** Reads parts: from the cache, else from the storage behind. */
export class PartReader {
  readonly #slots: Slots<Found, Content>
  readonly #reader: SlotReader<Found, Content>
  readonly #durable: DurableReads
  readonly #settings: Settings

  constructor(
    cache: PartCache,
    readDurable: ReadDurable,
    settings: Settings,
    env: Environment,
    counters: StorageCounters,
  ) {
    this.#slots = cache.slots
    this.#reader = new SlotReader(cache.slots, readerPolicy(cache, settings, counters), env, counters)
    this.#durable = new DurableReads(readDurable, env, counters)
    this.#settings = settings
  }

  read(address: PartAddress): Promise<Found> {
    const startedAt = this.#reader.tick()
    return this.#slots.lookUp(address).then((found) => this.#answer(address, found, startedAt))
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

  /** The part if the cache has it, without asking the storage behind for another. */
  async cached(address: PartAddress): Promise<StoredPart | 'missing' | 'unknown'> {
    const startedAt = this.#reader.tick()
    const found = await this.#slots.lookUp(address)
    if (found.kind !== 'fresh' && found.kind !== 'stale') return 'unknown'
    return (await this.#answer(address, found, startedAt)) ?? 'missing'
  }

  /** What was read past the cache must not be followed by something older out of it. Never rejects. */
  evictOlder(key: string, found: { readonly version: number } | undefined): Promise<void> {
    return this.#reader.evictOlder(key, found?.version ?? 0)
  }

  /** Waits for the refreshes that no caller waits for. */
  settled(): Promise<void> {
    return this.#reader.settled()
  }

  async #readWave(addresses: readonly PartAddress[]): Promise<Found[]> {
    const startedAt = this.#reader.tick()
    const found = await this.#slots.lookUpMany(addresses.map(({ key }) => key))
    return gather(addresses.map((address, i) => this.#answer(address, found[i] ?? DOWN, startedAt)))
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

  /** A promise only where the cache is not enough. */
  #answer(address: PartAddress, found: Lookup<Found>, startedAt: number): Found | Promise<Found> {
    this.#reader.count(found)
    if (found.kind === 'fresh') return found.value
    const source = new PartSource(address, this.#durable, this.#settings)
    return this.#reader.resolve(address, found, startedAt, source)
  }
}

/** Each reader gets an answer of the storage or its own error; none waits for another while a server is down. */
function readerPolicy(
  cache: PartCache,
  { fillWaitMs }: Settings,
  counters: StorageCounters,
): ReaderPolicy<Found> {
  const evictOlder = async (key: string, version: number) => {
    if (await cache.evictOlder(key, version)) counters.helps++
  }
  const order = { versionOf: (part: Found) => part?.version ?? 0, evictOlder }
  return { fillWaitMs, whenAnotherFails: 'look again', whileDown: 'load', order, copyOf }
}
