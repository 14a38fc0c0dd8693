import { type Cache, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { REMOTE_OPTIONS, SERVERS_OPTION } from '@larder/memcached/driver'
import { groupOption, type OptionsOf, optionTable, typedOption } from '@larder/storage-core/base'
import { WaitingCache } from './waiting-cache.js'

/** Which cache a class uses: `servers`, with or without `client`, or `cache`. */
export const CACHE_CHOICE_OPTIONS = optionTable({
  /** memcached servers, as `RemoteCache` takes them. The object that is made with them owns the connections. */
  servers: SERVERS_OPTION,
  /** How to talk to `servers`: time-outs, credentials and the rest. Default: as `RemoteCache`. */
  client: groupOption(REMOTE_OPTIONS),
  /** In the place of `servers`: a cache of the caller's, which stays open. */
  cache: typedOption('an open cache', isCache),
})

type Choice = OptionsOf<typeof CACHE_CHOICE_OPTIONS>

/** Either memcached servers to connect to, or a cache that is open already. */
export type CacheChoice<C = Cache> = ServersChoice | OpenCacheChoice<C>

/** memcached servers to connect to. */
export type ServersChoice = {
  readonly [name in keyof Pick<Choice, 'servers'>]-?: Exclude<Choice[name], undefined>
} & { readonly client?: RemoteCacheOptions | undefined; readonly cache?: undefined }

/** A cache that is open already. */
export type OpenCacheChoice<C = Cache> = { readonly [name in keyof Pick<Choice, 'cache'>]-?: C } & {
  readonly servers?: undefined
  readonly client?: undefined
}

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
export function chooseCache({ cache, servers, client }: Choice, owner: string): ChosenCache {
  checkChoice({ cache, servers, client }, owner)
  if (client?.udp !== undefined)
    throw new TypeError(
      `${owner} must not have \`client.udp\`: its reads need tokens, which UDP does not carry`,
    )
  if (cache !== undefined) return { cache: new WaitingCache(cache), plain: cache, owned: [] }
  const own = new RemoteCache(servers ?? '', client)
  return { cache: new WaitingCache(own), plain: own, owned: [own] }
}

/** Throws a `TypeError` unless it is one of both. */
export function checkChoice(
  { cache, servers, client }: { readonly [name in keyof Choice]?: unknown },
  owner: string,
): void {
  if (cache !== undefined && servers !== undefined)
    throw new TypeError(`${owner} takes \`servers\` or \`cache\`, not both`)
  if (client !== undefined && servers === undefined)
    throw new TypeError(`${owner} takes \`client\` only together with \`servers\``)
  if (cache === undefined && servers === undefined)
    throw new TypeError(`${owner} needs \`servers\` or a \`cache\``)
}

function isCache(value: unknown): value is Cache {
  const methods =
    typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  return ['get', 'set', 'add', 'cas', 'delete'].every((name) => typeof methods[name] === 'function')
}
