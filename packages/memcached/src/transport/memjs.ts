import type { ServerAddress } from '../server-address.js'
import type { Credentials } from './credentials.js'

/** As much of a memjs `Server` as its address and its credentials. */
export interface MemjsServer {
  readonly host: string
  /** A path stands here for a UNIX socket. */
  readonly port: number | string
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/** As much of a memjs `Client` as is used: where its keys live. */
export interface MemjsClient {
  readonly servers: readonly MemjsServer[]
  /** The index of a key's server. memjs's types say that it is text. */
  getServer(key: string): number | string
}

/** Refuses a server with a way of its own to connect, which would not be used, with a `RangeError`. */
export function checkMemjsServer(server: MemjsServer): void {
  // memjs may be another copy than the one here: its class is known by what it has beside `sock`.
  let owner: object | null = server
  while (owner !== null && !Object.hasOwn(owner, 'sock'))
    owner = Object.getPrototypeOf(owner) as object | null
  if (owner === null || Object.hasOwn(owner, 'listSasl')) return
  throw new RangeError(
    `The memjs server ${server.host}:${server.port} overrides sock(), which is not called; for TLS use the option tls`,
  )
}

export function memjsAddress({ host, port }: MemjsServer): ServerAddress {
  return typeof port === 'string' && Number.isNaN(Number(port))
    ? { path: port, weight: 1 }
    : { host, port: Number(port), weight: 1 }
}

/** As memjs itself, which logs in where it has both. */
export function memjsCredentials({ username, password }: MemjsServer): Credentials | undefined {
  return username && password ? { username, password } : undefined
}
