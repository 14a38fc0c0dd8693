import type { Cache, Environment } from '@larder/memcached'
import type { ResourceInfo, Storage } from '@larder/storage-core'
import type { Settings } from '../settings.js'

/** What an audit needs to know of a proxy. */
export interface Auditable {
  readonly cache: Cache
  readonly storage: Storage
  readonly settings: Settings
  readonly env: Environment
  /** The proxy's own info of a resource. */
  readonly infoOf: (collection: string, resource: string) => ResourceInfo
  /** Where the listing of a collection is cached. */
  readonly headKeyOf: (collection: string) => string
  readonly isClosed: () => boolean
}
