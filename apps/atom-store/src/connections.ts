import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * A listener that gets the requests of one connection one after the other. Node hands over at once all that came in one
 * go, but what is read behind a write has to show it.
 */
export function inTurn(listener: Listener): (request: IncomingMessage, response: ServerResponse) => void {
  const answered = new WeakMap<Socket, Promise<void>>()
  return (request, response) => {
    const { socket } = request
    const before = answered.get(socket) ?? Promise.resolve()
    answered.set(socket, new Promise((resolve) => response.once('close', resolve)))
    void before.then(() => (socket.destroyed ? undefined : listener(request, response)))
  }
}

/**
 * Returns a function that ends all connections without a request, the others behind their answers. Node itself waits for
 * those on which nothing was ever asked, as browsers open them, and for those that were busy when it was told to close.
 */
export function watchConnections(server: Server): () => void {
  const idle = new Set<Socket>()
  let isClosing = false
  server.on('connection', (socket) => {
    idle.add(socket)
    socket.once('close', () => idle.delete(socket))
  })
  server.on('request', ({ socket }, response) => {
    idle.delete(socket)
    response.once('close', () => {
      if (isClosing) socket.end()
      else if (!socket.destroyed) idle.add(socket)
    })
  })
  return () => {
    isClosing = true
    for (const socket of idle) socket.destroy()
  }
}
