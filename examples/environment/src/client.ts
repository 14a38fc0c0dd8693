import type { Storage } from '@larder/storage-core'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import type { CacheHome } from './cache.js'
import type { Database } from './database.js'

/** Larger contents are not cached, but pass by as streams. */
export const MAX_CACHED_BYTES = 32 * 1024 * 1024

/** One user of the repository, with connections of its own to the database and to the cache. */
export class Client implements AsyncDisposable {
  readonly storage: MemcacheStorage
  readonly #durable: Storage

  private constructor(storage: MemcacheStorage, durable: Storage) {
    this.storage = storage
    this.#durable = durable
  }

  static async open(database: Database, cache: CacheHome, options?: ProtocolOptions): Promise<Client> {
    const durable = await database.connect()
    // Servers that keep their items from run to run must never give those of one database to users of another.
    const keyPrefix = `larder:${database.identity}:`
    return new Client(
      new MemcacheStorage({ ...options, ...cache.access, storage: durable, keyPrefix }),
      durable,
    )
  }

  /** From the outside in: the cache's side may have something left to tell the database. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.storage.shutdown()
    await this.#durable.shutdown()
  }
}
