import { StorageError } from '@larder/storage-core/base'
import { checkCall, checkTopic, FLUSH_DELAY, SERVER_OPTIONS } from '../cache-options.js'
import type { CallOptions } from '../cache.js'
import type { ServerAnswers } from '../command-cache.js'
import {
  createServers,
  resolveRemoteOptions,
  routerOf,
  type RemoteCacheOptions,
  type ResolvedRemoteOptions,
} from './remote-options.js'
import { ServerSet, type NamedServer } from './server-set.js'
import { isMemjsClient, type Servers } from './servers.js'

/** More would be read as a Unix time (protocol.txt, "flush_all"). */
const MAX_FLUSH_DELAY_SECONDS = 30 * 86_400

/** The servers of a cache, and the commands to the servers themselves. */
export abstract class ServerCommands implements AsyncDisposable {
  readonly timeoutMs: number
  protected readonly serverSet: ServerSet
  /** As they were given. */
  protected readonly options: RemoteCacheOptions
  #list: Servers
  #isClosed = false

  protected constructor(servers: Servers, options: RemoteCacheOptions) {
    const resolved = resolveRemoteOptions(servers, options)
    this.options = options
    this.timeoutMs = resolved.channel.timeoutMs
    this.#list = servers
    this.serverSet = new ServerSet(this.#create(resolved, []), routerOf(servers, resolved))
  }

  /** The addresses, in the order of the list: `host:port`, or the path of a socket. */
  get servers(): readonly string[] {
    return this.serverSet.servers.map(({ name }) => name)
  }

  /**
   * Goes over to another list of servers. Those in both keep their connections; those that leave answer what they
   * were asked, and are closed then. Keys move as the distribution says, and a server that comes back still holds
   * what it held: flush it first. Not for those of a memjs client (`E_UNSUPPORTED`). A bad list is a `TypeError` or `RangeError` and changes nothing.
   */
  setServers(servers: string | readonly string[]): void {
    this.checkOpen()
    if (isMemjsClient(this.#list)) {
      throw new StorageError('E_UNSUPPORTED', 'The servers of a memjs client stay what they are')
    }
    const resolved = resolveRemoteOptions(servers, this.options)
    const router = routerOf(servers, resolved)
    const { timeoutMs, connectTimeoutMs } = resolved.channel
    this.serverSet.replace(
      this.#create(resolved, this.serverSet.servers),
      router,
      timeoutMs + connectTimeoutMs,
    )
    this.#list = servers
  }

  async flushAll(delayMs = 0, options?: CallOptions): Promise<ServerAnswers<true>> {
    FLUSH_DELAY.check(delayMs, 'delayMs')
    checkCall('flushAll', SERVER_OPTIONS, options)
    this.checkOpen()
    // Never early, as a time to live: a server counts whole seconds of its own clock, and spares one more for items that
    // are stored in the same second, so that a delay of N may pass in little more than N - 2.
    const delaySeconds = delayMs === 0 ? 0 : Math.min(Math.ceil(delayMs / 1000) + 2, MAX_FLUSH_DELAY_SECONDS)
    return this.serverSet.all('flushAll', (server) =>
      server.execute({ kind: 'flushAll', delaySeconds }, options),
    )
  }

  async stats(topic = '', options?: CallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>> {
    checkTopic(topic)
    checkCall('stats', SERVER_OPTIONS, options)
    this.checkOpen()
    return this.serverSet.all('stats', (server) => server.execute({ kind: 'stats', topic }, options))
  }

  async version(options?: CallOptions): Promise<ServerAnswers<string>> {
    checkCall('version', SERVER_OPTIONS, options)
    this.checkOpen()
    return this.serverSet.all('version', (server) => server.execute({ kind: 'version' }, options))
  }

  disconnectAll(): void {
    this.serverSet.disconnect()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.serverSet.close()
    // The sockets let go of the event loop in its closing phase.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The list as it was given, with its weights. */
  protected get list(): Servers {
    return this.#list
  }

  protected checkOpen(): void {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The cache was closed')
  }

  #create(resolved: ResolvedRemoteOptions, known: readonly NamedServer[]): readonly NamedServer[] {
    return createServers({ ...resolved, channel: { ...resolved.channel, home: this } }, known)
  }
}
