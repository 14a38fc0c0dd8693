import type { ClientOptions, CommandCache, RemoteCacheOptions, Servers } from '@larder/memcached'
import { wrongType } from '@larder/storage-core/base'
import type { ModuleMetadata } from '@nestjs/common'
import type { MemcacheStorageSettings } from '../memcache-storage.js'
import type { QueryCacheSettings } from '../query/index.js'

/** What the module connects to, and the settings of what it provides. One of `servers` and `cache` is needed. */
export interface LarderModuleOptions {
  /** memcached servers. The module closes the connections when the application shuts down. */
  readonly servers?: Servers | undefined
  /** How to talk to `servers`. */
  readonly connection?: RemoteCacheOptions | undefined
  /** In the place of `servers`: a cache of the program's, which stays open. */
  readonly cache?: CommandCache | undefined
  /** Of the `MemcacheClient`. */
  readonly client?: ClientOptions | undefined
  /** Of the `QueryCache`. */
  readonly queries?: QueryCacheSettings | undefined
  /** Of the `MemcacheStorage`; `storage` in it is the durable home. Without it, none is provided. */
  readonly storage?: MemcacheStorageSettings | undefined
}

/** Options that other providers make. */
export interface LarderModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is called with. */
  readonly inject?: readonly (abstract new (...args: never[]) => unknown)[] | readonly (string | symbol)[]
  readonly useFactory: (...args: never[]) => LarderModuleOptions | Promise<LarderModuleOptions>
  /** Whether the options have a `storage`, so that a `MemcacheStorage` is provided. Default: false. */
  readonly withStorage?: boolean
}

const NAMES = ['servers', 'connection', 'cache', 'client', 'queries', 'storage']

/** Throws a `TypeError` for options that no module takes. Those of each part are checked by the part. */
export function checkModuleOptions(options: LarderModuleOptions): LarderModuleOptions {
  if (typeof options !== 'object' || (options as object | null) === null)
    throw wrongType('options', 'an object', options)
  const unknown = Object.keys(options).filter((name) => !NAMES.includes(name))
  if (unknown.length > 0)
    throw new TypeError(`LarderModule has no option ${unknown.join()}; it takes ${NAMES.join(', ')}`)
  const { servers, cache, connection } = options
  if (servers !== undefined && cache !== undefined)
    throw new TypeError('LarderModule takes `servers` or a `cache`, not both')
  if (cache !== undefined && connection !== undefined)
    throw new TypeError('With a `cache`, `connection` would have no effect')
  return options
}
