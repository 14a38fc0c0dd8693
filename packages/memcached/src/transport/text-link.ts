import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { ServerAddress } from '../server-address.js'
import type { Credentials } from './credentials.js'
import type { Dial } from './link.js'
import { linkOver } from './record-link.js'

/** What Node itself reads at once. */
const READ_BYTES = 64 * 1024
/** Longer than any answer to a handshake. */
const MAX_ANSWER_BYTES = 1024

export interface TextLinkOptions {
  /** A user and password of the file that the server was started with as `-Y`. */
  readonly credentials?: Credentials | undefined
  readonly tls?: ConnectionOptions | undefined
}

/**
 * As long as the header of a binary request: a server that speaks nothing else would wait for the rest of a shorter
 * question, and takes this one for garbage at once. Spaces behind a command mean nothing to the others.
 */
const QUESTION = `${'mn'.padEnd(22)}\r\n`

/**
 * Connects over TCP, TLS or a UNIX socket, and asks `mn` before anything else: only a server that knows the meta
 * commands answers `MN`.
 */
export function textDial(address: ServerAddress, options: TextLinkOptions = {}): Dial {
  return (events) => {
    const socket = openSocket(address, options.tls, (chunk) => receive(chunk))
    const link = linkOver(socket, {
      ready: () => events.ready(),
      data: (chunk) => events.data(chunk),
      drain: () => events.drain(),
      lost: (error) => events.lost(handshake?.isUnanswered === true ? new NoAnswerError(error) : error),
    })
    let handshake: Handshake | undefined = new Handshake(options.credentials)
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      if (handshake === undefined) return
      link.write([handshake.question])
      handshake.isUnanswered = true
    })
    const receive = (chunk: Buffer) => {
      if (handshake === undefined) return link.receive(chunk)
      handshake.isUnanswered = false
      const result = handshake.read(chunk)
      if (result === 'more') return
      handshake = undefined
      if (result === 'ready') link.ready()
      else link.lose(result)
    }
    socket.setKeepAlive(true, 30_000)
    return link
  }
}

/**
 * Starts to connect over TCP, TLS or a UNIX socket. `receive` gets a chunk for the time of the call only: without TLS
 * all that arrives is read into the same memory, which costs a third less than memory of its own for each chunk.
 */
export function openSocket(
  address: ServerAddress,
  tls: ConnectionOptions | undefined,
  receive: (chunk: Buffer) => void,
): Socket {
  const target =
    address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
  if (tls !== undefined) return connectTls({ ...tls, ...target }).on('data', receive)
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const callback = (bytes: number) => {
    receive(buffer.subarray(0, bytes))
    return true
  }
  return connect({ ...target, onread: { buffer, callback } })
}

/** The server answered, but not as one that knows the meta commands does. */
export class NoMetaError extends Error {}

/** The server hung up on the question: it may speak the binary protocol alone, or nothing at all. */
export class NoAnswerError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause })
  }
}

class Handshake {
  /** Asked, and without a byte of an answer. */
  isUnanswered = false
  readonly question: Buffer
  readonly #expected: string
  #answer = ''

  constructor(credentials: Credentials | undefined) {
    const login = credentials === undefined ? '' : `${credentials.username} ${credentials.password}`
    // The server takes them as the value of any set that comes first (protocol.txt, "Authentication").
    const auth = credentials === undefined ? '' : `set auth 0 0 ${Buffer.byteLength(login)}\r\n${login}\r\n`
    this.question = Buffer.from(auth + QUESTION)
    this.#expected = credentials === undefined ? 'MN\r\n' : 'STORED\r\nMN\r\n'
  }

  read(chunk: Buffer): 'more' | 'ready' | Error {
    this.#answer += chunk.toString('latin1')
    if (this.#answer === this.#expected) return 'ready'
    if (this.#expected.startsWith(this.#answer) && this.#answer.length < MAX_ANSWER_BYTES) return 'more'
    const answer = JSON.stringify(this.#answer.slice(0, 100))
    return new NoMetaError(
      `The server does not know the meta commands, or lets us not in: it answered ${answer}`,
    )
  }
}
