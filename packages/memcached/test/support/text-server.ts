import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Decides what becomes of a line and the value behind it; `connection` counts from 1. */
export type TextScript = (line: string, socket: Socket, connection: number, value: string) => void

/** A line with a value behind it, and the bytes of that. */
const STORE = /^(?:ms \S+|(?:set|add|replace|append|prepend|cas) \S+ \d+ -?\d+) (\d+)/

/** A server that knows `mn`, says its version behind it, and leaves everything else to its script. */
export class TextServer {
  readonly lines: string[] = []
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(script: TextScript, answerToMn: string, version: string) {
    this.#server = createServer((socket) => {
      const connection = ++this.connections
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      let held = ''
      let isFirst = true
      socket.on('data', (chunk) => {
        held += chunk.toString('latin1')
        for (let end = held.indexOf('\r\n'); end >= 0; end = held.indexOf('\r\n')) {
          const line = held.slice(0, end)
          const [, size] = STORE.exec(line) ?? []
          const total = end + 2 + (size === undefined ? 0 : Number(size) + 2)
          if (held.length < total) return
          const value = held.slice(end + 2, Math.max(total - 2, end + 2))
          held = held.slice(total)
          if (line.trimEnd() === 'mn') socket.write(answerToMn)
          else if (line === 'version' && isFirst) {
            // One that is silent is so to both.
            if (answerToMn !== '') socket.write(`VERSION ${version}\r\n`)
          } else {
            isFirst = false
            this.lines.push(line)
            script(line, socket, connection, value)
          }
        }
      })
    })
  }

  static async start(script: TextScript, answerToMn = 'MN\r\n', version = '1.6.18'): Promise<TextServer> {
    const server = new TextServer(script, answerToMn, version)
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
