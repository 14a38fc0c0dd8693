import { typedOption, wrongType } from '@larder/storage-core/base'
import { parseServers, type ServerAddress } from '../server-address.js'
import { checkMemjsServer, memjsAddress, type MemjsClient } from '../transport/index.js'

/**
 * `host:port`, `host:port:weight`, `[v6]:port` or `/path.sock`, as a list or separated by commas. Or a memjs client:
 * the addresses and credentials of its servers, and its keys where it looks for them, but connections of our own.
 */
export type Servers = string | readonly string[] | MemjsClient

/** The option of everything that connects to servers. */
export const SERVERS_OPTION = typedOption('text, a list of texts or a memjs client', isServers)

/** The addresses. Bad ones are a `TypeError` or `RangeError`, which shows no credentials. */
export function addressesOf(servers: Servers): readonly ServerAddress[] {
  if (typeof servers === 'string' || Array.isArray(servers)) return parseServers(servers as string)
  if (!isMemjsClient(servers)) throw wrongType('servers', SERVERS_OPTION.takes, servers)
  servers.servers.forEach(checkMemjsServer)
  const addresses = servers.servers.map(memjsAddress)
  if (addresses.length === 0) throw new RangeError('`servers` must name at least one server')
  return addresses
}

function isServers(value: unknown): value is Servers {
  return typeof value === 'string' || Array.isArray(value) || isMemjsClient(value)
}

export function isMemjsClient(servers: unknown): servers is MemjsClient {
  if (typeof servers !== 'object' || servers === null || Array.isArray(servers)) return false
  const { servers: list, getServer } = servers as Partial<MemjsClient>
  return Array.isArray(list) && typeof getServer === 'function'
}
