import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

/** One request as the server read it. */
export interface DatagramRequest {
  readonly id: number
  readonly key: string
  /** With its letter, as a reply repeats it. */
  readonly opaque: string
  /** The port that it came from. */
  readonly port: number
}

/** Sends one datagram: its bytes, its number and how many there are; `id` in place of the request's. */
export type SendDatagram = (body: string | Buffer, frame?: Partial<DatagramFrame>) => void

export interface DatagramFrame {
  readonly id: number
  readonly number: number
  readonly count: number
}

export type DatagramScript = (request: DatagramRequest, send: SendDatagram) => void

/** A server of datagrams that answers as badly as its script says. */
export class DatagramServer {
  readonly requests: DatagramRequest[] = []
  readonly #socket: Socket

  private constructor(socket: Socket, script: DatagramScript) {
    this.#socket = socket
    socket.on('message', (datagram, from) => {
      const [, key = ''] = datagram.toString('latin1', 8).trimEnd().split(' ')
      const opaque = /O\d+/.exec(datagram.toString('latin1', 8))?.[0] ?? ''
      const request = { id: datagram.readUInt16BE(0), key, opaque, port: from.port }
      this.requests.push(request)
      script(request, (body, frame) => this.send(from, body, { id: request.id, ...frame }))
    })
  }

  static async start(script: DatagramScript): Promise<DatagramServer> {
    const socket = createSocket('udp4')
    const server = new DatagramServer(socket, script)
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return this.#socket.address().port
  }

  send(to: Pick<RemoteInfo, 'port'>, body: string | Buffer, frame: Partial<DatagramFrame>): void {
    const header = Buffer.alloc(8)
    header.writeUInt16BE((frame.id ?? 0) & 0xffff, 0)
    header.writeUInt16BE(frame.number ?? 0, 2)
    header.writeUInt16BE(frame.count ?? 1, 4)
    this.#socket.send(Buffer.concat([header, Buffer.from(body)]), to.port, '127.0.0.1')
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }
}
