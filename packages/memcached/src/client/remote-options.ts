import {
  choiceOption,
  groupOption,
  numberOption,
  objectOption,
  optionTable,
  resolveOptions,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import type { ConnectionOptions } from 'node:tls'
import { DEFAULT_SERVER_ITEM_LIMIT_BYTES, MAX_SERVER_ITEM_LIMIT_BYTES } from '../protocol/index.js'
import { createRouter, type Router, ROUTING_OPTIONS } from '../routing/index.js'
import { addressText, type ServerAddress } from '../server-address.js'
import {
  Channel,
  CHANNEL_OPTIONS,
  type ChannelOptions,
  checkUdpWait,
  CREDENTIAL_OPTIONS,
  type Credentials,
  credentialsOf,
  DatagramReader,
  dialFor,
  memjsCredentials,
  type MemjsServer,
  ServerHealth,
  UDP_OPTIONS,
} from '../transport/index.js'
import type { NamedServer } from './server-set.js'
import { addressesOf, isMemjsClient, type Servers } from './servers.js'

const MIN_SERVER_ITEM_LIMIT_BYTES = 1024

/** How to talk to memcached servers. */
export const REMOTE_OPTIONS = optionTable({
  ...CHANNEL_OPTIONS,
  /** Which key lives on which server. Every process that shares the servers must say the same. */
  routing: groupOption(ROUTING_OPTIONS),
  /** What the servers were started with as `-I`, in bytes. Default: 1 MiB, as theirs. */
  serverItemLimitBytes: numberOption(
    { min: MIN_SERVER_ITEM_LIMIT_BYTES, max: MAX_SERVER_ITEM_LIMIT_BYTES, isInteger: true },
    DEFAULT_SERVER_ITEM_LIMIT_BYTES,
  ),
  /**
   * `'meta'`: memcached's own choice since 1.6. `'binary'`: for SASL and servers that know nothing else. `'auto'`:
   * binary with credentials, else meta where the server knows it, which costs the first command one round trip more.
   * Default: `'auto'`.
   */
  transport: choiceOption(['auto', 'meta', 'binary', 'text'], 'auto'),
  /**
   * Whether the client chooses CAS numbers, at random. No restart of a server brings one back then, also
   * behind a middleman that keeps its clients' connections meanwhile. Needs the meta commands and memcached 1.6.27 or
   * later. `'auto'`: where the server's version says so, asked for on each connection; a store that an older server
   * behind it refuses is sent again without. `'always'`: older servers refuse every store. Default: `'auto'`.
   */
  ownCasNumbers: choiceOption(['auto', 'always', 'never'], 'auto'),
  /** Over binary: SASL, mechanism PLAIN (`-S`). Over meta: a line of the server's user and password file (`-Y`). */
  credentials: groupOption(CREDENTIAL_OPTIONS),
  /** For servers that were started with `-Z`: the options of `tls.connect`. */
  tls: objectOption<ConnectionOptions>(),
  /**
   * Reads that need no token go by UDP first, for servers that were started with `-U`: those with `withoutToken`, so
   * `get` and `getMulti` of a `MemcacheClient`. UDP has neither credentials nor TLS. Default: none.
   */
  udp: groupOption(UDP_OPTIONS),
})

/** How a `RemoteCache` talks to its servers. */
export type RemoteCacheOptions = OptionsOf<typeof REMOTE_OPTIONS>

export interface ResolvedRemoteOptions extends Omit<
  ResolvedOptions<typeof REMOTE_OPTIONS>,
  'credentials' | keyof ChannelOptions
> {
  readonly addresses: readonly ServerAddress[]
  /** In the order of the addresses, where a memjs client was given. */
  readonly memjs: readonly MemjsServer[] | undefined
  readonly channel: ChannelOptions
  readonly credentials: Credentials | undefined
}

/** Checks everything before any I/O. */
export function resolveRemoteOptions(servers: Servers, options: RemoteCacheOptions): ResolvedRemoteOptions {
  const addresses = addressesOf(servers)
  const resolved = resolveOptions('RemoteCache', REMOTE_OPTIONS, options)
  const { transport, tls, udp, routing, serverItemLimitBytes, ownCasNumbers } = resolved
  const credentials = credentialsOf(resolved.credentials)
  const memjs = isMemjsClient(servers) ? servers.servers : undefined
  if (memjs !== undefined && (transport === 'meta' || transport === 'text' || credentials !== undefined)) {
    throw new RangeError('The servers of a memjs client are asked in binary, with the credentials they have')
  }
  if (
    ownCasNumbers === 'always' &&
    (memjs !== undefined ||
      transport === 'binary' ||
      transport === 'text' ||
      (credentials && transport === 'auto'))
  )
    throw new RangeError("ownCasNumbers 'always' needs the meta commands")
  if (udp !== undefined) {
    checkUdpWait(udp, resolved.timeoutMs)
    checkUdp(addresses, transport, credentials ?? tls ?? memjs)
  }
  return {
    addresses,
    memjs,
    routing,
    channel: resolved,
    transport,
    ownCasNumbers,
    credentials,
    tls,
    serverItemLimitBytes,
    udp,
  }
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
    const channels = createChannels(address, options, options.memjs?.[i])
    return { name, channels, datagrams: createDatagrams(address, options) }
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
function createChannels(
  address: ServerAddress,
  options: ResolvedRemoteOptions,
  memjs: MemjsServer | undefined,
): readonly [Channel, ...Channel[]] {
  const { channel, tls, ownCasNumbers } = options
  const count = channel.connectionsPerServer
  const share = {
    ...channel,
    maxQueuedCommands: Math.ceil(channel.maxQueuedCommands / count),
    maxQueuedBytes: Math.ceil(channel.maxQueuedBytes / count),
  }
  const transport = memjs === undefined ? options.transport : 'binary'
  const credentials = memjs === undefined ? options.credentials : memjsCredentials(memjs)
  const dial = dialFor(transport, address, credentials, tls, ownCasNumbers)
  const health = new ServerHealth(channel)
  const create = () => new Channel(addressText(address), dial, share, health)
  return [create(), ...Array.from({ length: count - 1 }, create)]
}

/** A memjs client's own way, unless the options name another. */
export function routerOf(servers: Servers, options: ResolvedRemoteOptions): Router {
  if (!isMemjsClient(servers) || options.routing !== undefined)
    return createRouter(options.addresses, options.routing)
  const count = options.addresses.length
  const byRemainder = createRouter(options.addresses, { distribution: 'modula' })
  return {
    serverOf: (key) => (count === 1 ? 0 : Number(servers.getServer(key))),
    serverOfHash: (hash) => byRemainder.serverOfHash(hash),
  }
}
