import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { RemoteCache } from '@larder/memcached'
import type { ItemStore } from './item-store.js'
import type { SimProcess } from './scheduler.js'
import type { Scene, SimServer } from './sim-server.js'
import { WireSession } from './wire-server.js'

/** How often a side that is out of reach is tried again. */
const RETRY_MS = 100

interface ConnectOptions {
  readonly host: string
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (bytes: number) => boolean }
}

/** A client's end of a connection. */
class SimSocket extends Duplex {
  readonly #wire: SimConnection
  readonly #onread: ConnectOptions['onread']

  constructor(wire: SimConnection, onread: ConnectOptions['onread']) {
    super()
    this.#wire = wire
    this.#onread = onread
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  deliver(bytes: Buffer): void {
    const { buffer, callback } = this.#onread
    buffer.set(bytes)
    callback(bytes.length)
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // A copy: whoever writes may use the memory again.
    this.#wire.send(Buffer.from(chunk))
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wire.abandon()
    done(error)
  }
}

/** Bytes arrive in order, in pieces of any size, each at a step of its own; what was sent may outlive its sender. */
class SimConnection {
  readonly socket: SimSocket
  readonly server: SimServer
  readonly #process: SimProcess
  readonly #scene: Scene
  readonly #session: WireSession
  readonly #isKept: boolean
  #peer: ItemStore | undefined
  #toServer: Buffer[] = []
  #toClient: Buffer[] = []
  #isAbandoned = false
  #isSending = false
  #isReceiving = false

  constructor(
    server: SimServer,
    process: SimProcess,
    scene: Scene,
    { serverVersion, middlemen }: Pick<NetworkOptions, 'serverVersion' | 'middlemen'>,
    onread: ConnectOptions['onread'],
  ) {
    this.server = server
    this.#isKept = middlemen
    this.#process = process
    this.#scene = scene
    this.#session = new WireSession(server, process.name, serverVersion)
    this.socket = new SimSocket(this, onread)
    void this.#connect()
  }

  send(bytes: Buffer): void {
    if (this.#process.isDead) return
    this.#toServer.push(bytes)
    if (!this.#isSending) void this.#pumpToServer()
  }

  belongsTo(process: SimProcess): boolean {
    return this.#process === process
  }

  /** By the client. What is on its way may arrive all the same. */
  abandon(): void {
    if (this.#isAbandoned) return
    this.#isAbandoned = true
    this.#scene.unanswered++
    if (this.#scene.scheduler.chance(0.3)) this.#toServer = []
  }

  /** By the network, or since the server's process is gone. */
  async cut(): Promise<void> {
    await this.#scene.scheduler.step('', this.#process)
    if (this.#isAbandoned) return
    this.#scene.scheduler.note(`${this.#process.name}: connection to ${this.server.name} CUT`)
    this.#toClient = []
    this.socket.destroy(new Error('read ECONNRESET'))
  }

  /** A middleman keeps the connection, whichever process of the server there is. */
  get #isGone(): boolean {
    return !this.#isKept && this.#peer !== this.server.store
  }

  async #connect(): Promise<void> {
    const { scheduler } = this.#scene
    await scheduler.step('', this.#process)
    while (!this.server.reaches(this.#process)) {
      if (this.#isAbandoned) return
      await scheduler.sleep(RETRY_MS, this.#process)
    }
    if (this.#isAbandoned) return
    this.#peer = this.server.store
    scheduler.note(`${this.#process.name}: connected to ${this.server.name}`)
    this.socket.emit('connect')
  }

  async #pumpToServer(): Promise<void> {
    this.#isSending = true
    const { scheduler } = this.#scene
    while (this.#toServer.length > 0) {
      await scheduler.step('')
      if (this.#isGone) return this.cut()
      if (!this.server.reaches(this.#process)) {
        await scheduler.sleep(RETRY_MS)
        continue
      }
      const chunk = this.#take(this.#toServer)
      if (chunk === undefined) break
      const replies = this.#session.receive(chunk, this.#isAbandoned)
      if (replies.length === 0 || this.#isAbandoned) continue
      this.#toClient.push(replies)
      if (!this.#isReceiving) void this.#pumpToClient()
    }
    this.#isSending = false
  }

  async #pumpToClient(): Promise<void> {
    this.#isReceiving = true
    const { scheduler } = this.#scene
    while (this.#toClient.length > 0) {
      await scheduler.step('', this.#process)
      if (this.#isAbandoned) return
      if (!this.server.reaches(this.#process)) {
        await scheduler.sleep(RETRY_MS, this.#process)
        continue
      }
      const chunk = this.#take(this.#toClient)
      if (chunk !== undefined) this.socket.deliver(chunk)
    }
    this.#isReceiving = false
  }

  /** The next bytes, now and then cut in two. */
  #take(queue: Buffer[]): Buffer | undefined {
    const chunk = queue.shift()
    if (chunk === undefined || chunk.length < 2 || !this.#scene.scheduler.chance(0.1)) return chunk
    const at = 1 + Math.floor(this.#scene.scheduler.random() * (chunk.length - 1))
    queue.unshift(chunk.subarray(at))
    return chunk.subarray(0, at)
  }
}

export interface NetworkOptions {
  /** Connections outlive a restart of their server. */
  readonly middlemen: boolean
  readonly serverVersion: string
  readonly wire: false | 'meta' | 'text'
}

/**
 * Stands in for `node:net` and Node's timers while a run lasts, so that the library's own client runs as it is: its
 * connections, batches, time-outs and tokens. A server's host is `server.process`.
 */
export class Network {
  readonly #scene: Scene
  readonly #servers: readonly SimServer[]
  readonly #transport: 'meta' | 'text'
  readonly #processes = new Map<string, SimProcess>()
  readonly #connections: SimConnection[] = []

  readonly #options: NetworkOptions

  constructor(scene: Scene, servers: readonly SimServer[], options: NetworkOptions) {
    this.#options = options
    this.#transport = options.wire === 'text' ? 'text' : 'meta'
    this.#scene = scene
    this.#servers = servers
    // A middleman between them keeps the connections.
    if (options.middlemen) return
    for (const server of servers) server.onRestart = () => this.#cutAll(server)
  }

  /** The library's client, as a process uses it. */
  clientOf(process: SimProcess): RemoteCache {
    this.#processes.set(process.name, process)
    return new RemoteCache(
      this.#servers.map(({ name }) => `${name}.${process.name}:11211`),
      {
        ...{ transport: this.#transport, timeoutMs: 500, connectTimeoutMs: 500, deadTimeoutMs: 1_000 },
        // By the place in the list and not by the name, which is another in each process.
        routing: { distribution: 'modula' },
        now: () => this.#scene.scheduler.nowMs,
      },
    )
  }

  /** Cuts a connection of that process. */
  cutOne(process: SimProcess): void {
    const own = this.#connections.filter(({ socket }) => !socket.destroyed)
    const [first] = own.filter((connection) => connection.belongsTo(process))
    if (first !== undefined) void first.cut()
  }

  /** Until what is returned is called. */
  install(): () => void {
    const { scheduler } = this.#scene
    const { setTimeout, clearTimeout, setImmediate } = globalThis
    const { connect } = net
    const forget = new WeakMap<object, () => void>()
    const replaced = {
      setTimeout: (callback: () => void, ms: number) => {
        const timer = { unref: () => timer, ref: () => timer }
        forget.set(timer, scheduler.after(ms, undefined, callback))
        return timer
      },
      clearTimeout: (timer: object | undefined) => timer && forget.get(timer)?.(),
      setImmediate: (callback: () => void) => void scheduler.step('').then(callback),
    }
    Object.assign(globalThis, replaced)
    Object.assign(net, { connect: (options: ConnectOptions) => this.#connect(options) })
    syncBuiltinESMExports()
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate })
      Object.assign(net, { connect })
      syncBuiltinESMExports()
    }
  }

  #connect({ host, onread }: ConnectOptions): Duplex {
    const [serverName, processName = ''] = host.split('.')
    const server = this.#servers.find(({ name }) => name === serverName)
    const process = this.#processes.get(processName)
    if (server === undefined || process === undefined) throw new Error(`There is no ${host}`)
    const connection = new SimConnection(server, process, this.#scene, this.#options, onread)
    this.#connections.push(connection)
    return connection.socket
  }

  #cutAll(server: SimServer): void {
    for (const connection of this.#connections) if (connection.server === server) void connection.cut()
  }
}
