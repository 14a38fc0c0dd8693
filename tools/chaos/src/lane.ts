import { isStorageError, type Storage, type WriteResult } from '@larder/storage-core'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.js'
import { type Begun, clockUs, type Ended, type Line, type Seen } from './messages.js'
import { longValue, nameOfValue } from './values.js'

/** New collections begin so often: cold keys, first creates and first listings keep coming. */
const EPOCH_US = 8_000_000
const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
/** Resources whose value is a number that is only ever raised by one, on the condition that nobody else has. */
export const COUNTERS = { collection: 'counters', names: ['x', 'y'] } as const
const LONGEST_PAUSE_MS = 4

export interface LaneWorld {
  readonly storage: Storage
  readonly chance: Chance
  /** Values longer than this are kept in pieces. */
  readonly itemLimitBytes: number
  readonly say: (line: Line) => void
  readonly isTroubledSince: (startedAt: number) => boolean
  readonly unconfirmedWrites: () => number
}

type Doing = Omit<Begun, 'id' | 'start'>
type Done = Pick<Ended, 'reads' | 'names' | 'written' | 'raised'>

/** Does one thing after another, as a request handler would, and says what came of each. */
export class Lane {
  readonly #world: LaneWorld
  readonly #id: string
  #count = 0
  #ended = false

  constructor(world: LaneWorld, id: string) {
    this.#world = world
    this.#id = id
  }

  end(): void {
    this.#ended = true
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      await this.#act()
      await sleep(this.#world.chance.next() * LONGEST_PAUSE_MS)
    }
  }

  async #act(): Promise<void> {
    const dice = this.#world.chance.next()
    const collection = `c${Math.floor(clockUs() / EPOCH_US)}`
    const name = this.#world.chance.pick(NAMES)
    if (dice < 0.4) await this.#readOne(collection, name)
    else if (dice < 0.55) await this.#readAll(collection)
    else if (dice < 0.78) await this.#write(collection, name)
    else if (dice < 0.84) await this.#remove(collection, name)
    else if (dice < 0.92) await this.#list(collection)
    else await this.#raise(this.#world.chance.pick(COUNTERS.names))
  }

  #readOne(collection: string, name: string): Promise<void> {
    return this.#doing({ kind: 'read', collection, name }, async () => ({
      reads: [await this.#get(collection, name)],
    }))
  }

  #readAll(collection: string): Promise<void> {
    const { storage } = this.#world
    return this.#doing({ kind: 'read', collection }, async () => {
      const parts = await storage.getMany(NAMES.map((name) => storage.info(collection, name)))
      return { reads: NAMES.map((name, i) => seen(name, parts[i])) }
    })
  }

  #write(collection: string, name: string): Promise<void> {
    const { storage, chance } = this.#world
    const value = this.#nextId()
    const content = longValue(value, this.#length())
    // Both ways to write a content: alone, and with what may be beside it.
    const put = (): Promise<WriteResult> =>
      chance.next() < 0.5
        ? storage.putContent(storage.info(collection, name), content)
        : storage.put(storage.info(collection, name), { content })
    return this.#doing({ kind: 'write', collection, name, value }, () => this.#written(put))
  }

  #remove(collection: string, name: string): Promise<void> {
    const { storage } = this.#world
    const remove = (): Promise<WriteResult> => storage.remove(storage.info(collection, name))
    return this.#doing({ kind: 'remove', collection, name }, () => this.#written(remove))
  }

  #list(collection: string): Promise<void> {
    const { storage } = this.#world
    return this.#doing({ kind: 'list', collection }, async () => ({
      names: [...(await storage.ls(collection)).keys()],
    }))
  }

  /** Reads a number, and writes the next one on the condition that it has not changed. */
  async #raise(name: string): Promise<void> {
    const { storage } = this.#world
    const { collection } = COUNTERS
    const info = storage.info(collection, name)
    let etag: string | undefined
    let count: number | undefined
    await this.#doing({ kind: 'read', collection, name }, async () => {
      const [part] = await storage.getMany([info])
      etag = part?.etag
      count = part === undefined ? 0 : Number.parseInt(part.bytes.toString(), 10)
      return { reads: [seen(name, part)] }
    })
    if (count === undefined) return
    const value = `${count + 1} by ${this.#nextId()}`
    const condition = etag === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: etag }
    const put = (): Promise<WriteResult> => storage.putContent(info, longValue(value, 8), condition)
    await this.#doing({ kind: 'write', collection, name, value }, async () => ({
      ...(await this.#written(put)),
      raised: name,
    }))
  }

  async #written(write: () => Promise<WriteResult>): Promise<Done> {
    const before = this.#world.unconfirmedWrites()
    const { version, changed, created } = await write()
    const unconfirmed = this.#world.unconfirmedWrites() > before
    return { written: { version, changed, created, unconfirmed } }
  }

  async #get(collection: string, name: string): Promise<Seen> {
    const { storage } = this.#world
    try {
      return seen(name, await storage.getContent(storage.info(collection, name)))
    } catch (error) {
      if (isStorageError(error, 'E_NOT_FOUND')) return { name }
      throw error
    }
  }

  async #doing(what: Doing, act: () => Promise<Done>): Promise<void> {
    const { say, isTroubledSince } = this.#world
    const id = this.#nextId()
    const startedAt = performance.now()
    say({ say: 'begun', id, ...what, start: clockUs() })
    try {
      const done = await act()
      say({ say: 'ended', id, end: clockUs(), ...done, troubled: isTroubledSince(startedAt) })
    } catch (error) {
      const { code, message, stack } = error as Error & { code?: string }
      const told = isStorageError(error)
        ? { code: code ?? '', message }
        : { code: 'UNEXPECTED', message: stack ?? message }
      say({ say: 'failed', id, end: clockUs(), ...told })
    }
  }

  /** Most values are short; some fill much of an item, and some take several. */
  #length(): number {
    const { chance, itemLimitBytes } = this.#world
    const dice = chance.next()
    if (dice < 0.8) return chance.between(1, 200)
    return dice < 0.95
      ? chance.between(200, itemLimitBytes / 2)
      : chance.between(itemLimitBytes, itemLimitBytes * 3)
  }

  #nextId(): string {
    return `${this.#id}.${++this.#count}`
  }
}

function seen(name: string, part: { readonly bytes: Buffer; readonly version: number } | undefined): Seen {
  return part === undefined
    ? { name }
    : { name, version: part.version, value: nameOfValue(part.bytes.toString()) }
}
