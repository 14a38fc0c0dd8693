import type { Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'

/** Watches a server from its start on. The returned function stops it, and resolves when all connections are closed. */
export function stopperOf(server: Server): (deadlineMs: number) => Promise<void> {
  const sockets = new Map<Socket, ServerResponse | undefined>()
  let isStopping = false
  server.on('connection', (socket: Socket) => {
    sockets.set(socket, undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.prependListener('request', ({ socket }, response: ServerResponse) => {
    sockets.set(socket, response)
    if (isStopping) response.setHeader('connection', 'close')
    response.once('close', () => {
      if (sockets.get(socket) === response) sockets.set(socket, undefined)
      if (isStopping) socket.end()
    })
  })
  return async (deadlineMs) => {
    isStopping = true
    const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs)
    const closed = new Promise<void>((resolve) => server.once('close', resolve))
    // That of `http.Server` also cuts connections whose response has ended but is not sent yet.
    NetServer.prototype.close.call(server)
    for (const [socket, response] of sockets) {
      if (response === undefined) socket.destroy()
      else if (!response.headersSent) response.setHeader('connection', 'close')
    }
    await closed
    clearTimeout(deadline)
  }
}
