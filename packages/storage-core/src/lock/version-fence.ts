import { createHash } from 'node:crypto'
import { isStorageError, StorageError } from '../errors.js'
import { checkCollectionName } from '../names.js'
import { type Option, optionTable } from '../options/index.js'
import type { ResourceInfo } from '../resource.js'
import type { Storage } from '../storage.js'

const DEFAULT_COLLECTION = 'larder-locks'

/** Where a lock counts its fencing numbers. */
export const FENCE_OPTIONS = optionTable({
  /** The collection of `storage` that counts the fencing numbers, in up to 1,024 empty resources. Default: `'larder-locks'`. */
  fencingCollection: collectionOption(),
})

/** So many counters serve all names, which may be any number: a row a name would never go away. */
const COUNTERS = 1_024

/** Numbers that grow with every call for a name: the versions of a resource, which only grow, whatever is removed. */
export class VersionFence {
  readonly #storage: Storage
  readonly #collection: string

  /** Refuses a name that no collection can have. */
  constructor(storage: Storage, collection: string = DEFAULT_COLLECTION) {
    storage.info(collection)
    this.#storage = storage
    this.#collection = collection
  }

  /** Where the numbers of a name are counted; other names may share it. */
  counterOf(name: string): ResourceInfo {
    const counter = createHash('sha256').update(name).digest().readUInt32BE() % COUNTERS
    return this.#storage.info(this.#collection, String(counter))
  }

  /** Rejects with `E_TIMEOUT` after `limitMs`, and with what the storage rejects with. */
  async next(name: string, limitMs: number): Promise<number> {
    try {
      const signal = AbortSignal.timeout(limitMs)
      return (await this.#storage.putContent(this.counterOf(name), '', { signal })).version
    } catch (cause) {
      if (!isStorageError(cause, 'E_ABORTED')) throw cause
      const message = `The storage gave no fencing number within ${limitMs} ms`
      throw new StorageError('E_TIMEOUT', message, { key: name, cause })
    }
  }
}

function collectionOption(): Option<string, string> {
  return {
    takes: 'the name of a collection',
    fallback: DEFAULT_COLLECTION,
    check(value) {
      checkCollectionName(value)
      return value
    },
  }
}
