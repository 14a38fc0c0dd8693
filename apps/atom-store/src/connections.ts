import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Requests that all connections together may have parked beyond their own limit: each takes some kilobytes. */
const MAX_PARKED = 10_000

/**
 * A listener that gets the requests of one connection one after the other. Node passes on at once all that a connection
 * has sent, but a read that follows a write has to see it. Beyond `maxPipelined` waiting requests the connection is not
 * read, so that the client is slowed down and memory stays bounded. One read may hold many small requests: where these
 * add up to too many, the connection is closed, and the client has to send them again.
 */
export function inTurn(
  listener: Listener,
  maxPipelined: number,
): (request: IncomingMessage, response: ServerResponse) => void {
  const queues = new WeakMap<Socket, Queue>()
  let parked = 0
  const queueOf = (socket: Socket): Queue => {
    const known = queues.get(socket)
    if (known !== undefined) return known
    const queue: Queue = { waiting: 0, last: Promise.resolve() }
    queues.set(socket, queue)
    // Node resumes the socket when it reads a body or drops what is left of one.
    socket.on('resume', () => {
      if (queue.waiting > maxPipelined) socket.pause()
    })
    // Node tells nothing of the answers that were not begun.
    socket.once('close', () => {
      parked -= queue.waiting
      queue.waiting = 0
    })
    return queue
  }
  return (request, response) => {
    const { socket } = request
    const queue = queueOf(socket)
    const { last } = queue
    queue.last = new Promise((resolve) => response.once('close', resolve))
    parked++
    if (++queue.waiting > maxPipelined) {
      if (parked > MAX_PARKED) socket.destroy()
      else socket.pause()
    }
    void last.then(() => {
      if (socket.destroyed) return
      parked--
      if (--queue.waiting === maxPipelined) socket.resume()
      return listener(request, response)
    })
  }
}

interface Queue {
  waiting: number
  /** Settles when the last request was answered. */
  last: Promise<unknown>
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
