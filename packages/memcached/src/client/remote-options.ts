import { checkOptionNames, type NamesOf } from '@larder/storage-core/base'
import type { ConnectionOptions } from 'node:tls'
import { DEFAULT_SERVER_ITEM_LIMIT_BYTES } from '../protocol/limits.js'
import { createRouter, ROUTING_NAMES, type Router, type RoutingOptions } from '../routing/router.js'
import { addressText, parseServers, type ServerAddress } from '../server-address.js'
import { BinaryTransport } from '../transport/binary-transport.js'
import type { Credentials } from '../transport/credentials.js'
import { DatagramReader } from '../transport/datagram-reader.js'
import { memjsServer, type MemjsClient, type MemjsServer } from '../transport/memjs-link.js'
import { MetaTransport } from '../transport/meta-transport.js'
import { NegotiatedTransport } from '../transport/negotiated-transport.js'
import { CHANNEL_NAMES, resolveChannelOptions, type ChannelOptions } from '../transport/options.js'
import { ServerHealth } from '../transport/server-health.js'
import type { Transport } from '../transport/transport.js'
import {
  resolveUdpOptions,
  UDP_NAMES,
  type ResolvedUdpOptions,
  type UdpOptions,
} from '../transport/udp-options.js'
import type { NamedServer } from './server-set.js'

const MIN_SERVER_ITEM_LIMIT_BYTES = 1024

/**
 * `host:port`, `host:port:weight`, `[v6]:port` or `/path.sock`, as a list or separated by commas. Or a memjs client:
 * its servers with their credentials and options, and its keys where it looks for them, but connections of our own,
 * since memjs's outlive their sockets.
 */
export type Servers = string | readonly string[] | MemjsClient

/** How to talk to memcached servers. */
export interface RemoteCacheOptions extends Partial<ChannelOptions> {
  /** Which key lives on which server. Every process that shares the servers must say the same. */
  readonly routing?: RoutingOptions
  /** What the servers were started with as `-I`. Default: 1 MiB, as theirs. */
  readonly serverItemLimitBytes?: number
  /**
   * `'meta'`: memcached's own choice since 1.6. `'binary'`: for SASL and servers that know nothing else. `'auto'`,
   * the default: binary with credentials, else meta where the server knows it, which costs the first command one
   * round trip more.
   */
  readonly transport?: 'auto' | 'meta' | 'binary'
  /** Over binary: SASL, mechanism PLAIN (`-S`). Over meta: a line of the server's user and password file (`-Y`). */
  readonly credentials?: Credentials | undefined
  /** For servers that were started with `-Z`: the options of `tls.connect`. */
  readonly tls?: ConnectionOptions | undefined
  /**
   * Reads that need no token go by UDP first, for servers that were started with `-U`: those with `withoutToken`, so
   * `get` and `getMulti` of a `MemcacheClient`. UDP knows neither credentials nor TLS. Default: none.
   */
  readonly udp?: UdpOptions | undefined
}

const CREDENTIAL_NAMES: NamesOf<Credentials> = Object.freeze({ username: true, password: true })

/** The names of the options of a `RemoteCache`, for `checkOptionNames`. */
export const REMOTE_NAMES: NamesOf<RemoteCacheOptions> = Object.freeze({
  ...CHANNEL_NAMES,
  routing: ROUTING_NAMES,
  serverItemLimitBytes: true,
  transport: true,
  credentials: CREDENTIAL_NAMES,
  // Node's, and whatever it may learn.
  tls: true,
  udp: UDP_NAMES,
})

export interface ResolvedRemoteOptions {
  readonly addresses: readonly ServerAddress[]
  /** In the order of the addresses, where a memjs client was given. */
  readonly memjs: readonly MemjsServer[] | undefined
  readonly routing: RoutingOptions
  /** Whether the caller said something of routing. */
  readonly isRouted: boolean
  readonly channel: ChannelOptions
  readonly transport: 'auto' | 'meta' | 'binary'
  readonly credentials: Credentials | undefined
  readonly tls: ConnectionOptions | undefined
  readonly serverItemLimitBytes: number
  readonly udp: ResolvedUdpOptions | undefined
}

/** Checks everything before any I/O. */
export function resolveRemoteOptions(servers: Servers, options: RemoteCacheOptions): ResolvedRemoteOptions {
  checkOptionNames('RemoteCache', options, REMOTE_NAMES)
  const {
    credentials,
    tls,
    transport = 'auto',
    serverItemLimitBytes = DEFAULT_SERVER_ITEM_LIMIT_BYTES,
  } = options
  if (!Number.isInteger(serverItemLimitBytes) || serverItemLimitBytes < MIN_SERVER_ITEM_LIMIT_BYTES) {
    throw new RangeError(`serverItemLimitBytes must be at least ${MIN_SERVER_ITEM_LIMIT_BYTES}`)
  }
  if (credentials !== undefined) checkCredentials(credentials)
  if (!['auto', 'meta', 'binary'].includes(transport))
    throw new RangeError(`There is no transport ${transport}`)
  const memjs = isMemjsClient(servers) ? servers.servers : undefined
  if (memjs !== undefined && (transport === 'meta' || credentials !== undefined || tls !== undefined)) {
    throw new RangeError('A memjs client says itself how to talk to its servers')
  }
  const addresses = isMemjsClient(servers) ? servers.servers.map(addressOf) : parseServers(servers)
  if (addresses.length === 0) throw new RangeError('At least one server is needed')
  const channel = resolveChannelOptions(options)
  const udp = options.udp && resolveUdpOptions(options.udp, channel.timeoutMs)
  if (udp !== undefined) checkUdp(addresses, transport, credentials ?? tls ?? memjs)
  return {
    addresses,
    memjs,
    routing: options.routing ?? {},
    isRouted: options.routing !== undefined,
    channel,
    transport,
    credentials,
    tls,
    serverItemLimitBytes,
    udp,
  }
}

function checkCredentials({ username, password }: Credentials): void {
  if (typeof username !== 'string' || typeof password !== 'string')
    throw new TypeError('credentials need a username and a password')
  if (username === '' || password === '') throw new RangeError('credentials need a username and a password')
  if (/[\s\0]/.test(username + password)) throw new RangeError('credentials must not contain spaces')
}

function checkUdp(
  addresses: readonly ServerAddress[],
  transport: RemoteCacheOptions['transport'],
  guard: object | undefined,
): void {
  if (guard !== undefined) throw new RangeError('UDP knows neither credentials nor TLS, nor memjs clients')
  if (transport === 'binary') throw new RangeError('UDP needs the meta commands')
  if (addresses.some(({ path }) => path !== undefined)) throw new RangeError('A UNIX socket has no UDP')
}

/** The servers in the order of their addresses; those of `known` that are among them stay what they are. No I/O. */
export function createServers(
  options: ResolvedRemoteOptions,
  known: readonly NamedServer[],
): readonly NamedServer[] {
  return options.addresses.map((address, i) => {
    const name = addressText(address)
    const found = known.find((server) => server.name === name)
    if (found !== undefined) return found
    const transports = createTransports(address, options, options.memjs?.[i])
    return { name, transports, datagrams: createDatagrams(address, options) }
  })
}

function createDatagrams(
  address: ServerAddress,
  { udp, channel }: ResolvedRemoteOptions,
): DatagramReader | undefined {
  if (udp === undefined || address.path !== undefined) return undefined
  const target = { host: address.host, port: udp.port ?? address.port }
  return new DatagramReader(target, udp, channel, new ServerHealth(channel))
}

/** One for each connection; the limits of a server are shared among them, and so is what they learn of its health. */
function createTransports(
  address: ServerAddress,
  options: ResolvedRemoteOptions,
  memjs: MemjsServer | undefined,
): readonly [Transport, ...Transport[]] {
  const { channel, transport, credentials, tls } = options
  const count = channel.connectionsPerServer
  const share = {
    ...channel,
    maxQueuedCommands: Math.ceil(channel.maxQueuedCommands / count),
    maxQueuedBytes: Math.ceil(channel.maxQueuedBytes / count),
  }
  // A server that refuses one protocol may be well in the other.
  const [textHealth, binaryHealth] = [new ServerHealth(channel), new ServerHealth(channel)]
  const server = memjs ?? memjsServer(address, credentials, tls)
  const binary = () => new BinaryTransport(addressText(address), server, share, binaryHealth)
  const meta = () => new MetaTransport(address, share, textHealth, { credentials, tls })
  const create = () => {
    const hasSasl = transport === 'auto' && credentials !== undefined
    if (memjs !== undefined || transport === 'binary' || hasSasl) return binary()
    return transport === 'meta' ? meta() : new NegotiatedTransport(meta(), binary, share)
  }
  return [create(), ...Array.from({ length: count - 1 }, create)]
}

/** A memjs client's own way, unless the options name another. */
export function routerOf(servers: Servers, options: ResolvedRemoteOptions): Router {
  if (!isMemjsClient(servers) || options.isRouted) return createRouter(options.addresses, options.routing)
  const count = options.addresses.length
  const byRemainder = createRouter(options.addresses, { distribution: 'modula' })
  return {
    serverOf: (key) => (count === 1 ? 0 : Number(servers.getServer(key))),
    serverOfHash: (hash) => byRemainder.serverOfHash(hash),
  }
}

function isMemjsClient(servers: Servers): servers is MemjsClient {
  return typeof servers === 'object' && !Array.isArray(servers)
}

function addressOf({ host, port }: MemjsServer): ServerAddress {
  return typeof port === 'string' && Number.isNaN(Number(port))
    ? { path: port, weight: 1 }
    : { host, port: Number(port), weight: 1 }
}
