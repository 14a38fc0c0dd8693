import { serve } from '@hono/node-server'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createApp, type AppOptions } from './http/app.js'

/** How long requests may still take once the server is closed. */
const CLOSE_WITHIN_MS = 2_000
/** How long a body may take to come in; Node's five minutes are short for large media on a slow line. */
const BODY_WITHIN_MS = 3_600_000

export interface AtomServer extends AsyncDisposable {
  readonly url: string
}

/** Listens. Rejects where the port is taken. Its disposal waits for requests that it has begun to answer. */
export async function startServer(options: AppOptions, host: string, port: number): Promise<AtomServer> {
  const app = createApp(options)
  const server = serve({
    fetch: app.fetch,
    hostname: host,
    port,
    serverOptions: { requestTimeout: BODY_WITHIN_MS },
  }) as Server
  const closeIdle = watchConnections(server)
  // `once` rejects with the error of a port that is taken.
  if (!server.listening) await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${name}:${bound}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      closeIdle()
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS)
      await closed
      clearTimeout(timer)
    },
  }
}

/**
 * Returns a function that ends all connections without a request, the others behind their answers. Node itself waits for
 * those on which nothing was ever asked, as browsers open them, and for those that were busy when it was told to close.
 */
function watchConnections(server: Server): () => void {
  const idle = new Set<Socket>()
  let isClosing = false
  server.on('connection', (socket: Socket) => {
    idle.add(socket)
    socket.once('close', () => idle.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
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
