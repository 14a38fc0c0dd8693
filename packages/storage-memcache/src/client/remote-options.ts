import { DEFAULT_SERVER_ITEM_LIMIT_BYTES } from '../protocol/limits.js'
import { addressText, parseServers, type ServerAddress } from '../server-address.js'
import { BinaryTransport } from '../transport/binary-transport.js'
import type { Credentials } from '../transport/memjs-link.js'
import { resolveChannelOptions, type ChannelOptions } from '../transport/options.js'
import type { NamedTransport } from './server-set.js'

const MIN_SERVER_ITEM_LIMIT_BYTES = 1024

export interface RemoteCacheOptions extends Partial<ChannelOptions> {
  /** What the servers were started with as `-I`. Default: 1 MiB, as theirs. */
  readonly serverItemLimitBytes?: number
  /** SASL, mechanism PLAIN: for servers that were started with `-S`. */
  readonly credentials?: Credentials | undefined
}

export interface ResolvedRemoteOptions {
  readonly addresses: readonly ServerAddress[]
  readonly channel: ChannelOptions
  readonly credentials: Credentials | undefined
  readonly serverItemLimitBytes: number
}

/** Checks everything before any I/O. */
export function resolveRemoteOptions(
  servers: string | readonly string[],
  options: RemoteCacheOptions,
): ResolvedRemoteOptions {
  const { credentials, serverItemLimitBytes = DEFAULT_SERVER_ITEM_LIMIT_BYTES } = options
  if (!Number.isInteger(serverItemLimitBytes) || serverItemLimitBytes < MIN_SERVER_ITEM_LIMIT_BYTES) {
    throw new RangeError(`serverItemLimitBytes must be at least ${MIN_SERVER_ITEM_LIMIT_BYTES}`)
  }
  if (credentials !== undefined && (credentials.username === '' || credentials.password === '')) {
    throw new RangeError('credentials need a username and a password')
  }
  const addresses = parseServers(servers)
  return { addresses, channel: resolveChannelOptions(options), credentials, serverItemLimitBytes }
}

/** The servers in the order of their addresses. No I/O. */
export function createServers(options: ResolvedRemoteOptions): readonly NamedTransport[] {
  const { addresses, channel, credentials } = options
  return addresses.map((address) => ({
    name: addressText(address),
    transport: new BinaryTransport(address, channel, credentials),
  }))
}
