import type { Cache, CacheItem, CasToken, Environment } from '@larder/memcached'
import {
  isStorageError,
  OutcomeUnknownError,
  PART_NAMES,
  StorageError,
  type PartName,
  type StoredPart,
} from '@larder/storage-core'
import {
  dropChunks,
  flagsOf,
  hasChunks,
  kindOf,
  loadChunks,
  type SplitBody,
  storeChunks,
  storedPart,
} from '../coherence/index.js'
import { decodeRecord, encodeRecord, isEmpty, type RecordPart, type ResourceRecord } from './record.js'

/** How long a removed resource's version is remembered, in milliseconds; after that the clock keeps versions growing. */
export const TOMBSTONE_TTL_MS = 24 * 3_600_000

/** What stands under a resource's key. */
export interface Held {
  readonly cas: CasToken
  /** Undefined: something else. */
  readonly record: ResourceRecord | undefined
}

/** Records in the cache, each changed by CAS; bodies that are too large for them lie beside. */
export class RecordStore {
  readonly #cache: Cache
  readonly #env: Environment

  constructor(cache: Cache, env: Environment) {
    this.#cache = cache
    this.#env = env
  }

  async get(key: string): Promise<Held | undefined> {
    const item = await this.#cache.get(key)
    return item && { cas: item.cas, record: recordOf(item) }
  }

  /** Rejects where a server does not answer: what cannot be asked for is not missing. */
  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, ResourceRecord>> {
    const { items, failed } = await this.#cache.getMulti(keys)
    for (const error of failed.values()) throw error
    const records = new Map<string, ResourceRecord>()
    for (const [key, item] of items) {
      const record = recordOf(item)
      if (record !== undefined) records.set(key, record)
    }
    return records
  }

  /** Undefined where there is no such part, or a piece of it is gone. */
  async read(
    key: string,
    record: ResourceRecord | undefined,
    name: PartName,
  ): Promise<StoredPart | undefined> {
    for (let current = record; ;) {
      const part = current?.parts[name]
      if (part === undefined) return undefined
      const body = splitOf(part)
      const bytes = body ? await loadChunks(this.#cache, key, body) : Buffer.from(part.body as Uint8Array)
      if (bytes !== undefined) return storedPart(part.version, part.modifiedAtMs, bytes)
      // Writers take the pieces of what they replaced away, below the readers of it.
      const now = (await this.get(key))?.record
      if (now?.version === current?.version) return undefined
      current = now
    }
  }

  /** The parts that stand there now, without those of `names` that cannot be read. */
  async lookUp(key: string, names: readonly PartName[]): Promise<ResourceRecord['parts']> {
    for (;;) {
      const parts = await this.intact(key, (await this.get(key))?.record, names)
      if (parts !== undefined) return parts
    }
  }

  /** The parts whose bytes are there, where `names` ask for that; undefined: the record has changed meanwhile. */
  async intact(
    key: string,
    record: ResourceRecord | undefined,
    names: readonly PartName[],
  ): Promise<ResourceRecord['parts'] | undefined> {
    if (record === undefined) return {}
    const parts = { ...record.parts }
    let isWhole = true
    for (const name of names) {
      const body = splitOf(parts[name])
      if (body === undefined || (await hasChunks(this.#cache, key, body))) continue
      delete parts[name]
      isWhole = false
    }
    if (isWhole || (await this.get(key))?.record?.version === record.version) return parts
    return undefined
  }

  /**
   * Puts `record` in place of what was seen, and resolves to what stands there now; undefined: another was faster.
   * Rejects with `E_OUTCOME_UNKNOWN` where it may have happened or may yet, otherwise nothing was changed.
   */
  async replace(key: string, seen: Held | undefined, record: ResourceRecord): Promise<Held | undefined> {
    for (let attempt = 1; ; attempt++) {
      const limit = this.#cache.maxItemBytes
      const stored = encodeRecord(record).length > limit ? await this.#split(key, record) : record
      try {
        return await this.#replaceBy(key, seen, stored, attempt > 1)
      } catch (error) {
        // The server has a smaller limit than the cache knew of: it refused the record, which now fits in pieces.
        if (isStorageError(error, 'E_TOO_LARGE') && this.#cache.maxItemBytes < limit) continue
        throw outcomeOf(error, key, seen)
      }
    }
  }

  async #replaceBy(
    key: string,
    seen: Held | undefined,
    stored: ResourceRecord,
    wasRefused: boolean,
  ): Promise<Held | undefined> {
    const encoded = encodeRecord(stored)
    let cas = await this.#store(key, seen, stored, encoded)
    // With the refusal the server has removed what was there.
    if (cas === undefined && wasRefused) cas = await this.#store(key, undefined, stored, encoded)
    if (cas === undefined) await this.#drop(key, stored, seen?.record)
    else await this.#drop(key, seen?.record, stored)
    return cas && { cas, record: stored }
  }

  /** Notes that the listing knows of this state. False: it is not the state any more. */
  async markListed(key: string, { cas, record }: Held): Promise<boolean> {
    if (record === undefined) return false
    const marked = { ...record, listed: true }
    return (await this.#store(key, { cas, record }, marked, encodeRecord(marked))) !== undefined
  }

  async #store(
    key: string,
    seen: Held | undefined,
    { parts }: ResourceRecord,
    encoded: Buffer,
  ): Promise<CasToken | undefined> {
    const options = { flags: flagsOf('record'), ttlMs: isEmpty(parts) ? TOMBSTONE_TTL_MS : undefined }
    if (seen === undefined) return this.#cache.add(key, encoded, options)
    const result = await this.#cache.cas(key, encoded, seen.cas, options)
    return result.status === 'stored' ? result.cas : undefined
  }

  /** The chunks of one record that are not the other's as well. */
  async #drop(
    key: string,
    gone: ResourceRecord | undefined,
    kept: ResourceRecord | undefined,
  ): Promise<void> {
    for (const name of PART_NAMES) {
      const body = splitOf(gone?.parts[name])
      if (body === undefined || body.bodyId === splitOf(kept?.parts[name])?.bodyId) continue
      await dropChunks(this.#cache, key, body)
    }
  }

  async #split(key: string, record: ResourceRecord): Promise<ResourceRecord> {
    const parts: { [part in PartName]?: RecordPart } = {}
    for (const name of PART_NAMES) {
      const part = record.parts[name]
      if (part === undefined) continue
      const { body, size } = part
      parts[name] =
        body instanceof Uint8Array ? { ...part, body: await this.#storePieces(key, name, body, size) } : part
    }
    return { ...record, parts }
  }

  async #storePieces(
    key: string,
    name: PartName,
    bytes: Uint8Array,
    size: number,
  ): Promise<Omit<SplitBody, 'size'>> {
    for (;;) {
      const limit = this.#cache.maxItemBytes
      const body = { bodyId: this.#env.uniqueId(), chunkBytes: limit }
      const split = { ...body, size }
      if (await storeChunks(this.#cache, key, split, bytes, undefined)) return body
      await dropChunks(this.#cache, key, split)
      // Else a piece was too large for the server, which has said so.
      if (this.#cache.maxItemBytes === limit)
        throw new StorageError('E_CACHE_UNAVAILABLE', `The ${name} could not be stored`, { key })
    }
  }
}

/** What a failed store means to the writer. */
function outcomeOf(error: unknown, key: string, seen: Held | undefined): unknown {
  // What is unknown may need either body. These errors are of commands that were never sent, or changed nothing.
  if (!isStorageError(error) || isStorageError(error, 'E_OVERLOADED')) return error
  if (isStorageError(error, 'E_TOO_LARGE') && seen === undefined) return error
  return new OutcomeUnknownError('The answer to the write never came', { key, cause: error })
}

function splitOf(part: RecordPart | undefined): SplitBody | undefined {
  return part === undefined || part.body instanceof Uint8Array ? undefined : { ...part.body, size: part.size }
}

function recordOf(item: CacheItem): ResourceRecord | undefined {
  return kindOf(item) === 'record' ? decodeRecord(item.value) : undefined
}
