import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { SERVICE_TYPE } from '../atom/names.js'
import type { Config } from '../config.js'
import { Problem } from '../problem.js'
import type { AtomStore } from '../store/atom-store.js'
import type { Collection } from '../store/collection.js'
import { Addresses } from './addresses.js'
import { answer, tagOf } from './answer.js'
import { Authenticator } from './auth.js'
import { getCollection, postToCollection } from './collections.js'
import { gzipTag } from './conditional.js'
import { deleteEntry, getEntry, putEntry } from './entries.js'
import type { Call, Env } from './env.js'
import { problemOf } from './failures.js'
import type { HtmlPages } from './html-pages.js'
import { deleteMedia, getMedia, putMedia } from './media.js'
import { preferred } from './negotiate.js'
import { renderService } from './render.js'

const SERVICE_TYPES = [SERVICE_TYPE, 'application/xml', 'text/xml']
const READING = ['GET', 'HEAD']

export interface AppOptions {
  readonly store: AtomStore
  readonly config: Config
  readonly pages?: HtmlPages | undefined
  /** Told of what is the server's fault. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

/** The Atom Publishing Protocol over a store: RFC 5023. */
export function createApp({ store, config, pages, onFault }: AppOptions): Hono<Env> {
  const app = new Hono<Env>()
  const authenticator = new Authenticator(config.auth)
  app.onError((error, call) => {
    const problem = problemOf(error)
    // Nobody waits for the answer of a call that was given up.
    if (problem.status >= 500 && !call.req.raw.signal.aborted) onFault?.(problem.cause ?? problem)
    return call.text(`${problem.message}\n`, problem.status, { ...problem.headers })
  })
  app.notFound((call) => call.text('There is nothing here\n', 404))
  app.use(async (call, next) => {
    await next()
    call.header('Cache-Control', 'no-cache')
    call.header('Vary', 'Accept, Accept-Encoding, Authorization')
    // In gzip it is the same version in other bytes.
    const etag = call.res.headers.get('etag')
    if (etag !== null && call.res.headers.get('content-encoding') === 'gzip')
      call.header('ETag', gzipTag(etag))
  })
  app.use(compress({ encoding: 'gzip' }))
  app.use(async (call, next) => {
    call.set('base', (config.baseUrl ?? new URL(call.req.url).origin).replace(/\/$/, ''))
    const viewer = await authenticator.viewerOf(call.req.raw)
    call.set('viewer', viewer)
    const isReading = READING.includes(call.req.method)
    if (isReading ? !viewer.mayRead : !viewer.isEditor) throw authenticator.challenge('Sign in first')
    if (!isReading) checkOrigin(call)
    await next()
  })

  const service = (call: Call): Response => {
    const body = renderService(store, new Addresses(call.var.base))
    return answer(call, tagOf(body), SERVICE_TYPE, () => body)
  }
  app.get('/service', (call) => service(call))
  app.get('/', async (call) => {
    const type = preferred(
      call.req.raw,
      pages === undefined ? SERVICE_TYPES : [...SERVICE_TYPES, 'text/html'],
    )
    return type === 'text/html' && pages !== undefined ? pages.home(call) : service(call)
  })
  pages?.mount(app)

  const found = (call: Call): Collection => {
    const collection = store.collection(call.req.param('collection') ?? '')
    if (collection === undefined) throw new Problem(404, 'There is no such collection')
    const { method } = call.req
    if (collection.isReadOnly && !READING.includes(method)) throw notAllowed(method, READING)
    return collection
  }
  const nameOf = (call: Call): string => call.req.param('name') ?? ''

  app.get('/:collection', (call) => getCollection(call, found(call), pages))
  app.post('/:collection', (call) => postToCollection(call, found(call), config))
  app.all('/:collection', (call) => refuse(call, found, [...READING, 'POST']))
  app.get('/:collection/:name', (call) => getEntry(call, found(call), nameOf(call), pages))
  app.put('/:collection/:name', (call) => putEntry(call, found(call), nameOf(call), config))
  app.delete('/:collection/:name', (call) => deleteEntry(call, found(call), nameOf(call), config))
  app.all('/:collection/:name', (call) => refuse(call, found, [...READING, 'PUT', 'DELETE']))
  app.get('/:collection/:name/media', (call) => getMedia(call, found(call), nameOf(call)))
  app.put('/:collection/:name/media', (call) => putMedia(call, found(call), nameOf(call), config))
  app.delete('/:collection/:name/media', (call) => deleteMedia(call, found(call), nameOf(call), config))
  app.all('/:collection/:name/media', (call) => refuse(call, found, [...READING, 'PUT', 'DELETE']))
  return app
}

/** A page elsewhere must not write in the name of whoever is signed in here. */
function checkOrigin(call: Call): void {
  const origin = call.req.header('origin')
  if (origin !== undefined && origin !== call.var.base && origin !== new URL(call.req.url).origin)
    throw new Problem(403, 'Pages of other servers cannot write here')
}

function refuse(call: Call, found: (call: Call) => Collection, allowed: readonly string[]): never {
  found(call)
  throw notAllowed(call.req.method, allowed)
}

function notAllowed(method: string, allowed: readonly string[]): Problem {
  return new Problem(405, `${method} is not possible here`, { headers: { Allow: allowed.join(', ') } })
}
