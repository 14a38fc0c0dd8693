import { resolveOptions } from '@larder/storage-core/base'
import type { CommandCache } from '../command-cache.js'
import {
  CLIENT_OPTIONS,
  MEMCACHE_CLIENT_OPTIONS,
  type ClientSettings,
  type MemcacheClientOptions,
} from './client-options.js'
import { REMOTE_OPTIONS } from './remote-options.js'
import { RemoteCache } from './remote-cache.js'

/** The cache of a client, whether it is closed with it, and the client's settings. */
export function chooseCache(options: MemcacheClientOptions): {
  readonly cache: CommandCache
  readonly isOwned: boolean
  readonly settings: ClientSettings
} {
  if (isCommandCache(options))
    throw new TypeError('MemcacheClient takes an object of options: new MemcacheClient({ cache })')
  const resolved = resolveOptions('MemcacheClient', MEMCACHE_CLIENT_OPTIONS, options ?? null)
  const settings = pick(resolved, Object.keys(CLIENT_OPTIONS)) as unknown as ClientSettings
  const { cache, servers } = resolved
  if (cache !== undefined && servers !== undefined)
    throw new TypeError('MemcacheClient takes `servers` or a `cache`, not both')
  if (servers !== undefined) {
    const remote = pick(options, Object.keys(REMOTE_OPTIONS))
    return { cache: new RemoteCache(servers, remote), isOwned: true, settings }
  }
  if (cache === undefined) throw new TypeError('MemcacheClient needs `servers` or a `cache`')
  const idle = Object.keys(REMOTE_OPTIONS).filter(
    (name) => options[name as keyof typeof options] !== undefined,
  )
  if (idle.length > 0) throw new TypeError(`With a \`cache\`, ${idle.join(', ')} would have no effect`)
  return { cache, isOwned: false, settings }
}

function pick(from: object, names: readonly string[]): object {
  const all = from as Readonly<Record<string, unknown>>
  return Object.fromEntries(names.map((name) => [name, all[name]]))
}

function isCommandCache(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<CommandCache>).arithmetic === 'function'
  )
}
