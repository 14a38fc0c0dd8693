import express, { type Express, type Request, type Response } from 'express'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { answerFor, Handlers, type ApiAnswer, type Handler } from './handlers.js'
import { Health } from './health.js'
import type { Shop } from './shop.js'

/** The API with Express 5. */
export function expressApi(shop: Shop): Express {
  const handlers = new Handlers(shop)
  const health = new Health(shop.dataSource, shop.memcached)
  const app = express().disable('x-powered-by').disable('etag')
  const json = express.json()
  app.get('/health/live', run(health.live))
  app.get('/health/ready', run(health.ready))
  app.get('/products', run(handlers.list))
  app.post('/products', json, run(handlers.create))
  app.get('/products/:id', run(handlers.read))
  app.put('/products/:id', json, run(handlers.change))
  app.delete('/products/:id', run(handlers.remove))
  app.get('/products/:id/image', run(handlers.readImage))
  app.put('/products/:id/image', run(handlers.writeImage))
  return app
}

function run(handler: Handler) {
  return async (request: Request<{ id?: string }>, response: Response): Promise<void> => {
    const { headers, params } = request
    const asked = { id: params.id ?? '', headers, body: request.body as unknown, stream: request }
    await send(response, await handler(asked).catch(answerFor))
  }
}

async function send(response: Response, { status, headers = {}, body }: ApiAnswer): Promise<void> {
  response.status(status).set(headers)
  if (body instanceof Readable) await pipeline(body, response).catch(() => response.destroy())
  else if (body === undefined) response.end()
  else response.json(body)
}
