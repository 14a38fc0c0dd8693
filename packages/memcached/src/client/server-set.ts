import { isStorageError, requestChannel, traceWork, type OptionTable } from '@larder/storage-core/base'
import { checkCall } from '../cache-options.js'
import type { CallOptions } from '../cache.js'
import type { ServerAnswers } from '../command-cache.js'
import { keyBytes } from '../protocol/index.js'
import type { Router } from '../routing/index.js'
import type { Channel, DatagramReader, WireItem, WireKey } from '../transport/index.js'
import { piecesOf } from './pieces.js'
import { sideBySide } from './side-by-side.js'

/** The commands of one batch to one server that are on their way together: the next leaves while one is answered. */
const COMMANDS_AT_ONCE = 2

/** One server of several, with the name that reports call it by. */
export interface NamedServer {
  readonly name: string
  /** One for each connection. A key always goes by the same one, and so do its tokens. */
  readonly channels: readonly [Channel, ...Channel[]]
  /** For reads, where the options ask for it. */
  readonly datagrams: DatagramReader | undefined
}

/** What stands for the key where servers are chosen; undefined: itself. */
export type RouteBy = string | number | undefined

type Single<T> = (server: Channel, key: WireKey, datagrams: DatagramReader | undefined) => Promise<T>

/** What is asked of one server for members of a batch that are its own. */
type Batch<T> = (server: Channel, piece: readonly T[], datagrams: DatagramReader | undefined) => Promise<void>

/** The members of a batch that go over one connection. */
interface Group<T> {
  readonly group: T[]
  readonly server: NamedServer
}

/** The servers, and which key is whose. */
export class ServerSet {
  #servers: readonly NamedServer[]
  #router: Router
  readonly #leaving = new Map<NamedServer, NodeJS.Timeout>()

  constructor(servers: readonly NamedServer[], router: Router) {
    this.#servers = servers
    this.#router = router
  }

  get servers(): readonly NamedServer[] {
    return this.#servers
  }

  /** From the next command on. Servers that are not among the new ones have `graceMs` to answer what they were asked. */
  replace(servers: readonly NamedServer[], router: Router, graceMs: number): void {
    for (const server of this.#servers) if (!servers.includes(server)) this.#dismiss(server, graceMs)
    this.#servers = servers
    this.#router = router
  }

  /** Checks key and options and asks the key's server. Bad arguments reject, although what runs here may throw. */
  on<T>(
    operation: string,
    table: OptionTable,
    key: string,
    options: CallOptions | undefined,
    run: Single<T>,
  ): Promise<T> {
    try {
      checkCall(operation, table, options)
      const wireKey = wireKeyOf(key)
      const server = this.#serverOf(key, options?.routeBy)
      const channel = channelOf(server, key)
      return requestChannel.hasSubscribers
        ? watchedRun(operation, server, channel, wireKey, run)
        : run(channel, wireKey, server.datagrams)
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /**
   * Asks all servers of a batch at once, and each in pieces. A piece that fails concerns its own members only, which are
   * reported to `onFailed`; an abort concerns the whole call.
   */
  async each<T extends WireKey | WireItem>(
    operation: string,
    members: readonly T[],
    routeBy: RouteBy,
    run: Batch<T>,
    onFailed: (member: T, error: Error) => void,
  ): Promise<void> {
    const groups = this.#group(members, routeBy)
    const runs = Array.from(groups, ([channel, { group, server }]) =>
      sideBySide(piecesOf(group, bytesOf), COMMANDS_AT_ONCE, async (piece) => {
        const ask = () => run(channel, piece, server.datagrams)
        try {
          await (requestChannel.hasSubscribers ? watched(operation, piece.length, server, ask) : ask())
        } catch (error) {
          if (isStorageError(error, 'E_ABORTED')) throw error
          for (const member of piece) onFailed(member, error as Error)
        }
      }),
    )
    await Promise.all(runs)
  }

  /** Asks every server, and answers in their order. */
  async all<T>(operation: string, run: (server: Channel) => Promise<T>): Promise<ServerAnswers<T>> {
    const answers = new Map<string, T>()
    const failed = new Map<string, Error>()
    const servers = this.#servers
    const ask = (server: NamedServer) => watched(operation, 0, server, () => run(server.channels[0]))
    const settled = await Promise.allSettled(servers.map(ask))
    for (const [i, { name }] of servers.entries()) {
      const result = settled[i]
      if (result?.status === 'fulfilled') answers.set(name, result.value)
      else if (isStorageError(result?.reason, 'E_ABORTED')) throw result.reason
      else failed.set(name, result?.reason as Error)
    }
    return { answers, failed }
  }

  disconnect(): void {
    for (const { channels, datagrams } of this.#servers) {
      for (const channel of channels) channel.disconnect()
      datagrams?.disconnect()
    }
  }

  close(): void {
    for (const timer of this.#leaving.values()) clearTimeout(timer)
    for (const server of [...this.#leaving.keys(), ...this.#servers]) closeAll(server)
    this.#leaving.clear()
  }

  #dismiss(server: NamedServer, graceMs: number): void {
    const timer = setTimeout(() => {
      this.#leaving.delete(server)
      closeAll(server)
    }, graceMs)
    this.#leaving.set(server, timer.unref())
  }

  #serverOf(key: string, routeBy: RouteBy): NamedServer {
    const server = this.#servers[this.#indexOf(key, routeBy)]
    if (server === undefined) throw new Error('The router named a server that is not there')
    return server
  }

  #indexOf(key: string, routeBy: RouteBy): number {
    if (routeBy === undefined) return this.#router.serverOf(key)
    if (typeof routeBy === 'number') return this.#router.serverOfHash(routeBy)
    keyBytes(routeBy)
    return this.#router.serverOf(routeBy)
  }

  #group<T extends WireKey | WireItem>(
    members: readonly T[],
    routeBy: RouteBy,
  ): ReadonlyMap<Channel, Group<T>> {
    const groups = new Map<Channel, Group<T>>()
    for (const member of members) {
      const { text } = keyOf(member)
      const server = this.#serverOf(text, routeBy)
      const channel = channelOf(server, text)
      const found = groups.get(channel)
      if (found === undefined) groups.set(channel, { group: [member], server })
      else found.group.push(member)
    }
    return groups
  }
}

/** Publishes the events of a command to one server. */
function watched<T>(
  operation: string,
  items: number,
  { name }: NamedServer,
  ask: () => Promise<T>,
): Promise<T> {
  if (!requestChannel.hasSubscribers) return ask()
  return traceWork(
    requestChannel,
    { system: 'memcached', operation, items, server: name, statement: undefined },
    ask,
  )
}

/** A function of its own, so that its caller captures nothing unless the channel has subscribers. */
function watchedRun<T>(
  operation: string,
  server: NamedServer,
  channel: Channel,
  key: WireKey,
  run: Single<T>,
): Promise<T> {
  return watched(operation, 1, server, () => run(channel, key, server.datagrams))
}

function keyOf(member: WireKey | WireItem): WireKey {
  return 'key' in member ? member.key : member
}

function bytesOf(member: WireKey | WireItem): number {
  return 'key' in member ? member.key.bytes + member.value.byteLength : member.bytes
}

function channelOf({ channels }: NamedServer, key: string): Channel {
  return channels.length === 1 ? channels[0] : (channels[spread(key) % channels.length] as Channel)
}

export function wireKeyOf(key: string): WireKey {
  return { text: key, bytes: keyBytes(key) }
}

function closeAll({ channels, datagrams }: NamedServer): void {
  for (const channel of channels) channel.close()
  datagrams?.close()
}

/** FNV-1a over the code units: other than what chose the server, since its keys have that in common. */
function spread(key: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x0100_0193)
  return (hash ^ (hash >>> 16)) >>> 0
}
