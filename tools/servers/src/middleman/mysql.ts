import { Frames } from './frames.js'
import type { Answer, Message, Protocol, Request } from './protocol.js'

// https://mariadb.com/kb/en/clientserver-protocol/
const HEAD_BYTES = 4
const COM_QUERY = 0x03
const OK = 0x00
const ERR = 0xff
const EOF = 0xfe
const LONGEST_EOF = 9
const MORE_RESULTS = 0x0008

function sizeOf(bytes: Buffer): number | undefined {
  return bytes.length < HEAD_BYTES ? undefined : HEAD_BYTES + bytes.readUIntLE(0, 3)
}

/** How many bytes a number of variable length takes. */
function sizeOfNumber(first: number): number {
  return first === 0xfc ? 3 : first === 0xfd ? 4 : first === 0xfe ? 9 : 1
}

/** Statements and their answers up to 16 MB, without TLS and compression. */
export class MysqlProtocol implements Protocol {
  readonly #client = new Frames(sizeOf)
  readonly #server = new Frames(sizeOf)
  /** How many more EOF packets the rows that are on their way have. */
  #eofsLeft = 0

  fromClient(chunk: Buffer): readonly Request[] {
    return this.#client.push(chunk).map((bytes) => {
      // A command begins a sequence of packets; what belongs to the handshake continues one.
      const isQuery = bytes[3] === 0 && bytes[HEAD_BYTES] === COM_QUERY
      if (isQuery) this.#eofsLeft = 0
      return { bytes, sql: isQuery ? bytes.toString('utf8', HEAD_BYTES + 1) : undefined, ends: true }
    })
  }

  fromServer(chunk: Buffer): readonly Message[] {
    return this.#server.push(chunk).map((bytes) => ({ bytes, ends: this.#ends(bytes.subarray(HEAD_BYTES)) }))
  }

  error({ code, message }: Answer): Buffer {
    const body = Buffer.concat([Buffer.from([ERR, 0, 0]), Buffer.from(`#HY000${message}`)])
    body.writeUInt16LE(Number(code), 1)
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUIntLE(body.length, 0, 3)
    head[3] = 1
    return Buffer.concat([head, body])
  }

  #ends(body: Buffer): boolean {
    if (body[0] === ERR) {
      this.#eofsLeft = 0
      return true
    }
    if (this.#eofsLeft > 0) {
      if (body[0] !== EOF || body.length >= LONGEST_EOF) return false
      return --this.#eofsLeft === 0 && (body.readUInt16LE(3) & MORE_RESULTS) === 0
    }
    if (body[0] === OK) return !hasMore(body)
    // The number of columns: an EOF comes after their names, and one after the rows.
    this.#eofsLeft = 2
    return false
  }
}

function hasMore(ok: Buffer): boolean {
  const rows = 1 + sizeOfNumber(ok[1] ?? 0)
  const status = rows + sizeOfNumber(ok[rows] ?? 0)
  return (ok.readUInt16LE(status) & MORE_RESULTS) !== 0
}
