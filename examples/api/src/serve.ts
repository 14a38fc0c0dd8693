import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expressApi } from './express-api.js'
import { fastifyApi } from './fastify-api.js'
import type { Shop } from './shop.js'

export const FRAMEWORKS = ['express', 'fastify'] as const
export type Framework = (typeof FRAMEWORKS)[number]

/** A server that answers; disposed of, it answers what it was asked before it closes. */
export interface Served extends AsyncDisposable {
  readonly url: string
}

export async function serve(framework: Framework, shop: Shop, port: number): Promise<Served> {
  return framework === 'fastify' ? serveFastify(shop, port) : serveExpress(shop, port)
}

async function serveExpress(shop: Shop, port: number): Promise<Served> {
  const server = createServer(expressApi(shop)).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      // Those that wait for a next request; the others end after their answer.
      server.closeIdleConnections()
      await once(server, 'close')
    },
  }
}

async function serveFastify(shop: Shop, port: number): Promise<Served> {
  const app = fastifyApi(shop)
  const url = await app.listen({ port, host: '127.0.0.1' })
  return { url, [Symbol.asyncDispose]: () => app.close() }
}
