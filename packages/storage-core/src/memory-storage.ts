import { throwIfAborted } from './abort.js'
import type { PartChange, ListRequest, ListRow, ListRows, StorageDriver, WriteRequest } from './driver.js'
import { DrivenStorage } from './driven-storage.js'
import { StorageError } from './errors.js'
import { defaultKeyGenerator, type KeyGenerator } from './key-generator.js'
import { KeyedMutex } from './keyed-mutex.js'
import { MemoryJournal } from './memory-journal.js'
import { compareNames } from './names.js'
import { checkOptionNames, type NamesOf } from './option-names.js'
import { assertConditions } from './preconditions.js'
import {
  etagOf,
  PART_NAMES,
  type PartName,
  type PartStream,
  type ResourceInfo,
  type StoredPart,
} from './resource.js'
import type { StorageFeatures, WriteResult } from './storage.js'

/** What `MemoryStorage` can be told. */
export interface MemoryStorageOptions {
  readonly keyGenerator?: KeyGenerator | undefined
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined
}

const OPTION_NAMES: NamesOf<MemoryStorageOptions> = Object.freeze({ keyGenerator: true, now: true })

/** The reference implementation: everything in this process, gone with it. */
export class MemoryStorage extends DrivenStorage {
  /** Throws `TypeError` for an option that there is not. */
  constructor(options: MemoryStorageOptions = {}) {
    checkOptionNames('MemoryStorage', options, OPTION_NAMES)
    super(new MemoryDriver(options))
  }
}

interface Part {
  readonly bytes: Uint8Array
  readonly version: number
  readonly modifiedAtMs: number
}

interface Resource {
  readonly parts: { readonly [part in PartName]?: Part }
  readonly version: number
  readonly modifiedAtMs: number
}

type Collection = Map<string, Resource>

class MemoryDriver implements StorageDriver {
  readonly system = 'memory'
  readonly supports: StorageFeatures = Object.freeze({
    durable: false,
    atomicParts: true,
    transactions: true,
    journal: true,
    streams: false,
    orderByModified: true,
  })
  readonly keyOf: KeyGenerator
  readonly #now: () => number
  readonly #collections = new Map<string, Collection>()
  readonly #rows = new KeyedMutex()
  readonly #journal: MemoryJournal
  #lastVersion = 0

  constructor({ keyGenerator = defaultKeyGenerator, now = Date.now }: MemoryStorageOptions) {
    this.keyOf = keyGenerator
    this.#now = now
    this.#journal = new MemoryJournal(now)
  }

  async createContainer(collection: string): Promise<void> {
    this.#collection(collection)
  }

  async read(infos: readonly ResourceInfo[], part: PartName): Promise<(StoredPart | undefined)[]> {
    return infos.map((info) => {
      const found = this.#resource(info)?.parts[part]
      return found && { ...partInfo(found), bytes: Buffer.from(found.bytes) }
    })
  }

  async openContent(info: ResourceInfo): Promise<PartStream | undefined> {
    const found = this.#resource(info)?.parts.content
    return found && { ...partInfo(found), stream: once(new Uint8Array(found.bytes)) }
  }

  async write(request: WriteRequest, { signal }: { signal: AbortSignal | undefined }): Promise<WriteResult> {
    const { info, changes, conditions, transaction } = request
    // The row's lock: a hook may wait, and no other write of the resource may pass it.
    const release = await this.#rows.acquire(JSON.stringify([info.collection, info.resource]), signal)
    try {
      const before = this.#resource(info)?.parts ?? {}
      assertConditions(info, conditions, (part) => before[part]?.version)
      const written = PART_NAMES.filter((part) => changes[part] !== undefined && changes[part] !== 'remove')
      const removed = PART_NAMES.filter((part) => changes[part] === 'remove' && before[part] !== undefined)
      const modifiedAtMs = this.#now()
      if (written.length + removed.length === 0) return unchanged(modifiedAtMs)
      const version = this.#nextVersion()
      const after = apply(before, changes, version, modifiedAtMs)
      const created = isEmpty(before)
      const emptied = isEmpty(after)
      if (transaction !== undefined) {
        const terms = await transaction.beforeCommit({ info, version, written, removed, created, emptied })
        throwIfAborted(signal, info.key)
        if (terms?.commitBefore !== undefined && performance.now() >= terms.commitBefore) {
          throw new StorageError('E_TIMEOUT', 'The transaction outlived the time it was given', {
            key: info.key,
          })
        }
      }
      this.#store(info, after, version, modifiedAtMs)
      const journalId = transaction?.journal && this.#journal.insert(transaction.journal, version)
      return {
        changed: true,
        version,
        etag: etagOf(version),
        modifiedAt: new Date(modifiedAtMs),
        created,
        emptied,
        journalId,
      }
    } finally {
      release()
    }
  }

  async containerExists(collection: string): Promise<boolean> {
    return this.#collections.has(collection)
  }

  async exists(info: ResourceInfo, part: PartName | undefined): Promise<boolean> {
    const parts = this.#resource(info)?.parts
    return parts !== undefined && (part === undefined || parts[part] !== undefined)
  }

  async list({ collection, ext, order, limit, after }: ListRequest): Promise<ListRows> {
    const rows = [...this.#collection(collection)]
      .filter(([name]) => ext === undefined || name.endsWith(ext))
      .map(([name, { version, modifiedAtMs }]) => ({ name, version, modifiedAt: new Date(modifiedAtMs) }))
      .sort(comparison(order))
    const start = after === undefined ? 0 : startBehind(rows, parsePosition(after), comparison(order))
    const page = rows.slice(start, start + limit)
    const first = page[0]
    const last = start + limit < rows.length ? page.at(-1) : undefined
    return { rows: page, next: last && positionOf(last), first: first && positionOf(first) }
  }

  async settle(journalIds: readonly string[]): Promise<void> {
    this.#journal.settle(journalIds)
  }

  unsettled(...args: Parameters<MemoryJournal['unsettled']>): Promise<number> {
    return this.#journal.unsettled(...args)
  }

  async close(): Promise<void> {
    this.#collections.clear()
  }

  #collection(name: string): Collection {
    let collection = this.#collections.get(name)
    if (collection === undefined) this.#collections.set(name, (collection = new Map<string, Resource>()))
    return collection
  }

  #resource({ collection, resource = '' }: ResourceInfo): Resource | undefined {
    return this.#collections.get(collection)?.get(resource)
  }

  #store(
    { collection, resource = '' }: ResourceInfo,
    parts: Resource['parts'],
    version: number,
    at: number,
  ): void {
    const members = this.#collection(collection)
    if (isEmpty(parts)) members.delete(resource)
    else members.set(resource, { parts, version, modifiedAtMs: at })
  }

  /** One counter for all, begun at the clock, so that a new process goes on above what the last one gave out. */
  #nextVersion(): number {
    this.#lastVersion = Math.max(this.#lastVersion + 1, Math.floor(this.#now() * 1_000))
    return this.#lastVersion
  }
}

function apply(
  before: Resource['parts'],
  changes: WriteRequest['changes'],
  version: number,
  at: number,
): Resource['parts'] {
  const after: { [part in PartName]?: Part } = { ...before }
  for (const part of PART_NAMES) {
    const change = changes[part]
    if (change === 'remove') delete after[part]
    else if (change !== undefined)
      after[part] = { bytes: new Uint8Array(bytesOf(change)), version, modifiedAtMs: at }
  }
  return after
}

function bytesOf(change: Exclude<PartChange, 'remove'>): Uint8Array {
  if ('bytes' in change) return change.bytes
  throw new StorageError('E_UNSUPPORTED', 'This storage takes no streams')
}

function isEmpty(parts: Resource['parts']): boolean {
  return parts.content === undefined && parts.metadata === undefined
}

function unchanged(at: number): WriteResult {
  return {
    changed: false,
    version: 0,
    etag: etagOf(0),
    modifiedAt: new Date(at),
    created: false,
    emptied: false,
  }
}

function partInfo({ version, bytes, modifiedAtMs }: Part): Omit<StoredPart, 'bytes'> {
  return { version, etag: etagOf(version), size: bytes.length, modifiedAt: new Date(modifiedAtMs) }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}

type Position = Pick<ListRow, 'name' | 'version'>

// Versions come from one counter, so they order writes even within a millisecond.
function comparison(order: ListRequest['order']): (a: Position, b: Position) => number {
  if (order === 'name') return (a, b) => compareNames(a.name, b.name)
  return order === 'oldest' ? (a, b) => a.version - b.version : (a, b) => b.version - a.version
}

function startBehind(
  rows: readonly Position[],
  position: Position,
  compare: (a: Position, b: Position) => number,
): number {
  const index = rows.findIndex((row) => compare(row, position) > 0)
  return index === -1 ? rows.length : index
}

function positionOf({ name, version }: Position): string {
  return `${name}\0${version}`
}

function parsePosition(text: string): Position {
  const [, name, version] = /^([^\0]+)\0([1-9][0-9]{0,15})$/.exec(text) ?? []
  if (name === undefined) throw new RangeError('after is no cursor of this storage')
  return { name, version: Number(version) }
}
