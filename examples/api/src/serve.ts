import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expressApi } from './express-api.js'
import { fastifyApi } from './fastify-api.js'
import type { Shop } from './shop.js'
import { stopperOf } from './stop.js'

export const FRAMEWORKS = ['express', 'fastify'] as const
export type Framework = (typeof FRAMEWORKS)[number]

/** How long requests that are under way may take while the server stops. */
const STOP_MS = 10_000

/** A server that answers; disposed of, it answers what it was asked before it closes. */
export interface Served extends AsyncDisposable {
  readonly url: string
}

export interface ServeOptions {
  /** 0 for one that is free. */
  readonly port: number
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** After this time a stop cuts the connections that are left. */
  readonly stopMs?: number
}

export async function serve(
  framework: Framework,
  shop: Shop,
  { port, host = '127.0.0.1', stopMs = STOP_MS }: ServeOptions,
): Promise<Served> {
  const app = framework === 'fastify' ? fastifyApi(shop) : undefined
  await app?.ready()
  const server = app?.server ?? createServer(expressApi(shop))
  const stop = stopperOf(server)
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      await stop(stopMs)
      await app?.close()
    },
  }
}
