import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Decides what becomes of a line (and the value behind it); `connection` counts from 1. */
export type TextScript = (line: string, socket: Socket, connection: number) => void

/** A server that knows `mn` and leaves everything else to its script. */
export class TextServer {
  readonly lines: string[] = []
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(script: TextScript, answerToMn: string) {
    this.#server = createServer((socket) => {
      const connection = ++this.connections
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      let held = ''
      socket.on('data', (chunk) => {
        held += chunk.toString('latin1')
        for (let end = held.indexOf('\r\n'); end >= 0; end = held.indexOf('\r\n')) {
          const line = held.slice(0, end)
          const [, size] = /^ms \S+ (\d+)/.exec(line) ?? []
          const total = end + 2 + (size === undefined ? 0 : Number(size) + 2)
          if (held.length < total) return
          held = held.slice(total)
          if (line.trimEnd() === 'mn') socket.write(answerToMn)
          else {
            this.lines.push(line)
            script(line, socket, connection)
          }
        }
      })
    })
  }

  static async start(script: TextScript, answerToMn = 'MN\r\n'): Promise<TextServer> {
    const server = new TextServer(script, answerToMn)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resolves when nothing has come for so long. */
  async silence(ms: number): Promise<void> {
    for (let seen = -1; seen !== this.lines.length;) {
      seen = this.lines.length
      await sleep(ms)
    }
  }

  get open(): number {
    return this.#sockets.size
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** The opaque number that a reply must repeat, with its letter. */
export function opaqueOf(line: string): string {
  return /O\d+$/.exec(line)?.[0] ?? ''
}
