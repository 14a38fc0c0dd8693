import { MemcacheClient, RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '../memcache-storage.js'
import { QueryCache } from '../query/index.js'
import { checkModuleOptions, type LarderModuleOptions } from './module-options.js'

/** What the module provides, on one cache. Closed in the order in which nothing is used after it was closed. */
export class LarderParts {
  readonly client: MemcacheClient
  readonly queries: QueryCache
  readonly storage: MemcacheStorage | undefined
  readonly #own: RemoteCache | undefined

  constructor(options: LarderModuleOptions) {
    const { servers, connection, cache: given, client, queries, storage } = checkModuleOptions(options)
    this.#own = servers === undefined ? undefined : new RemoteCache(servers, connection)
    const cache = given ?? this.#own
    if (cache === undefined) throw new TypeError('LarderModule needs `servers` or a `cache`')
    this.client = new MemcacheClient({ ...client, cache })
    this.queries = new QueryCache({ ...queries, cache })
    this.storage = storage === undefined ? undefined : new MemcacheStorage({ ...storage, cache })
  }

  async close(): Promise<void> {
    await this.queries.close()
    await this.storage?.shutdown()
    await this.client.close()
    await this.#own?.close()
  }
}
