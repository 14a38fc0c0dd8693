import { type Cache, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { REMOTE_NAMES } from '@larder/memcached/driver'
import type { NamesOf } from '@larder/storage-core'
import { wrongType } from '@larder/storage-core/base'

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

/** The cache, and what of it is to be closed by `owner`. Throws `TypeError` for both or none. */
export function chooseCache(
  { cache, servers, client }: CacheChoice,
  owner: string,
): { cache: Cache; owned: readonly Cache[] } {
  if (cache !== undefined && servers !== undefined) throw new TypeError('Give servers or a cache, not both')
  if (client !== undefined && servers === undefined)
    throw new TypeError('client says how to talk to servers, which are not given')
  if (client !== null && client?.udp !== undefined)
    throw new TypeError(`UDP is of no use to a ${owner}, whose reads need tokens`)
  if (cache !== undefined) {
    checkCache(cache)
    return { cache, owned: [] }
  }
  if (servers === undefined) throw new TypeError(`${owner} needs servers or a cache`)
  const own = new RemoteCache(servers, client)
  return { cache: own, owned: [own] }
}

/** Throws a `TypeError` for what is no open cache. */
export function checkCache(cache: unknown): void {
  const methods =
    typeof cache === 'object' && cache !== null ? (cache as Readonly<Record<string, unknown>>) : {}
  if (!['get', 'set', 'add', 'cas', 'delete'].every((name) => typeof methods[name] === 'function'))
    throw wrongType('cache', 'an open cache', cache)
}
