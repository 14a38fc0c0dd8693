import { type CommandCache, EmbeddedCache, RemoteCache } from '@larder/memcached'
import { startMemcached } from './private-memcached.js'
import { UsageError } from './usage-error.js'

const EMBEDDED_BYTES = 256 * 1024 * 1024

/** Where copies are kept for as long as they last. */
export interface CacheHome extends AsyncDisposable {
  /** For people. */
  readonly description: string
  /** What a storage needs to use it: the servers' names, so that it connects by itself, or the cache. */
  readonly access: { readonly servers: string } | { readonly cache: CommandCache }
  /** What is wrong with it, a line each; the database is asked in its place. */
  readonly complaints: readonly string[]
}

/** The servers of `MEMCACHE_SERVERS`, or a private memcached if there is one to start, or a cache in this process. */
export async function chooseCache(env: NodeJS.ProcessEnv): Promise<CacheHome> {
  const servers = env['MEMCACHE_SERVERS']
  if (servers) return sharedServers(servers)
  const memcached = await startMemcached(env)
  if (memcached === undefined) return embedded()
  return {
    description: `memcached at ${memcached.address}, started for this run`,
    access: { servers: memcached.address },
    complaints: [],
    [Symbol.asyncDispose]: () => memcached.stop(),
  }
}

async function sharedServers(servers: string): Promise<CacheHome> {
  await using probe = newProbe(servers)
  const { failed } = await probe.version()
  return {
    description: `memcached at ${servers}, as MEMCACHE_SERVERS says`,
    access: { servers },
    complaints: [...failed].map(([server, error]) => `${server} does not answer: ${reasonOf(error)}`),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function newProbe(servers: string): RemoteCache {
  try {
    return new RemoteCache(servers)
  } catch (cause) {
    throw new UsageError(`MEMCACHE_SERVERS: ${(cause as Error).message}`, { cause })
  }
}

function embedded(): CacheHome {
  const cache = new EmbeddedCache({ maxBytes: EMBEDDED_BYTES })
  return {
    description: 'inside of this process, since there is no memcached to start',
    access: { cache },
    complaints: [],
    [Symbol.asyncDispose]: () => cache.close(),
  }
}

function reasonOf({ cause, message }: Error): string {
  return cause instanceof Error ? cause.message : message
}
