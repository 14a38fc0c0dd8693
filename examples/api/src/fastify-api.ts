import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { answerFor, Handlers, type Handler } from './handlers.js'
import { Health } from './health.js'
import type { Shop } from './shop.js'

/** The API with Fastify 5. */
export function fastifyApi(shop: Shop): FastifyInstance {
  const handlers = new Handlers(shop)
  const health = new Health(shop.dataSource, shop.memcached)
  const app = fastify()
  // Uploads are not read before their handler asks for them.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.get('/health/live', run(health.live))
  app.get('/health/ready', run(health.ready))
  app.get('/products', run(handlers.list))
  app.post('/products', run(handlers.create))
  app.get('/products/:id', run(handlers.read))
  app.put('/products/:id', run(handlers.change))
  app.delete('/products/:id', run(handlers.remove))
  app.get('/products/:id/image', run(handlers.readImage))
  app.put('/products/:id/image', run(handlers.writeImage))
  return app
}

function run(handler: Handler) {
  return async (
    { headers, params, body, raw }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> => {
    const { id = '' } = params as { id?: string }
    const answer = await handler({ id, headers, body, stream: raw }).catch(answerFor)
    return reply
      .code(answer.status)
      .headers(answer.headers ?? {})
      .send(answer.body)
  }
}
