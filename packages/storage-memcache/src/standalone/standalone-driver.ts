import type { Cache, Environment } from '@larder/memcached'
import {
  type KeyGenerator,
  OutcomeUnknownError,
  PART_NAMES,
  type PartName,
  type PartStream,
  type ResourceInfo,
  StorageError,
  type StorageFeatures,
  type StoredPart,
  type WriteResult,
} from '@larder/storage-core'
import {
  assertConditions,
  compareNames,
  type DriverCall,
  etagOf,
  KeyedMutex,
  type ListRequest,
  type ListRows,
  type StorageDriver,
  throwIfAborted,
  untilAborted,
  type WriteRequest,
} from '@larder/storage-core/driver'
import { cacheKey, settleAll } from '../coherence/index.js'
import { NameSet } from './name-set.js'
import { headKey } from '../storage-keys.js'
import { isEmpty, recordKey, recordPart, type RecordPart, type ResourceRecord } from './record.js'
import { type Held, RecordStore, TOMBSTONE_TTL_MS } from './record-store.js'

/**
 * The cache as the only home of resources, as amplee allows it. What the server evicts is gone. A resource is one
 * item that changes by CAS, so that each is linearizable while it lasts; the listing is kept beside, and told before
 * a write resolves. Where a process dies between the two, the next write of the resource tells it.
 */
export class StandaloneDriver implements StorageDriver {
  readonly system = 'memcached'
  readonly supports: StorageFeatures = Object.freeze({
    durable: false,
    atomicParts: true,
    atomicMany: false,
    transactions: false,
    interactiveTransactions: false,
    journal: false,
    streams: false,
    orderByModified: false,
  })
  readonly keyOf: KeyGenerator
  readonly #owned: readonly { close(): Promise<void> }[]
  readonly #records: RecordStore
  readonly #names: NameSet
  readonly #writers = new KeyedMutex()
  /** The newest version that was given out here, or seen by a writer. */
  #newest = 0

  constructor(
    cache: Cache,
    namespace: string,
    keyGenerator: KeyGenerator,
    env: Environment,
    owned: readonly { close(): Promise<void> }[],
  ) {
    this.keyOf = (collection, resource) => cacheKey(namespace, keyGenerator(collection, resource))
    this.#owned = owned
    this.#records = new RecordStore(cache, env)
    this.#names = new NameSet(cache, TOMBSTONE_TTL_MS)
  }

  async createContainer(collection: string, { signal }: DriverCall): Promise<void> {
    await untilAborted(this.#names.create(headKey(this.keyOf, collection)), signal)
  }

  containerExists(collection: string, { signal }: DriverCall): Promise<boolean> {
    return untilAborted(this.#names.exists(headKey(this.keyOf, collection)), signal)
  }

  async read(
    infos: readonly ResourceInfo[],
    part: PartName,
    call: DriverCall,
  ): Promise<(StoredPart | undefined)[]> {
    return untilAborted(this.#read(infos, part), call.signal)
  }

  async openContent(info: ResourceInfo, call: DriverCall): Promise<PartStream | undefined> {
    const [found] = await this.read([info], 'content', call)
    return found && { ...found, stream: once(found.bytes) }
  }

  async exists(info: ResourceInfo, part: PartName | undefined, { signal }: DriverCall): Promise<boolean> {
    const asked = part === undefined ? PART_NAMES : [part]
    const parts = await untilAborted(this.#records.lookUp(recordKey(info.key), asked), signal)
    return part === undefined ? !isEmpty(parts) : parts[part] !== undefined
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { key } = request.info
    const release = await this.#writers.acquire(key, call.signal)
    try {
      for (;;) {
        throwIfAborted(call.signal, key)
        const result = await this.#tryWrite(request, call)
        if (result !== undefined) return result
      }
    } finally {
      release()
    }
  }

  async list(request: ListRequest, { signal }: DriverCall): Promise<ListRows> {
    if (request.order !== 'name') {
      throw new StorageError('E_UNSUPPORTED', 'A cache without a storage behind it lists by name only')
    }
    return untilAborted(this.#list(request), signal)
  }

  async *listAll(
    { collection, ext }: Pick<ListRequest, 'collection' | 'ext'>,
    { signal }: DriverCall,
  ): AsyncGenerator<string[], void, undefined> {
    const names = await untilAborted(this.#names.read(headKey(this.keyOf, collection)), signal)
    yield (ext === undefined ? names : names.filter((name) => name.endsWith(ext))).sort(compareNames)
  }

  async close(): Promise<void> {
    for (const owned of this.#owned) await owned.close()
  }

  async #list({ collection, ext, limit, after }: ListRequest): Promise<ListRows> {
    const names = (await this.#names.read(headKey(this.keyOf, collection)))
      .filter(
        (name) =>
          (ext === undefined || name.endsWith(ext)) && (after === undefined || compareNames(name, after) > 0),
      )
      .sort(compareNames)
    const page = names.slice(0, limit)
    const records = await this.#records.getMany(page.map((name) => recordKey(this.keyOf(collection, name))))
    const rows = page.flatMap((name) => {
      const record = records.get(recordKey(this.keyOf(collection, name)))
      // Evicted, or removed a moment ago.
      if (record === undefined || isEmpty(record.parts)) return []
      return [{ name, version: record.version, modifiedAt: new Date(record.modifiedAtMs) }]
    })
    return { rows, next: names.length > limit ? page.at(-1) : undefined }
  }

  async #read(infos: readonly ResourceInfo[], part: PartName): Promise<(StoredPart | undefined)[]> {
    const records = await this.#records.getMany(infos.map(({ key }) => recordKey(key)))
    const keys = infos.map(({ key }) => recordKey(key))
    return settleAll(keys.map((key) => this.#records.read(key, records.get(key), part)))
  }

  /** Undefined: another writer was faster. */
  async #tryWrite(
    { info, changes, conditions }: WriteRequest,
    call: DriverCall,
  ): Promise<WriteResult | undefined> {
    const key = recordKey(info.key)
    const held = await untilAborted(this.#records.get(key), call.signal, info.key)
    const before = held?.record
    // Whoever asks for what must be there has read it, or found that it cannot be read.
    const asked = PART_NAMES.filter((part) => conditions[part] !== undefined)
    const had = await this.#records.intact(key, before, asked)
    if (had === undefined) return undefined
    assertConditions(info, conditions, (part) => had[part]?.version)
    const touched = PART_NAMES.some((part) => {
      const change = changes[part]
      return change !== undefined && (change !== 'remove' || had[part] !== undefined)
    })
    if (!touched) {
      if (before?.listed === false) await this.#announce(info, held)
      return unchanged()
    }
    // The clock of the world, not of the environment: versions outlive the process, and are compared among several.
    const modifiedAtMs = Date.now()
    const version = Math.max(this.#newest + 1, (before?.version ?? 0) + 1, modifiedAtMs * 1_000)
    this.#newest = version
    const parts: { [part in PartName]?: RecordPart } = { ...had }
    for (const part of PART_NAMES) {
      const change = changes[part]
      if (change === 'remove') delete parts[part]
      else if (change !== undefined) parts[part] = recordPart(change, version, modifiedAtMs)
    }
    const created = isEmpty(had) && !isEmpty(parts)
    const emptied = isEmpty(parts)
    const changesListing = created || emptied
    // The resource is in the listing before this write resolves, whoever made it.
    if (before?.listed === false && !changesListing) await this.#tell(info, before)
    const stored = await this.#records.replace(key, held, {
      version,
      modifiedAtMs,
      listed: !changesListing,
      parts,
    })
    if (stored === undefined) return undefined
    if (changesListing) await this.#announceOwn(info, stored)
    return {
      changed: true,
      version,
      etag: etagOf(version),
      modifiedAt: new Date(modifiedAtMs),
      created,
      emptied,
    }
  }

  async #announceOwn(info: ResourceInfo, stored: Held): Promise<void> {
    try {
      await this.#announce(info, stored)
    } catch (cause) {
      const message = 'The write was stored, but whether listings know of it is unknown'
      throw new OutcomeUnknownError(message, { key: info.key, cause })
    }
  }

  /** Rejects where the listing could not be told. */
  async #announce(info: ResourceInfo, held: Held | undefined): Promise<void> {
    let current = held
    while (current?.record !== undefined) {
      const { listed, version } = current.record
      await this.#tell(info, current.record)
      const next = await this.#settle(recordKey(info.key), current, listed).catch(() => undefined)
      // A listing that is short of room forgets absences: it must not be left with what was told late.
      current = next?.record?.version === version ? undefined : next
    }
  }

  /** What has come since the listing was told; undefined: nothing. */
  async #settle(key: string, held: Held, listed: boolean): Promise<Held | undefined> {
    if (!listed && (await this.#records.markListed(key, held))) return undefined
    return this.#records.get(key)
  }

  #tell(info: ResourceInfo, { version, parts }: ResourceRecord): Promise<void> {
    const entry = { name: info.resource ?? '', version, present: !isEmpty(parts) }
    return this.#names.record(headKey(this.keyOf, info.collection), entry)
  }
}

function unchanged(): WriteResult {
  const modifiedAt = new Date()
  return { changed: false, version: 0, etag: etagOf(0), modifiedAt, created: false, emptied: false }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
