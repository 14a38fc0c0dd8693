import { getRequestListener } from '@hono/node-server'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inTurn, watchConnections } from './connections.js'
import { type AppOptions, createApp } from './http/index.js'

/** How long requests may still take once the server is closed. */
const CLOSE_WITHIN_MS = 2_000
/** How often requests that take too long are looked for. */
const CHECK_EVERY_MS = 5_000

export interface AtomServer extends AsyncDisposable {
  readonly url: string
}

/** Listens. Rejects where the port is taken. Its disposal waits for requests that it has begun to answer. */
export async function startServer(options: AppOptions, host: string, port: number): Promise<AtomServer> {
  const listener = getRequestListener(createApp(options).fetch, { hostname: host })
  const { limits } = options.config
  const server = createServer(
    {
      headersTimeout: limits.headerTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headerTimeoutMs, limits.requestTimeoutMs, CHECK_EVERY_MS),
    },
    inTurn(listener, limits.maxPipelined),
  )
  server.maxConnections = limits.maxConnections
  server.setTimeout(limits.idleTimeoutMs)
  const closeIdle = watchConnections(server)
  server.listen(port, host)
  await once(server, 'listening')
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
