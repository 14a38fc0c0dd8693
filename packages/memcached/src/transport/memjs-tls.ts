import { Server } from 'memjs'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { ServerAddress } from '../server-address.js'
import { openSocket } from './text-link.js'

/** A memjs server and what it keeps to itself. */
type Own = Server & {
  _socket: Socket | undefined
  readonly username: string | undefined
  readonly password: string | undefined
}

/**
 * memjs's way to open a socket, over TLS, which it does not know. SASL stays memjs's own and begins when the server
 * has proved who it is.
 */
export function tlsSock(address: ServerAddress, tls: ConnectionOptions): Server['sock'] {
  return function (this: Own, isSasl: boolean, go: (socket: Socket) => void) {
    if (this._socket !== undefined) return Server.prototype.sock.call(this, isSasl, go)
    const socket = openSocket(address, tls, (chunk) => this.responseHandler(chunk))
    this._socket = socket
    socket.setKeepAlive(true, 30_000)
    socket.once('secureConnect', () => {
      this.once('authenticated', () => go(socket))
      if (this.username === undefined) this.emit('authenticated')
      else this.listSasl()
    })
  }
}
