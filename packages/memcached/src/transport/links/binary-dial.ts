import { Server } from 'memjs'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { type BinaryFrame, BinaryReceiver, Opcode, Status } from '../../protocol/index.js'
import type { ServerAddress } from '../../server-address.js'
import { openBinary } from '../binary/session.js'
import type { Credentials } from '../credentials.js'
import type { Dial } from './link.js'
import { openSocket } from './open-socket.js'
import { requestLikeALine } from './questions.js'
import { linkOver } from './record-link.js'

/** Connects over TCP, TLS or a UNIX socket, with SASL where there are credentials. Several mechanisms: PLAIN is used. */
export function binaryDial(
  address: ServerAddress,
  credentials: Credentials | undefined,
  tls: ConnectionOptions | undefined,
): Dial {
  return (events) => {
    let isReady = false
    const ready = () => {
      isReady = true
      link.ready(openBinary)
    }
    const connected = () => {
      if (credentials === undefined) ready()
      else login = logIn(socket, credentials, ready, (error) => link.lose(error))
    }
    const receive = (chunk: Buffer) => {
      if (isReady) link.receive(chunk)
      else login?.(chunk)
    }
    let login: ((chunk: Buffer) => void) | undefined
    const socket = openSocket(address, tls, receive, connected)
    const link = linkOver(socket, events)
    return link
  }
}

/** memjs's requests of SASL, written to a socket of our own. */
class SaslRequests extends Server {
  readonly #socket: Socket

  constructor(socket: Socket, { username, password }: Credentials) {
    super('', 0, username, password)
    this.#socket = socket
  }

  override sock(_isSasl: boolean, go: (socket: Socket) => void): void {
    go(this.#socket)
  }
}

/** Starts the login; the function that is returned takes what the server answers. */
function logIn(
  socket: Socket,
  credentials: Credentials,
  ready: () => void,
  fail: (error: Error) => void,
): (chunk: Buffer) => void {
  const requests = new SaslRequests(socket, credentials)
  const receiver = new BinaryReceiver((frame) => {
    const next = judge(frame)
    if (next instanceof Error) fail(next)
    else if (next === 'ready') ready()
    else requests.saslAuth()
  })
  socket.write(requestLikeALine(Opcode.saslList))
  return (chunk) => {
    try {
      receiver.push(chunk)
    } catch (error) {
      const advice = "a server with a password file (-Y) needs transport: 'meta'"
      fail(new Error(`Authentication by SASL failed: ${(error as Error).message}; ${advice}`))
    }
  }
}

function judge(frame: BinaryFrame): 'ready' | 'authenticate' | Error {
  if (frame.status !== Status.ok) return new Error(`Authentication failed: ${frame.describe()}`)
  if (frame.opcode === Opcode.saslAuth) return 'ready'
  if (frame.opcode !== Opcode.saslList) return new Error('The server answered without a command')
  if (/\bPLAIN\b/.test(frame.valueText())) return 'authenticate'
  return new Error(`The server offers no PLAIN authentication, only ${frame.valueText()}`)
}
