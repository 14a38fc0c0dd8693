import { addressOf, ExactServer } from '../exact-server.js'
import { settingsOf, type ClientOptions } from './options.js'

const DEFAULT_PORT = 11211

/** One server of a memjs client. */
export class Server {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
  /** Until when it is left alone, in milliseconds since 1970. */
  wakeupAt: number | undefined
  readonly #server: ExactServer

  constructor(
    host: string,
    port = DEFAULT_PORT,
    username?: string,
    password?: string,
    options?: ClientOptions,
  ) {
    const { timeout, conntimeout = 2 * timeout, ...login } = settingsOf(options)
    this.host = host
    this.port = port
    this.username = username || login.username || loginFrom('USERNAME')
    this.password = password || login.password || loginFrom('PASSWORD')
    const credentials =
      this.username && this.password ? { username: this.username, password: this.password } : undefined
    this.#server = new ExactServer(addressOf(host, port), {
      timeoutMs: timeout * 1000,
      connectTimeoutMs: conntimeout * 1000,
      deadTimeoutMs: 1,
      ...(credentials && { credentials }),
    })
  }

  /** As in reports: `host:port`. */
  get name(): string {
    return `${this.host}:${this.port}`
  }

  /** What executes commands. */
  get exact(): ExactServer {
    return this.#server
  }

  close(): void {
    this.#server.close()
  }

  toString(): string {
    return `<Server ${this.name}>`
  }
}

/** Servers from `user:password@host:port,host:port`. */
export function parseServers(text: string, options?: ClientOptions): Server[] {
  return text.split(',').map((part) => {
    const at = part.lastIndexOf('@')
    const [username, password] = at < 0 ? [] : part.slice(0, at).split(':')
    const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(part.slice(at + 1).trim()) ?? []
    return new Server(host, port === undefined ? DEFAULT_PORT : Number(port), username, password, options)
  })
}

function loginFrom(name: 'USERNAME' | 'PASSWORD'): string | undefined {
  return process.env[`MEMCACHIER_${name}`] ?? process.env[`MEMCACHE_${name}`]
}
