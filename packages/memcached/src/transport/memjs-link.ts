import { Server } from 'memjs'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Opcode, Status } from '../protocol/binary/codes.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import { BinaryReceiver } from '../protocol/binary/receiver.js'
import type { ServerAddress } from '../server-address.js'
import type { Credentials } from './credentials.js'
import type { Dial, LinkEvents } from './link.js'
import { tlsSock } from './memjs-tls.js'
import { linkOver } from './record-link.js'
import type { SocketLink } from './socket-link.js'

/** As much of a memjs `Server` as its address; the rest is used as it is. */
export interface MemjsServer {
  readonly host: string
  /** A path stands here for a UNIX socket. */
  readonly port: number | string
}

/** As much of a memjs `Client` as is used: where its keys live. */
export interface MemjsClient {
  readonly servers: readonly MemjsServer[]
  /** The index of a key's server. memjs's types say that it is text. */
  getServer(key: string): number | string
}

/** What memjs keeps to itself and its types call read-only. */
interface ServerState {
  _socket: Socket | undefined
  username: string | undefined
  password: string | undefined
  timeoutSet: boolean
}

/** A memjs server to make connections after. No I/O. */
export function memjsServer(
  address: ServerAddress,
  credentials?: Credentials,
  tls?: ConnectionOptions,
): MemjsServer {
  const options = { keepAlive: true, keepAliveDelay: 30 }
  // node:net takes a string that is no number for the path of a socket.
  const [host, port] = address.path === undefined ? [address.host, address.port] : ['', address.path]
  const server = new Server(host, port as number, undefined, undefined, options)
  // Left to itself, memjs takes credentials from the environment.
  const { username, password } = credentials ?? {}
  const sock = tls === undefined ? {} : { sock: tlsSock(address, tls) }
  return Object.assign(server, { username, password }, sock)
}

/**
 * memjs's connection, reduced to what holds: it opens the socket and speaks SASL. Each attempt is an object of its
 * own behind which the given server stands, with its credentials, options and whatever its user has overridden:
 * buffer, callbacks and handlers of a memjs server outlive the socket they belong to (a retry on the same object
 * reads half a reply of the socket before). What memjs would do with replies, errors and time-outs is replaced.
 */
class MemjsAttempt {
  readonly #handshake = new BinaryReceiver((frame) => this.#onHandshake(frame))
  readonly #server: Server
  readonly #state: ServerState
  #link: SocketLink | undefined
  #isReady = false

  constructor(template: MemjsServer) {
    const server = Object.create(template) as Server
    // Without listeners of its own it would add to those of the template.
    Reflect.apply(EventEmitter, server, [])
    // Its connect time-out only half-closes the socket; the deadline is ours, and 0 turns memjs's own off.
    const options = { ...server.options, timeout: 0, conntimeout: 0 }
    const fresh = { _socket: undefined, connected: false, timeoutSet: false, connectCallbacks: [], options }
    const replaced = {
      responseHandler: (chunk: Buffer) => this.#receive(chunk),
      error: (error: Error) => this.#fail(error),
    }
    Object.assign(server, fresh, replaced)
    this.#server = server
    this.#state = server as unknown as ServerState
  }

  open(events: LinkEvents): SocketLink {
    this.#server.sock(false, () => {
      this.#isReady = true
      this.#link?.ready()
    })
    const socket = this.#state._socket
    if (socket === undefined) throw new Error('memjs opened no socket')
    this.#link = linkOver(socket, events)
    return this.#link
  }

  #receive(chunk: Buffer): void {
    if (this.#isReady) return this.#link?.receive(chunk)
    try {
      this.#handshake.push(chunk)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #fail(error: Error): void {
    // Its `close` handler would otherwise reach for a socket that is no longer there.
    this.#state.timeoutSet = false
    this.#link?.lose(error)
  }

  // memjs takes every answer but one for a success; a server without SASL would count as one that let us in.
  #onHandshake(frame: BinaryFrame): void {
    if (frame.status !== Status.ok) return this.#fail(new Error(`Authentication failed: ${frame.describe()}`))
    if (frame.opcode === Opcode.saslAuth) this.#server.emit('authenticated')
    else if (frame.opcode !== Opcode.saslList) this.#fail(new Error('The server answered what nobody asked'))
    else if (/\bPLAIN\b/.test(frame.valueText())) this.#server.saslAuth()
    else this.#fail(new Error(`The server offers no PLAIN authentication, only ${frame.valueText()}`))
  }
}

/** Connects over TCP, TLS or a UNIX socket, with SASL where there are credentials. Several mechanisms: PLAIN is used. */
export function memjsDial(server: MemjsServer): Dial {
  return (events) => {
    try {
      return new MemjsAttempt(server).open(events)
    } catch (error) {
      throw new Error(`Cannot open a connection to ${server.host}:${server.port}`, { cause: error })
    }
  }
}
