import { type Cache, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { REMOTE_NAMES } from '@larder/memcached/driver'
import type { NamesOf } from '@larder/storage-core'
import { wrongType } from '@larder/storage-core/base'
import { WaitingCache } from './waiting-cache.js'

/** Either memcached servers to connect to, or a cache that is open already. */
export type CacheChoice<C = Cache> = ServersChoice | OpenCacheChoice<C>

/** memcached servers to connect to. */
export interface ServersChoice {
  /** memcached servers, as `RemoteCache` takes them. The object that is made with them owns the connections. */
  readonly servers: string | readonly string[]
  /** How to talk to `servers`: time-outs, credentials and the rest. */
  readonly client?: RemoteCacheOptions | undefined
  readonly cache?: undefined
}

/** A cache that is open already. */
export interface OpenCacheChoice<C = Cache> {
  /** The caller owns it: it stays open. */
  readonly cache: C
  readonly servers?: undefined
  readonly client?: undefined
}

export const CACHE_CHOICE_NAMES: NamesOf<CacheChoice> = Object.freeze({
  servers: true,
  client: REMOTE_NAMES,
  cache: true,
})

/** What an object works on. */
export interface ChosenCache {
  /** Waits for places in full queues. */
  readonly cache: Cache
  /** The same as it was given or opened. */
  readonly plain: Cache
  /** To be closed with the object. */
  readonly owned: readonly Cache[]
}

/** The cache for `owner`. Throws `TypeError` for both or none. */
export function chooseCache({ cache, servers, client }: CacheChoice, owner: string): ChosenCache {
  if (cache !== undefined && servers !== undefined) throw new TypeError('Give servers or a cache, not both')
  if (client !== undefined && servers === undefined)
    throw new TypeError('client says how to talk to servers, which are not given')
  if (client !== null && client?.udp !== undefined)
    throw new TypeError(`UDP is of no use to a ${owner}, whose reads need tokens`)
  if (cache !== undefined) {
    checkCache(cache)
    return { cache: new WaitingCache(cache), plain: cache, owned: [] }
  }
  if (servers === undefined) throw new TypeError(`${owner} needs servers or a cache`)
  const own = new RemoteCache(servers, client)
  return { cache: new WaitingCache(own), plain: own, owned: [own] }
}

/** Throws a `TypeError` for what is no open cache. */
export function checkCache(cache: unknown): void {
  const methods =
    typeof cache === 'object' && cache !== null ? (cache as Readonly<Record<string, unknown>>) : {}
  if (!['get', 'set', 'add', 'cas', 'delete'].every((name) => typeof methods[name] === 'function'))
    throw wrongType('cache', 'an open cache', cache)
}
