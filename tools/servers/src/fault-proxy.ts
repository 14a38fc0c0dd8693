import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, LOOPBACK } from './address.js'

export type ProxyTarget = { readonly host?: string; readonly port: number } | { readonly path: string }

type Direction = 'request' | 'reply'

type Mode =
  | { readonly kind: 'pass' | 'hold' | 'blackhole' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'pieces'; readonly bytes: number }
  | { readonly kind: 'truncate'; readonly bytes: number }

// A reader that finds bytes and a reset at once may take them for an orderly end, as Node does.
const READING_MS = 5

/**
 * Sends a RST and nothing before it. `resetAndDestroy()` ends the socket first, so that the other side may
 * read an orderly end; this is the property by which it asks for the RST. A socket that is being ended, or not yet
 * connected, takes no reset: asked for one, Node would let go of it without closing it, and its process would never
 * end, as it waits for all that is open.
 */
function reset(socket: Socket): void {
  if (!socket.writableEnded && !socket.connecting) Object.assign(socket, { resetAndClosing: true })
  socket.destroy()
}

/** One client's connection and the one to the target that belongs to it. */
class Link {
  readonly #proxy: FaultProxy
  readonly #client: Socket
  readonly #target: Socket
  /** A connection that lost bytes is closed: it would give a client the answer to another request. */
  #hasLost = false
  #isForgotten = false
  #replied = 0
  #repliedUnder: Mode | undefined

  constructor(proxy: FaultProxy, client: Socket, target: Socket) {
    this.#proxy = proxy
    this.#client = client
    this.#target = target
    this.#pump(client, target, 'request')
    this.#pump(target, client, 'reply')
  }

  get clientIsOpen(): boolean {
    return !this.#client.destroyed
  }

  /** Whether anything can still pass. */
  get isOpen(): boolean {
    return this.clientIsOpen || !this.#target.destroyed
  }

  /** From now on everything is lost, and nobody hears of it. */
  forget(): void {
    this.#isForgotten = true
  }

  /** Resets both connections. */
  cut(): void {
    reset(this.#client)
    reset(this.#target)
  }

  onClose(listener: () => void): void {
    this.#client.once('close', listener)
    this.#target.once('close', listener)
  }

  #pump(from: Socket, to: Socket, direction: Direction): void {
    from.setNoDelay(true)
    // One step after another: what is late must not be overtaken, not even by the end of its connection.
    let steps = Promise.resolve()
    const then = (step: () => Promise<void> | void): void => {
      steps = steps.then(step).catch(() => this.cut())
    }
    from.on('data', (chunk: Buffer) => then(() => this.#deliver(chunk, to, direction)))
    from.on('end', () => then(() => this.#pass(() => to.end())))
    from.on('error', () => then(() => this.#pass(() => reset(to))))
  }

  async #pass(step: () => void): Promise<void> {
    const mode = await this.#proxy.released()
    if (mode.kind === 'blackhole' || this.#isForgotten) return
    if (this.#hasLost) this.cut()
    else step()
  }

  async #deliver(chunk: Buffer, to: Socket, direction: Direction): Promise<void> {
    const mode = await this.#proxy.released()
    if (this.#isForgotten) return
    if (mode.kind === 'blackhole') {
      this.#hasLost = true
      return
    }
    if (this.#hasLost) return this.cut()
    if (mode.kind === 'delay') await sleep(mode.ms, undefined, { ref: false })
    if (mode.kind === 'pieces') return inPieces(chunk, mode.bytes, to)
    if (mode.kind === 'truncate' && direction === 'reply') return this.#truncate(chunk, mode, to)
    if (!to.destroyed) to.write(chunk)
  }

  /** A reader in this process that had no time yet reads before the next immediate. */
  #cutWhenRead(): void {
    setImmediate(() => this.cut())
  }

  #truncate(chunk: Buffer, mode: Mode & { readonly kind: 'truncate' }, to: Socket): void {
    if (this.#repliedUnder !== mode) {
      this.#repliedUnder = mode
      this.#replied = 0
    }
    const left = Math.max(mode.bytes - this.#replied, 0)
    this.#replied += chunk.length
    if (chunk.length < left) to.write(chunk)
    else to.write(chunk.subarray(0, left), () => setTimeout(() => this.#cutWhenRead(), READING_MS))
  }
}

async function inPieces(chunk: Buffer, bytes: number, to: Socket): Promise<void> {
  for (let at = 0; at < chunk.length && !to.destroyed; at += bytes) {
    await new Promise<void>((resolve) => to.write(chunk.subarray(at, at + bytes), () => resolve()))
    // A turn of the event loop, so that the reader gets this piece by itself.
    await sleep(0)
  }
}

/**
 * A TCP proxy in front of a server, with one fault at a time. A fault holds for all connections, those that
 * are open too, until the next call. When the target is down, connections are accepted and then reset.
 */
export class FaultProxy implements AsyncDisposable {
  readonly host = LOOPBACK
  readonly port: number
  #target: ProxyTarget
  readonly #links = new Set<Link>()
  #server: Server | undefined
  #mode: Mode = { kind: 'pass' }
  #release: () => void = () => undefined
  #released = Promise.resolve()
  #accepted = 0

  private constructor(target: ProxyTarget, port: number) {
    this.#target = target
    this.port = port
  }

  static async start(target: ProxyTarget, port?: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, port ?? (await freePort()))
    await proxy.#listen()
    return proxy
  }

  /** `host:port`. */
  get address(): string {
    return `${this.host}:${this.port}`
  }

  /** Connections that are open now. */
  get connections(): number {
    return [...this.#links].filter((link) => link.clientIsOpen).length
  }

  /** Connections ever accepted. */
  get accepted(): number {
    return this.#accepted
  }

  /** No fault. What `hold()` kept is delivered now; listens again after `refuse()`. */
  async pass(): Promise<void> {
    this.#set({ kind: 'pass' })
    await this.#listen()
  }

  /** Keeps all bytes, in both directions, and delivers them when the next call comes: late, in order. */
  hold(): void {
    this.#set({ kind: 'hold' })
  }

  /**
   * Accepts connections and bytes, and forwards nothing; what comes meanwhile is lost, and a connection that has
   * lost something is reset by what comes after.
   */
  blackhole(): void {
    this.#set({ kind: 'blackhole' })
  }

  /** Delivers each chunk later, in both directions. */
  delay(ms: number): void {
    this.#set({ kind: 'delay', ms })
  }

  /** Delivers in writes of so many bytes. */
  pieces(bytes: number): void {
    if (!(bytes >= 1)) throw new RangeError('pieces must be of at least one byte')
    this.#set({ kind: 'pieces', bytes })
  }

  /** Lets so many bytes of reply through on each connection, counted from now, and then resets it. */
  truncate(bytes: number): void {
    this.#set({ kind: 'truncate', bytes })
  }

  /** Sends new connections to another server. Open ones stay where they are. */
  redirect(target: ProxyTarget): void {
    this.#target = target
  }

  /** Resets the open connections, once. The mode stays. */
  cut(): void {
    for (const link of this.#links) link.cut()
  }

  /** Loses all that is sent on the connections that are open now, as a firewall does that forgot them. */
  forget(): void {
    for (const link of this.#links) link.forget()
  }

  /** Stops listening and resets the open connections: new ones are refused until `pass()`. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.cut()
    if (server) await new Promise((resolve) => server.close(resolve))
  }

  async stop(): Promise<void> {
    this.#set({ kind: 'blackhole' })
    await this.refuse()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** For links: the mode, as soon as it is not `hold`. */
  async released(): Promise<Mode> {
    while (this.#mode.kind === 'hold') await this.#released
    return this.#mode
  }

  #set(mode: Mode): void {
    this.#mode = mode
    this.#release()
    this.#released = new Promise((resolve) => (this.#release = resolve))
  }

  async #listen(): Promise<void> {
    if (this.#server) return
    const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
    this.#server = server
    server.unref()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, this.host, resolve)
    })
  }

  #accept(client: Socket): void {
    this.#accepted += 1
    const target = connect({ ...this.#target, allowHalfOpen: true })
    const link = new Link(this, client, target)
    this.#links.add(link)
    link.onClose(() => {
      if (!link.isOpen) this.#links.delete(link)
    })
  }
}

/** A fault proxy in front of a server: `startProxy({ port: server.port })`, or `{ path }` of a UNIX socket. */
export function startProxy(
  target: ProxyTarget,
  options: { readonly port?: number } = {},
): Promise<FaultProxy> {
  return FaultProxy.start(target, options.port)
}
