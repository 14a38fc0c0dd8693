import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { LOOPBACK } from '../address.js'
import { MysqlProtocol } from './mysql.js'
import { PostgresProtocol } from './postgres.js'
import type { Answer, Protocol } from './protocol.js'

const BEGIN = /^(BEGIN|START TRANSACTION)\b/i

/** What a middleman does to a statement. */
export interface Meddling {
  /** Which statement, by its text. */
  readonly on: RegExp
  /** A statement that the same connection sent before it, since its last BEGIN. Default: none is asked for. */
  readonly after?: RegExp
  readonly answer: Answer
  /** Whether the server executes it first. Default: true. */
  readonly executes?: boolean
  /** Whether the client's connection is closed after the answer. Default: after a FATAL one. */
  readonly closes?: boolean
}

interface Turn extends Meddling {
  readonly done: () => void
}

/** A server's middleman, which knows its protocol and can answer a statement itself. */
export class Middleman implements AsyncDisposable {
  readonly host = LOOPBACK
  readonly #server: Server
  readonly #makeProtocol: () => Protocol
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  #turns: Turn[] = []

  private constructor(url: URL) {
    this.#target = { host: url.hostname, port: Number(url.port) }
    this.#makeProtocol = url.protocol.startsWith('postgres')
      ? () => new PostgresProtocol()
      : () => new MysqlProtocol()
    this.#server = createServer((client) => this.#accept(client))
    this.#server.unref()
  }

  static async start(serverUrl: string): Promise<Middleman> {
    const middleman = new Middleman(new URL(serverUrl))
    middleman.#server.listen(0, LOOPBACK)
    await once(middleman.#server, 'listening')
    return middleman
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The middleman has ended')
    return address.port
  }

  /** The same URL, by way of this middleman. */
  urlFor(url: string): string {
    const through = new URL(url)
    through.hostname = this.host
    through.port = String(this.port)
    return through.href
  }

  /** Answers the next statement of that kind, once. Resolves when it has. */
  meddle(meddling: Meddling): Promise<void> {
    return new Promise((done) => this.#turns.push({ ...meddling, done }))
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #accept(client: Socket): void {
    const server = connect(this.#target)
    const protocol = this.#makeProtocol()
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.end()
      })
    }
    let turn: Turn | undefined
    let sent: string[] = []
    const answer = (): void => {
      if (turn === undefined) return
      const { answer, closes = answer.severity === 'FATAL', done } = turn
      turn = undefined
      if (closes) client.end(protocol.error(answer))
      else client.write(protocol.error(answer))
      if (closes) server.destroy()
      done()
    }
    client.on('data', (chunk: Buffer) => {
      for (const { bytes, sql, ends } of protocol.fromClient(chunk)) {
        if (sql !== undefined) {
          turn ??= this.#take(sql, sent)
          sent = BEGIN.test(sql) ? [sql] : [...sent, sql]
        }
        if (turn?.executes !== false) server.write(bytes)
        else if (ends) answer()
      }
    })
    server.on('data', (chunk: Buffer) => {
      for (const { bytes, ends } of protocol.fromServer(chunk)) {
        if (turn === undefined) client.write(bytes)
        else if (ends) answer()
      }
    })
  }

  #take(sql: string, before: readonly string[]): Turn | undefined {
    const turn = this.#turns.find(
      ({ on, after }) => on.test(sql) && (after === undefined || before.some((each) => after.test(each))),
    )
    this.#turns = this.#turns.filter((each) => each !== turn)
    return turn
  }
}

/** A middleman in front of the PostgreSQL, MySQL or MariaDB server that the URL names. */
export function startMiddleman(serverUrl: string): Promise<Middleman> {
  return Middleman.start(serverUrl)
}
