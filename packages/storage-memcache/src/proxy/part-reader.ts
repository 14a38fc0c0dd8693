import type { StoredPart } from '@larder/storage-core'
import type { CasToken } from '../cache.js'
import type { StorageCounters } from './counters.js'
import { copyOf, DurableReads, type PartAddress, type ReadDurable } from './durable-reads.js'
import type { Environment } from '../environment.js'
import { Filler } from './filler.js'
import type { PartCache } from './part-cache.js'
import type { Look } from './part-codec.js'
import { Refresher } from './refresher.js'
import type { Settings } from './settings.js'

/** A read of the storage behind that fills the cache, shared by all readers that may see its result. */
interface Load {
  /** The tick of `#clock` when the storage behind was asked; undefined before. */
  readonly readAt: number | undefined
  readonly token: CasToken | undefined
  /** `'taken'`: another item stood where the lease was to be. */
  readonly result: Promise<StoredPart | undefined | 'taken'>
}

/** A promise only where the cache is not enough. */
type Answer = StoredPart | undefined | Promise<StoredPart | undefined>

type Mutable<T> = { -readonly [name in keyof T]: T[name] }

const DOWN: Look = Object.freeze({ kind: 'down' })
const PENDING = new Promise<never>(() => undefined)

/** What a reader does: look, else fill under a lease, else read past the cache and help. */
export class PartReader {
  readonly #cache: PartCache
  readonly #durable: DurableReads
  readonly #filler: Filler
  readonly #refresher: Refresher
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  readonly #loads = new Map<string, Load>()
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
    this.#durable = new DurableReads(readDurable, env, counters, () => ++this.#clock)
    this.#filler = new Filler(cache, counters)
    this.#refresher = new Refresher(cache, this.#durable, this.#filler, settings, env, counters)
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  read(address: PartAddress): Promise<StoredPart | undefined> {
    const startedAt = ++this.#clock
    return this.#cache.look(address.key).then((look) => this.#answer(address, look, startedAt))
  }

  /** Answers in the order of the addresses; a part that is asked for twice is copied. */
  async readMany(addresses: readonly PartAddress[]): Promise<(StoredPart | undefined)[]> {
    const startedAt = ++this.#clock
    const unique = new Map(addresses.map((address) => [address.key, address]))
    const looks = await this.#cache.lookMany([...unique.keys()])
    const answers = new Map<string, Answer>()
    for (const [key, address] of unique) {
      answers.set(key, this.#answer(address, looks.get(key) ?? DOWN, startedAt))
    }
    const found = await gathered(addresses.map(({ key }) => answers.get(key)))
    return unique.size === addresses.length ? [...found] : copyRepeated(addresses, found)
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

  /** What the cache knows of a part, without its bytes and without asking the storage behind. */
  async peek(key: string): Promise<'exists' | 'missing' | 'unknown'> {
    const kind = await this.#cache.kindOf(key)
    return kind === 'value' || kind === 'split' ? 'exists' : kind === 'absent' ? 'missing' : 'unknown'
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

  async #miss(address: PartAddress, look: Look, startedAt: number): Promise<StoredPart | undefined> {
    const giveUpAt = this.#env.now() + this.#settings.fillWaitMs
    let found = look
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 32)) {
      if (found.kind === 'value' || found.kind === 'stale') return found.part
      if (found.kind === 'absent') return undefined
      if (found.kind === 'mark') return this.#bypass(address, startedAt)
      if (found.kind === 'down') return this.#readBehind(address, startedAt)
      const load = this.#loads.get(address.key)
      if (load !== undefined && maySee(load, found, startedAt)) {
        const result = await this.#join(load, giveUpAt)
        if (result === 'late') return this.#bypass(address, startedAt)
        if (result !== 'taken') return copyOf(result)
      } else if (found.kind === 'none') {
        const result = await this.#load(address)
        if (result !== 'taken') return result
      } else {
        const leftMs = giveUpAt - this.#env.now()
        if (leftMs <= 0) return this.#bypass(address, startedAt)
        await this.#env.sleep(Math.min(leftMs, pauseMs * (0.5 + this.#env.random())))
      }
      found = await this.#cache.look(address.key)
    }
  }

  /** What another reader's load brings. `'late'`: not in time. One that fails is no answer: the next look decides. */
  async #join(load: Load, giveUpAt: number): Promise<StoredPart | undefined | 'taken' | 'late'> {
    const leftMs = Math.max(0, giveUpAt - this.#env.now())
    const late = this.#env.idle(leftMs).then(() => 'late' as const)
    return Promise.race([load.result.catch(() => 'taken' as const), late])
  }

  /** Reads the storage behind under a lease and fills, once for all who may share it. */
  async #load(address: PartAddress): Promise<StoredPart | undefined | 'taken'> {
    const { key } = address
    // Another load of this key began before this reader did; what it reads may be older than this reader may see.
    if (this.#loads.has(key)) return this.#fillUnderLease(address, undefined)
    const load: Mutable<Load> = { readAt: undefined, token: undefined, result: PENDING }
    this.#loads.set(key, load)
    load.result = this.#fillUnderLease(address, load)
    try {
      return await load.result
    } finally {
      this.#loads.delete(key)
    }
  }

  async #fillUnderLease(
    address: PartAddress,
    load: Mutable<Load> | undefined,
  ): Promise<StoredPart | undefined | 'taken'> {
    const { key } = address
    let token: CasToken | undefined
    try {
      token = await this.#cache.lease(key)
    } catch {
      this.#counters.cacheErrors++
      return this.#readBehind(address, ++this.#clock)
    }
    if (token === undefined) return 'taken'
    if (load !== undefined) {
      load.token = token
      load.readAt = ++this.#clock
    }
    let part: StoredPart | undefined
    try {
      part = await this.#durable.read(address)
    } catch (error) {
      await this.#cache.release(key, token)
      throw error
    }
    await this.#filler.fill(key, token, part)
    return part
  }

  async #bypass(address: PartAddress, startedAt: number): Promise<StoredPart | undefined> {
    const part = await this.#readBehind(address, startedAt)
    await this.help(address.key, part)
    return part
  }

  #readBehind(address: PartAddress, startedAt: number): Promise<StoredPart | undefined> {
    this.#counters.bypasses++
    return this.#durable.readShared(address, startedAt)
  }
}

/**
 * A load may answer a reader that began before the storage behind was asked; and also one that has just seen the
 * load's own lease standing, since no write can have begun to commit while it stood.
 */
function maySee(load: Load, found: Look, startedAt: number): boolean {
  if (load.readAt === undefined || load.readAt > startedAt) return true
  return found.kind === 'lease' && load.token?.equals(found.token) === true
}

type Found = readonly (StoredPart | undefined)[]

/** Waits only where there is something to wait for. */
function gathered(answers: readonly Answer[]): Found | Promise<Found> {
  const isPending = answers.some((answer) => answer instanceof Promise)
  return isPending ? Promise.all(answers.map(async (answer) => answer)) : (answers as Found)
}

function copyRepeated(
  addresses: readonly PartAddress[],
  found: readonly (StoredPart | undefined)[],
): (StoredPart | undefined)[] {
  const seen = new Set<string>()
  return found.map((part, i) => {
    const key = addresses[i]?.key ?? ''
    if (seen.has(key)) return copyOf(part)
    seen.add(key)
    return part
  })
}
