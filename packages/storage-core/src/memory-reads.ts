import type { DriverCall, ListRequest, ListRows } from './storage-driver.js'
import { frequentTurn } from './event-loop.js'
import { pageOfRows } from './memory-listing.js'
import type { MemoryPart, MemoryTables } from './memory-tables.js'
import { etagOf, type PartName, type PartStream, type ResourceInfo, type StoredPart } from './resource.js'

/** The calls of a driver that read tables in memory. */
export class MemoryReads {
  readonly #tables: MemoryTables
  readonly #takesTurns: boolean

  /** `takesTurns`: not where a simulated time decides what happens when. */
  constructor(tables: MemoryTables, takesTurns: boolean) {
    this.#tables = tables
    this.#takesTurns = takesTurns
  }

  /** Calls that are awaited one after the other let timers and sockets have their turn. */
  protected turn(): Promise<void> | undefined {
    return this.#takesTurns ? frequentTurn() : undefined
  }

  async createContainer(collection: string): Promise<void> {
    this.#tables.create(collection)
  }

  async read(
    infos: readonly ResourceInfo[],
    part: PartName,
    _call: DriverCall,
  ): Promise<(StoredPart | undefined)[]> {
    const turn = this.turn()
    return turn === undefined ? this.#read(infos, part) : this.#readAfter(turn, infos, part)
  }

  async #readAfter(
    turn: Promise<void>,
    infos: readonly ResourceInfo[],
    part: PartName,
  ): Promise<(StoredPart | undefined)[]> {
    await turn
    return this.#read(infos, part)
  }

  #read(infos: readonly ResourceInfo[], part: PartName): (StoredPart | undefined)[] {
    return infos.map((info) => {
      const found = this.#tables.get(info)?.parts[part]
      return found && { ...partInfo(found), bytes: Buffer.from(found.bytes) }
    })
  }

  async openContent(info: ResourceInfo, _call: DriverCall): Promise<PartStream | undefined> {
    const turn = this.turn()
    if (turn !== undefined) await turn
    const found = this.#tables.get(info)?.parts.content
    return found && { ...partInfo(found), stream: once(new Uint8Array(found.bytes)) }
  }

  async containerExists(collection: string, _call: DriverCall): Promise<boolean> {
    return this.#tables.has(collection)
  }

  async exists(info: ResourceInfo, part: PartName | undefined, _call: DriverCall): Promise<boolean> {
    const turn = this.turn()
    if (turn !== undefined) await turn
    const parts = this.#tables.get(info)?.parts
    return parts !== undefined && (part === undefined || parts[part] !== undefined)
  }

  async list({ collection, ext, order, limit, after }: ListRequest, _call: DriverCall): Promise<ListRows> {
    const turn = this.turn()
    if (turn !== undefined) await turn
    const rows = [...this.#tables.members(collection)]
      .filter(([name]) => ext === undefined || name.endsWith(ext))
      .map(([name, { version, modifiedAtMs }]) => ({ name, version, modifiedAt: new Date(modifiedAtMs) }))
    return pageOfRows(rows, { order, limit, after })
  }
}

function partInfo({ version, bytes, modifiedAtMs }: MemoryPart): Omit<StoredPart, 'bytes'> {
  return { version, etag: etagOf(version), size: bytes.length, modifiedAt: new Date(modifiedAtMs) }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
