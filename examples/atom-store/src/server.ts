import { serve, type ServerType } from '@hono/node-server'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp, type AppOptions } from './http/app.js'

/** How long an answer may take to be read once the server is closed. */
const CLOSE_WITHIN_MS = 2_000

export interface AtomServer extends AsyncDisposable {
  readonly url: string
}

/** Listens. Rejects where the port is taken. */
export async function startServer(options: AppOptions, host: string, port: number): Promise<AtomServer> {
  const app = createApp(options)
  const server = serve({ fetch: app.fetch, hostname: host, port })
  await listening(server)
  const { port: bound } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return { url: `http://${name}:${bound}`, [Symbol.asyncDispose]: () => close(server as Server) }
}

async function listening(server: ServerType): Promise<void> {
  // `once` rejects with the error of a port that is taken.
  if (!server.listening) await once(server, 'listening')
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS)
  await closed
  clearTimeout(timer)
}
