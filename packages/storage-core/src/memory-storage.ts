import { throwIfAborted } from './abort.js'
import type { DriverCall, ListRequest, ListRows, PartChange, StorageDriver, WriteRequest } from './driver.js'
import { DrivenStorage } from './driven-storage.js'
import { StorageError } from './errors.js'
import { defaultKeyGenerator, type KeyGenerator } from './key-generator.js'
import { KeyedMutex } from './keyed-mutex.js'
import { MemoryJournal } from './memory-journal.js'
import { pageOfRows } from './memory-listing.js'
import { compareNames } from './names.js'
import { checkOptionNames, type NamesOf } from './options/option-names.js'
import { assertConditions } from './preconditions.js'
import {
  etagOf,
  PART_NAMES,
  type PartName,
  type PartStream,
  type ResourceInfo,
  type StoredPart,
} from './resource.js'
import type { PendingWrite, StorageFeatures, TransactionHook, WriteResult } from './storage.js'

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

interface Plan {
  readonly pending: PendingWrite
  readonly after: Resource['parts']
  readonly modifiedAtMs: number
  readonly transaction: TransactionHook | undefined
}

class MemoryDriver implements StorageDriver {
  readonly system = 'memory'
  readonly supports: StorageFeatures = Object.freeze({
    durable: false,
    atomicParts: true,
    atomicMany: true,
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

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const [result] = await this.writeMany([request], call)
    return result ?? unchanged(this.#now())
  }

  async writeMany(requests: readonly WriteRequest[], { signal }: DriverCall): Promise<WriteResult[]> {
    // The rows' locks: a hook may wait, and no other write of the resources may pass it.
    const releases: (() => void)[] = []
    try {
      for (const row of requests.map(rowOf).sort(compareNames)) {
        releases.push(await this.#rows.acquire(row, signal))
      }
      return await this.#writeLocked(requests, signal)
    } finally {
      for (const release of releases) release()
    }
  }

  async #writeLocked(
    requests: readonly WriteRequest[],
    signal: AbortSignal | undefined,
  ): Promise<WriteResult[]> {
    const plans = requests.map((request) => this.#plan(request))
    const hooked = plans.filter((plan) => plan?.transaction !== undefined)
    if (hooked.length > 0) await callHooks(hooked, signal)
    return plans.map((plan) => (plan === undefined ? unchanged(this.#now()) : this.#commit(plan)))
  }

  /** Undefined where nothing would change. */
  #plan({ info, changes, conditions, transaction }: WriteRequest): Plan | undefined {
    const before = this.#resource(info)?.parts ?? {}
    assertConditions(info, conditions, (part) => before[part]?.version)
    const written = PART_NAMES.filter((part) => changes[part] !== undefined && changes[part] !== 'remove')
    const removed = PART_NAMES.filter((part) => changes[part] === 'remove' && before[part] !== undefined)
    if (written.length + removed.length === 0) return undefined
    const modifiedAtMs = this.#now()
    const version = this.#nextVersion()
    const after = apply(before, changes, version, modifiedAtMs)
    const created = isEmpty(before)
    const emptied = isEmpty(after)
    return {
      pending: { info, version, written, removed, created, emptied },
      after,
      modifiedAtMs,
      transaction,
    }
  }

  #commit({ pending, after, modifiedAtMs, transaction }: Plan): WriteResult {
    const { info, version, created, emptied } = pending
    this.#store(info, after, version, modifiedAtMs)
    const journalId = transaction?.journal && this.#journal.insert(transaction.journal, version)
    const modifiedAt = new Date(modifiedAtMs)
    return { changed: true, version, etag: etagOf(version), modifiedAt, created, emptied, journalId }
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
    return pageOfRows(rows, { order, limit, after })
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

function rowOf({ info }: WriteRequest): string {
  return JSON.stringify([info.collection, info.resource])
}

/** All end before anything is given up: no hook runs on behind the caller's back. */
async function callHooks(
  plans: readonly (Plan | undefined)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const ended = await Promise.allSettled(
    plans.map(async (plan) => plan?.transaction?.beforeCommit(plan.pending)),
  )
  const terms = ended.map((each) => {
    if (each.status === 'rejected') throw each.reason
    return each.value
  })
  const key = plans[0]?.pending.info.key
  throwIfAborted(signal, key)
  const commitBefore = Math.min(...terms.map((each) => each?.commitBefore ?? Infinity))
  if (performance.now() >= commitBefore) {
    throw new StorageError('E_TIMEOUT', 'The transaction outlived the time it was given', { key })
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
