import {
  assertConditions,
  compareNames,
  type DriverCall,
  etagOf,
  KeyedMutex,
  type KeyGenerator,
  type ListRequest,
  type ListRows,
  PART_NAMES,
  type PartChange,
  type PartName,
  type PartStream,
  type ResourceInfo,
  StorageError,
  type StorageDriver,
  type StorageFeatures,
  type StoredPart,
  throwIfAborted,
  untilAborted,
  type WriteRequest,
  type WriteResult,
} from '@larder/storage-core'
import type { Cache, CacheItem } from '../cache.js'
import type { Environment } from '../environment.js'
import { cacheKey } from './cache-key.js'
import { loadChunks, storeChunks } from './chunks.js'
import { flagsOf, kindOf, storedPart } from './entry.js'
import { NameSet } from './name-set.js'
import { headKey } from './proxy-keys.js'
import { decodeRecord, encodeRecord, recordKey, type RecordPart, type ResourceRecord } from './record.js'

/** How long a removed resource's version is remembered, in milliseconds; after that the clock keeps versions growing. */
const TOMBSTONE_TTL_MS = 24 * 3_600_000

/**
 * The cache as the only home of resources, as amplee allows it. What the server evicts is gone. A resource is one
 * item that changes by CAS, so that each is linearizable while it lasts; the listing is kept beside, and a process
 * that dies between the two leaves a resource unlisted, or a name without one.
 */
export class StandaloneDriver implements StorageDriver {
  readonly supports: StorageFeatures = Object.freeze({
    durable: false,
    atomicParts: true,
    transactions: false,
    journal: false,
    streams: false,
    orderByModified: false,
  })
  readonly keyOf: KeyGenerator
  readonly #cache: Cache
  readonly #env: Environment
  readonly #owned: readonly { close(): Promise<void> }[]
  readonly #names: NameSet
  readonly #writers = new KeyedMutex()

  constructor(
    cache: Cache,
    namespace: string,
    keyGenerator: KeyGenerator,
    env: Environment,
    owned: readonly { close(): Promise<void> }[],
  ) {
    this.keyOf = (collection, resource) => cacheKey(namespace, keyGenerator(collection, resource))
    this.#cache = cache
    this.#env = env
    this.#owned = owned
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
    const parts = recordOf(await untilAborted(this.#cache.get(recordKey(info.key)), signal))?.parts
    if (parts === undefined) return false
    return part === undefined ? !isEmpty(parts) : parts[part] !== undefined
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { info } = request
    const release = await this.#writers.acquire(info.key, call.signal)
    try {
      let result: WriteResult | undefined
      while (result === undefined) {
        throwIfAborted(call.signal, info.key)
        result = await this.#tryWrite(request)
      }
      if (result.created || result.emptied) {
        const entry = { name: info.resource ?? '', version: result.version, present: result.created }
        await this.#names.record(headKey(this.keyOf, info.collection), entry)
      }
      return result
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
    yield ext === undefined ? names : names.filter((name) => name.endsWith(ext))
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
    const { items, failed } = await this.#cache.getMulti(
      page.map((name) => recordKey(this.keyOf(collection, name))),
    )
    // Without this a name would be missing that only could not be asked for.
    for (const error of failed.values()) throw error
    const rows = page.flatMap((name) => {
      const record = recordOf(items.get(recordKey(this.keyOf(collection, name))))
      // Evicted, or removed a moment ago.
      if (record === undefined || isEmpty(record.parts)) return []
      return [{ name, version: record.version, modifiedAt: new Date(record.modifiedAtMs) }]
    })
    return { rows, next: names.length > limit ? page.at(-1) : undefined }
  }

  async #read(infos: readonly ResourceInfo[], part: PartName): Promise<(StoredPart | undefined)[]> {
    const { items, failed } = await this.#cache.getMulti(infos.map((info) => recordKey(info.key)))
    for (const error of failed.values()) throw error
    return Promise.all(
      infos.map(async (info) => {
        const key = recordKey(info.key)
        const found = recordOf(items.get(key))?.parts[part]
        const bytes = found && (await this.#bodyOf(key, found))
        return found && bytes && storedPart(found.version, found.modifiedAtMs, bytes)
      }),
    )
  }

  async #bodyOf(key: string, { size, body }: RecordPart): Promise<Buffer | undefined> {
    if (body instanceof Uint8Array) return Buffer.from(body)
    return loadChunks(this.#cache, key, { ...body, size })
  }

  /** Undefined: another writer was faster. */
  async #tryWrite({ info, changes, conditions }: WriteRequest): Promise<WriteResult | undefined> {
    const item = await this.#cache.get(recordKey(info.key))
    const before = recordOf(item)
    const had = before?.parts ?? {}
    assertConditions(info, conditions, (part) => had[part]?.version)
    const modifiedAtMs = Date.now()
    const touched = PART_NAMES.some((part) => {
      const change = changes[part]
      return change !== undefined && (change !== 'remove' || had[part] !== undefined)
    })
    if (!touched) {
      return {
        changed: false,
        version: 0,
        etag: etagOf(0),
        modifiedAt: new Date(modifiedAtMs),
        created: false,
        emptied: false,
      }
    }
    const version = Math.max((before?.version ?? 0) + 1, modifiedAtMs * 1_000)
    const parts: { [part in PartName]?: RecordPart } = { ...had }
    for (const part of PART_NAMES) {
      const change = changes[part]
      if (change === 'remove') delete parts[part]
      else if (change !== undefined) parts[part] = recordPart(change, version, modifiedAtMs)
    }
    if (!(await this.#store(recordKey(info.key), item, { version, modifiedAtMs, parts }))) return undefined
    return {
      changed: true,
      version,
      etag: etagOf(version),
      modifiedAt: new Date(modifiedAtMs),
      created: isEmpty(had) && !isEmpty(parts),
      emptied: isEmpty(parts),
    }
  }

  async #store(key: string, item: CacheItem | undefined, record: ResourceRecord): Promise<boolean> {
    let encoded = encodeRecord(record)
    if (encoded.length > this.#cache.maxItemBytes) encoded = encodeRecord(await this.#split(key, record))
    const ttlMs = isEmpty(record.parts) ? TOMBSTONE_TTL_MS : undefined
    const options = { flags: flagsOf('record'), ttlMs }
    if (item === undefined) return (await this.#cache.add(key, encoded, options)) !== undefined
    return (await this.#cache.cas(key, encoded, item.cas, options)).status === 'stored'
  }

  async #split(key: string, record: ResourceRecord): Promise<ResourceRecord> {
    const parts: { [part in PartName]?: RecordPart } = {}
    for (const name of PART_NAMES) {
      const part = record.parts[name]
      if (part === undefined) continue
      if (!(part.body instanceof Uint8Array)) {
        parts[name] = part
        continue
      }
      const body = { bodyId: this.#env.uniqueId(), chunkBytes: this.#cache.maxItemBytes }
      if (!(await storeChunks(this.#cache, key, { ...body, size: part.size }, part.body, undefined))) {
        throw new StorageError('E_CACHE_UNAVAILABLE', `The ${name} could not be stored`, { key })
      }
      parts[name] = { ...part, body }
    }
    return { ...record, parts }
  }
}

function recordOf(item: CacheItem | undefined): ResourceRecord | undefined {
  return item !== undefined && kindOf(item) === 'record' ? decodeRecord(item.value) : undefined
}

function recordPart(
  change: Exclude<PartChange, 'remove'>,
  version: number,
  modifiedAtMs: number,
): RecordPart {
  if (!('bytes' in change)) throw new StorageError('E_UNSUPPORTED', 'This storage takes no streams')
  return { version, modifiedAtMs, size: change.bytes.length, body: change.bytes }
}

function isEmpty(parts: ResourceRecord['parts']): boolean {
  return parts.content === undefined && parts.metadata === undefined
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
