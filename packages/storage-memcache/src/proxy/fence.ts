import { isStorageError, type Storage, StorageError } from '@larder/storage-core'
import { createHash } from 'node:crypto'

/** So many counters serve all names, which may be any number: a row a name would never go away. */
const COUNTERS = 1_024

/** Numbers that grow with every call for a name: the versions of a resource, which only grow, whatever is removed. */
export class Fence {
  readonly #storage: Storage
  readonly #collection: string

  constructor(storage: Storage, collection: string) {
    this.#storage = storage
    this.#collection = collection
  }

  /** Rejects with `E_TIMEOUT` after `limitMs`, and with what the storage rejects with. */
  async next(name: string, limitMs: number): Promise<number> {
    const counter = createHash('sha256').update(name).digest().readUInt32BE() % COUNTERS
    const info = this.#storage.info(this.#collection, String(counter))
    try {
      const signal = AbortSignal.timeout(limitMs)
      return (await this.#storage.putContent(info, '', { signal })).version
    } catch (cause) {
      if (!isStorageError(cause, 'E_ABORTED')) throw cause
      const told = `The storage gave no fencing number within ${limitMs} ms`
      throw new StorageError('E_TIMEOUT', told, { key: name, cause })
    }
  }
}
