import { isStorageError, type Storage, type StoredPart, type WriteResult } from '@larder/storage-core'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.js'
import { type Begun, clockUs, type Ended, type Line, type Seen } from './messages.js'
import type { Program, Written } from './program.js'
import { COUNTERS, NOTED, PAIR, WAYS, writeTogether } from './raised.js'
import { longValue, nameOfValue } from './values.js'

/** New collections begin so often: cold keys, first creates and first listings keep coming. */
const EPOCH_US = 8_000_000
const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
const LONGEST_PAUSE_MS = 4

export interface LaneWorld {
  readonly storage: Storage
  readonly chance: Chance
  /** Values longer than this are kept in pieces. */
  readonly itemLimitBytes: number
  readonly say: (line: Line) => void
  readonly isTroubledSince: (startedAt: number) => boolean
  readonly unconfirmedWrites: () => number
  /** Undefined in a process that has no tables of its own. */
  readonly program: Program | undefined
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
    else if (dice < 0.97) await this.#raise(COUNTERS.collection, [this.#world.chance.pick(COUNTERS.names)])
    else if (dice < 0.985 || this.#world.program === undefined) await this.#raise(PAIR.collection, PAIR.names)
    else await this.#raise(NOTED.collection, NOTED.names)
  }

  #readOne(collection: string, name: string): Promise<void> {
    return this.#doing([{ kind: 'read', collection, name }], async () => [
      { reads: [await this.#get(collection, name)] },
    ])
  }

  #readAll(collection: string): Promise<void> {
    const { storage } = this.#world
    return this.#doing([{ kind: 'read', collection }], async () => {
      const parts = await storage.getMany(NAMES.map((name) => storage.info(collection, name)))
      return [{ reads: NAMES.map((name, i) => seen(name, parts[i])) }]
    })
  }

  #write(collection: string, name: string): Promise<void> {
    const { storage, chance } = this.#world
    const value = this.#nextId()
    const content = longValue(value, this.#length())
    // Both ways to write a content: alone, and with what may be beside it.
    const put = async (): Promise<Written> =>
      confirmed(
        chance.next() < 0.5
          ? await storage.putContent(storage.info(collection, name), content)
          : await storage.put(storage.info(collection, name), { content }),
      )
    return this.#doing([{ kind: 'write', collection, name, value }], () => this.#written(put))
  }

  #remove(collection: string, name: string): Promise<void> {
    const { storage } = this.#world
    const remove = async (): Promise<Written> =>
      confirmed(await storage.remove(storage.info(collection, name)))
    return this.#doing([{ kind: 'remove', collection, name }], () => this.#written(remove))
  }

  #list(collection: string): Promise<void> {
    const { storage } = this.#world
    return this.#doing([{ kind: 'list', collection }], async () => [
      { names: [...(await storage.ls(collection)).keys()] },
    ])
  }

  /** Reads numbers, and writes the next ones together on the condition that none has changed. */
  async #raise(collection: string, names: readonly string[]): Promise<void> {
    const { storage } = this.#world
    const infos = names.map((name) => storage.info(collection, name))
    let found: readonly (StoredPart | undefined)[] | undefined
    await this.#doing([{ kind: 'read', collection }], async () => {
      const parts = await storage.getMany(infos)
      found = parts
      return [{ reads: names.map((name, i) => seen(name, parts[i])) }]
    })
    if (found === undefined) return
    const id = this.#nextId()
    const writes = infos.map((info, i) => {
      const part = found?.[i]
      const count = part === undefined ? 0 : Number.parseInt(part.bytes.toString(), 10)
      const condition = part === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: part.etag }
      return { info, value: `${count + 1} by ${id}`, condition }
    })
    const given = writes.map(({ info, value, condition }) => ({
      info,
      content: longValue(value, 8),
      ...condition,
    }))
    const way = collection === NOTED.collection ? 'within' : this.#world.chance.pick(WAYS)
    const raise = () =>
      writeTogether(this.#world, given, way, collection === NOTED.collection ? id : undefined)
    const doing = names.map((name, i) => ({
      kind: 'write' as const,
      collection,
      name,
      value: writes[i]?.value,
    }))
    await this.#doing(doing, async () => {
      const done = await this.#written(raise)
      return done.map((each, i) => ({ ...each, raised: names[i] }))
    })
  }

  async #written(write: () => Promise<Written>): Promise<Done[]> {
    const before = this.#world.unconfirmedWrites()
    const { results, cacheInvalidated } = await write()
    const unconfirmed = this.#world.unconfirmedWrites() > before || !cacheInvalidated
    return results.map(({ version, changed, created }) => ({
      written: { version, changed, created, unconfirmed },
    }))
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

  /** One call, which may be several operations at once. */
  async #doing(what: readonly Doing[], act: () => Promise<readonly Done[]>): Promise<void> {
    const { say, isTroubledSince } = this.#world
    const startedAt = performance.now()
    const ids = what.map(() => this.#nextId())
    for (const [i, each] of what.entries()) say({ say: 'begun', id: ids[i] ?? '', ...each, start: clockUs() })
    try {
      const done = await act()
      const end = clockUs()
      const troubled = isTroubledSince(startedAt)
      for (const [i, id] of ids.entries()) say({ say: 'ended', id, end, ...done[i], troubled })
    } catch (error) {
      const { code, message, stack } = error as Error & { code?: string }
      const told = isStorageError(error)
        ? { code: code ?? '', message }
        : { code: 'UNEXPECTED', message: stack ?? message }
      for (const id of ids) say({ say: 'failed', id, end: clockUs(), ...told })
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

function confirmed(result: WriteResult): Written {
  return { results: [result], cacheInvalidated: true }
}

function seen(name: string, part: { readonly bytes: Buffer; readonly version: number } | undefined): Seen {
  return part === undefined
    ? { name }
    : { name, version: part.version, value: nameOfValue(part.bytes.toString()) }
}
