import { Frames } from './frames.js'
import type { Answer, Message, Protocol, Request } from './protocol.js'

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const QUERY = 'Q'
const PARSE = 'P'
const SYNC = 'S'
const READY = 'Z'
const TYPE_BYTES = 1
const LENGTH_BYTES = 4

function sizeOf(bytes: Buffer): number | undefined {
  return bytes.length < TYPE_BYTES + LENGTH_BYTES ? undefined : TYPE_BYTES + bytes.readUInt32BE(TYPE_BYTES)
}

/** The text that ends with a zero byte. */
function textAt(bytes: Buffer, start: number): string {
  return bytes.toString('utf8', start, bytes.indexOf(0, start))
}

function typeOf(message: Buffer): string {
  return message.toString('latin1', 0, TYPE_BYTES)
}

function sqlOf(message: Buffer): string | undefined {
  const type = typeOf(message)
  const body = TYPE_BYTES + LENGTH_BYTES
  if (type === QUERY) return textAt(message, body)
  // The name of the statement comes before its text.
  return type === PARSE ? textAt(message, message.indexOf(0, body) + 1) : undefined
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(TYPE_BYTES + LENGTH_BYTES)
  head.write(type)
  head.writeUInt32BE(LENGTH_BYTES + body.length, TYPE_BYTES)
  return Buffer.concat([head, body])
}

/** Version 3, without TLS. */
export class PostgresProtocol implements Protocol {
  readonly #client = new Frames((bytes) => this.#clientSize(bytes))
  readonly #server = new Frames(sizeOf)
  #isStarted = false

  fromClient(chunk: Buffer): readonly Request[] {
    return this.#client
      .push(chunk)
      .map((bytes) => ({ bytes, sql: sqlOf(bytes), ends: [QUERY, SYNC].includes(typeOf(bytes)) }))
  }

  fromServer(chunk: Buffer): readonly Message[] {
    return this.#server.push(chunk).map((bytes) => ({ bytes, ends: typeOf(bytes) === READY }))
  }

  /** A FATAL one is the last message of its connection. */
  error({ code, message: text, severity = 'ERROR' }: Answer): Buffer {
    const fields = [`S${severity}`, `V${severity}`, `C${code}`, `M${text}`, '']
    const error = message('E', Buffer.from(fields.map((field) => `${field}\0`).join('')))
    // Outside of any transaction.
    return severity === 'FATAL' ? error : Buffer.concat([error, message(READY, Buffer.from('I'))])
  }

  /** The first message has no type. */
  #clientSize(bytes: Buffer): number | undefined {
    if (this.#isStarted) return sizeOf(bytes)
    if (bytes.length < LENGTH_BYTES) return undefined
    const size = bytes.readUInt32BE(0)
    if (bytes.length >= size) this.#isStarted = true
    return size
  }
}
