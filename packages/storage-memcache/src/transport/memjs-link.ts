import { Server } from 'memjs'
import type { Socket } from 'node:net'
import { Opcode, Status } from '../protocol/binary/codes.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import { BinaryReceiver } from '../protocol/binary/receiver.js'
import { addressText, type ServerAddress } from '../server-address.js'
import type { Credentials } from './credentials.js'
import type { Dial, LinkEvents } from './link.js'
import { SocketLink } from './socket-link.js'

/** What memjs keeps to itself and its types call read-only. */
interface ServerInternals {
  _socket?: Socket
  username: string | undefined
  password: string | undefined
  timeoutSet: boolean
}

/**
 * memjs's connection, reduced to what holds: it opens the socket and speaks SASL. One object serves one attempt,
 * because its buffer, its callbacks and its handlers outlive the socket they belong to (a retry on the same
 * object reads half a reply of the socket before). What memjs would do with replies, errors and time-outs is
 * overridden here.
 */
class MemjsConnection extends Server {
  readonly #handshake = new BinaryReceiver((frame) => this.#onHandshake(frame))
  #link: SocketLink | undefined
  #isReady = false

  constructor(address: ServerAddress, credentials: Credentials | undefined) {
    // Its connect time-out only half-closes the socket; the deadline is ours, and 0 turns memjs's own off.
    const options = { timeout: 0, conntimeout: 0, keepAlive: true, keepAliveDelay: 30 }
    if (address.path === undefined) super(address.host, address.port, undefined, undefined, options)
    // node:net takes a string that is no number for the path of a socket.
    else super('', address.path as unknown as number, undefined, undefined, options)
    // Left to itself, memjs takes credentials from the environment.
    const internals = this.#internals
    internals.username = credentials?.username
    internals.password = credentials?.password
  }

  get #internals(): ServerInternals {
    return this
  }

  open(events: LinkEvents): SocketLink {
    this.sock(false, () => {
      this.#isReady = true
      this.#link?.ready()
    })
    const socket = this.#internals._socket
    if (socket === undefined) throw new Error('memjs opened no socket')
    this.#link = new SocketLink(socket, events)
    return this.#link
  }

  override responseHandler(chunk: Buffer): void {
    if (this.#isReady) return this.#link?.receive(chunk)
    try {
      this.#handshake.push(chunk)
    } catch (error) {
      this.error(error as Error)
    }
  }

  override error(error: Error): void {
    // Its `close` handler would otherwise reach for a socket that is no longer there.
    this.#internals.timeoutSet = false
    this.#link?.lose(error)
  }

  // memjs takes every answer but one for a success; a server without SASL would count as one that let us in.
  #onHandshake(frame: BinaryFrame): void {
    if (frame.status !== Status.ok) return this.error(new Error(`Authentication failed: ${frame.describe()}`))
    if (frame.opcode === Opcode.saslAuth) this.emit('authenticated')
    else if (frame.opcode !== Opcode.saslList) this.error(new Error('The server answered what nobody asked'))
    else if (/\bPLAIN\b/.test(frame.valueText())) this.saslAuth()
    else this.error(new Error(`The server offers no PLAIN authentication, only ${frame.valueText()}`))
  }
}

/** Connects over TCP or a UNIX socket, with SASL where there are credentials. Several mechanisms: PLAIN is used. */
export function memjsDial(address: ServerAddress, credentials?: Credentials): Dial {
  return (events) => {
    try {
      return new MemjsConnection(address, credentials).open(events)
    } catch (error) {
      throw new Error(`Cannot open a connection to ${addressText(address)}`, { cause: error })
    }
  }
}
