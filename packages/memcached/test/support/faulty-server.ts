import { Header, Utils, type Response } from 'memjs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

const VERSION = 0x0b
const LINE_END = BigInt(Buffer.from('\r\n').readUInt16BE())

/** One request of the binary protocol as the server read it. */
export interface Request {
  readonly opcode: number
  readonly opaque: number
  readonly key: string
  readonly value: Buffer
  readonly cas: bigint
  readonly extras: Buffer
}

/** Decides what becomes of a request; `connection` counts from 1. */
export type Script = (request: Request, socket: Socket, connection: number) => void

/** A server that speaks the binary protocol as badly as its script says. */
export class FaultyServer {
  readonly requests: Request[] = []
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(script: Script, onConnect: ((socket: Socket, connection: number) => void) | undefined) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = ++this.connections
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      // A client that only half-closed goes on reading. One that is gone answers a byte with a reset, which the
      // next write notices.
      socket.on('end', () => {
        socket.write('\0')
        setTimeout(() => socket.write('\0'), 3)
      })
      onConnect?.(socket, connection)
      let held = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        held = Buffer.concat([held, chunk])
        // What a server answers that knows only the binary protocol and the classic text commands.
        if (/^mn *\r\n(?:version\r\n)?$/.test(held.toString('latin1'))) {
          held = Buffer.alloc(0)
          return void socket.write('ERROR\r\nVERSION 1.4.39\r\n')
        }
        for (let message = parse(held); message !== undefined; message = parse(held)) {
          held = held.subarray(24 + message.header.totalBodyLength)
          const request = requestOf(message)
          // The question by which a client finds out that the server knows the binary protocol.
          if (request.opcode === VERSION && request.cas === LINE_END) {
            socket.write(replyTo(request, { value: '1.4.39' }))
            continue
          }
          this.requests.push(request)
          script(request, socket, connection)
        }
      })
    })
  }

  static async start(
    script: Script,
    onConnect?: (socket: Socket, connection: number) => void,
  ): Promise<FaultyServer> {
    const faulty = new FaultyServer(script, onConnect)
    await new Promise<void>((resolve) => faulty.#server.listen(0, '127.0.0.1', resolve))
    return faulty
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections whose client still reads. */
  get open(): number {
    return this.#sockets.size
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function parse(bytes: Buffer): Response | undefined {
  return Utils.parseMessage(bytes) || undefined
}

function requestOf({ header, key, val, extras }: Response): Request {
  return {
    opcode: header.opcode,
    opaque: header.opaque,
    key: key.toString(),
    value: Buffer.from(val),
    cas: header.cas.readBigUInt64BE(),
    extras: Buffer.from(extras),
  }
}

export interface Reply {
  readonly opcode?: number
  readonly opaque?: number
  readonly status?: number
  readonly extras?: Buffer
  readonly key?: string
  readonly value?: Buffer | string
  readonly cas?: bigint
}

/** The bytes of one reply to `request`. */
export function replyTo(request: Request, reply: Reply = {}): Buffer {
  const extras =
    reply.extras ?? (request.opcode === 0x00 || request.opcode === 0x09 ? Buffer.alloc(4) : Buffer.alloc(0))
  const value = Buffer.from(reply.value ?? '')
  const key = Buffer.from(reply.key ?? '')
  const cas = Buffer.alloc(8)
  cas.writeBigUInt64BE(reply.cas ?? 1n)
  const header = Header.toBuffer({
    magic: 0x81,
    opcode: reply.opcode ?? request.opcode,
    keyLength: key.length,
    extrasLength: extras.length,
    status: reply.status ?? 0,
    totalBodyLength: extras.length + key.length + value.length,
    opaque: reply.opaque ?? request.opaque,
    cas,
  })
  return Buffer.concat([header, extras, key, value])
}
