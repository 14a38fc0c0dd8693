import type { Environment } from '@larder/memcached'
import {
  isStorageError,
  type PartName,
  type ResourceInfo,
  type StorageErrorCode,
  type StoredPart,
} from '@larder/storage-core'
import { NO_STAMPS, type SlotAddress } from '../coherence/index.js'
import type { StorageCounters } from '../counters.js'

/** Reads one part of many resources from the storage behind; the infos are that storage's. */
export type ReadDurable = (
  infos: readonly ResourceInfo[],
  part: PartName,
) => Promise<(StoredPart | undefined)[]>

/** One part of one resource: where it is cached, and what the storage behind calls it. */
export class PartAddress implements SlotAddress {
  readonly key: string
  readonly inner: ResourceInfo
  readonly part: PartName

  constructor(key: string, inner: ResourceInfo, part: PartName) {
    this.key = key
    this.inner = inner
    this.part = part
  }

  get stampKeys(): readonly string[] {
    return NO_STAMPS
  }

  /** Chunks have a further `/` in their keys. */
  get refreshKey(): string {
    return `${this.key}/refresh`
  }
}

/** What no single part is to blame for: to ask for each by itself would multiply the load on a storage in trouble. */
const TROUBLE_OF_ALL: ReadonlySet<StorageErrorCode> = new Set([
  'E_STORAGE_UNAVAILABLE',
  'E_OVERLOADED',
  'E_CLOSED',
  'E_UNSUPPORTED',
])

interface Batch {
  readonly infos: ResourceInfo[]
  /** Where in `infos` each key is. */
  readonly indexes: Map<string, number>
  readonly result: Promise<(StoredPart | undefined)[]>
}

/** Reads of the storage behind: those of one turn go out in one query, each part once. */
export class DurableReads {
  readonly #readDurable: ReadDurable
  readonly #env: Environment
  readonly #counters: StorageCounters
  readonly #batches = new Map<PartName, Batch>()

  constructor(readDurable: ReadDurable, env: Environment, counters: StorageCounters) {
    this.#readDurable = readDurable
    this.#env = env
    this.#counters = counters
  }

  /** The bytes are the caller's own. */
  async read({ key, inner, part }: PartAddress): Promise<StoredPart | undefined> {
    const batch = this.#batches.get(part) ?? this.#openBatch(part)
    const known = batch.indexes.get(key)
    const index = known ?? batch.infos.push(inner) - 1
    if (known === undefined) batch.indexes.set(key, index)
    try {
      const found = (await batch.result)[index]
      return known === undefined ? found : copyOf(found)
    } catch (error) {
      if (batch.infos.length === 1 || isTroubleOfAll(error)) throw error
      // What one part is to blame for must not be told of the others.
      return (await this.#readDurable([inner], part))[0]
    }
  }

  #openBatch(part: PartName): Batch {
    const infos: ResourceInfo[] = []
    const result = new Promise<void>((resolve) => this.#env.defer(resolve)).then(() => {
      this.#batches.delete(part)
      this.#counters.durableQueries++
      this.#counters.durableReads += infos.length
      return this.#readDurable(infos, part)
    })
    const batch = { infos, indexes: new Map<string, number>(), result }
    this.#batches.set(part, batch)
    return batch
  }
}

function isTroubleOfAll(error: unknown): boolean {
  return isStorageError(error) && TROUBLE_OF_ALL.has(error.code)
}

export function copyOf(part: StoredPart | undefined): StoredPart | undefined {
  return part && { ...part, bytes: Buffer.from(part.bytes) }
}
