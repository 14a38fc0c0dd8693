import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { MemcacheSessionStore } from '@larder/memcached/fastify-session'
import fastify, { type FastifyRequest } from 'fastify'
import { describeSessionStore, type PageSession, type Serve } from './session-contract.js'

function pageSession(request: FastifyRequest): PageSession {
  return {
    all() {
      const { cookie: _, ...rest } = JSON.parse(JSON.stringify(request.session)) as Record<string, unknown>
      return rest
    },
    set: (name, value) => Object.assign(request.session, { [name]: value }),
    save: () => request.session.save(),
    destroy: () => request.session.destroy(),
    regenerate: () => request.session.regenerate(),
  }
}

const serve: Serve = async (pages, { store, maxAge }) => {
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    store: new MemcacheSessionStore(store),
    secret: 'a secret of at least thirty-two characters',
    cookie: { secure: false, ...(maxAge !== undefined && { maxAge }) },
  })
  for (const [path, page] of Object.entries(pages))
    app.get(path, async (request) => {
      const { searchParams } = new URL(request.url, 'http://site')
      return page(pageSession(request), searchParams)
    })
  return {
    url: await app.listen({ port: 0, host: '127.0.0.1' }),
    [Symbol.asyncDispose]: () => app.close(),
  }
}

describeSessionStore(serve)
