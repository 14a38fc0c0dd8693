import { isStorageError, OutcomeUnknownError, PART_NAMES, StorageError } from '@larder/storage-core'
import type { Cache, CacheItem, CasToken } from '../cache.js'
import type { Environment } from '../environment.js'
import { loadChunks, storeChunks } from './chunks.js'
import { flagsOf, kindOf } from './entry.js'
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

  /** Undefined where a piece of it is missing. */
  async bodyOf(key: string, { size, body }: RecordPart): Promise<Buffer | undefined> {
    if (body instanceof Uint8Array) return Buffer.from(body)
    return loadChunks(this.#cache, key, { ...body, size })
  }

  /**
   * Puts `record` in place of what was seen, and resolves to what stands there now; undefined: another was faster.
   * Rejects with `E_OUTCOME_UNKNOWN` where it may have happened or may yet, otherwise nothing was changed.
   */
  async replace(key: string, seen: Held | undefined, record: ResourceRecord): Promise<Held | undefined> {
    let stored = record
    let encoded = encodeRecord(record)
    if (encoded.length > this.#cache.maxItemBytes) {
      stored = await this.#split(key, record)
      encoded = encodeRecord(stored)
    }
    try {
      const cas = await this.#store(key, seen, stored, encoded)
      return cas && { cas, record: stored }
    } catch (cause) {
      // These were never sent.
      if (!(cause instanceof StorageError) || isStorageError(cause, 'E_OVERLOADED')) throw cause
      throw new OutcomeUnknownError('The answer to the write never came', { key, cause })
    }
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

  async #split(key: string, record: ResourceRecord): Promise<ResourceRecord> {
    const parts: { [part in (typeof PART_NAMES)[number]]?: RecordPart } = {}
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

function recordOf(item: CacheItem): ResourceRecord | undefined {
  return kindOf(item) === 'record' ? decodeRecord(item.value) : undefined
}
