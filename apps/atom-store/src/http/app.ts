import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { SERVICE_TYPE } from '../atom/index.js'
import type { Config } from '../config.js'
import { Problem } from '../problem.js'
import type { AtomStore, Collection } from '../store/index.js'
import { Addresses } from './addresses.js'
import { answer, tagOf } from './answer.js'
import { Authenticator } from './auth.js'
import { getCollection, postToCollection } from './collections.js'
import { gzipTag } from './conditional.js'
import { deleteEntry, getEntry, putEntry } from './entries.js'
import { type Call, type Env, NOBODY } from './env.js'
import { problemOf } from './failures.js'
import type { HtmlPages } from './html-pages.js'
import { deleteMedia, getMedia, putMedia } from './media.js'
import { preferred, wantsPage } from './negotiate.js'
import { checkOrigin } from './origin.js'
import { renderService } from './render.js'
import { resource, SAFE } from './resource.js'

const SERVICE_TYPES = [SERVICE_TYPE, 'application/xml', 'text/xml']

export interface AppOptions {
  readonly store: AtomStore
  readonly config: Config
  readonly pages?: HtmlPages | undefined
  /** Told of what is the server's fault. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

/** The Atom Publishing Protocol over a store: RFC 5023. */
export function createApp(options: AppOptions): Hono<Env> {
  const app = new Hono<Env>()
  addErrors(app, options)
  addHeaders(app)
  app.use(compress({ encoding: 'gzip' }))
  addViewer(app, options)
  addAddresses(app, options)
  return app
}

/** In words for people, or as a page where a browser asks. */
function addErrors(app: Hono<Env>, { pages, onFault }: AppOptions): void {
  app.onError((error, call) => {
    const problem = problemOf(error)
    // Nobody waits for the answer of a call that was given up.
    if (problem.status >= 500 && !call.req.raw.signal.aborted) onFault?.(problem.cause ?? problem)
    for (const [name, value] of Object.entries(problem.headers)) call.header(name, value)
    // The browser is to ask for a name and a password.
    if (pages !== undefined && problem.status !== 401 && wantsPage(call.req.raw))
      return pages.problem(call, problem)
    return call.text(`${problem.message}\n`, problem.status)
  })
}

function addHeaders(app: Hono<Env>): void {
  app.use(async (call, next) => {
    call.set('viewer', NOBODY)
    await next()
    call.header('Cache-Control', cachingOf(call))
    call.header('Vary', 'Accept, Accept-Encoding, Authorization')
    // In gzip it is the same version in other bytes.
    const etag = call.res.headers.get('etag')
    if (etag !== null && call.res.headers.get('content-encoding') === 'gzip')
      call.header('ETag', gzipTag(etag))
  })
}

/** A copy has to be asked about each time, and is for nobody else where it took a name and a password. */
function cachingOf({ res, var: { viewer } }: Call): string {
  if (res.status >= 400) return 'no-store'
  return res.headers.get('cache-control') ?? (viewer.isPublic ? 'no-cache' : 'private, no-cache')
}

function addViewer(app: Hono<Env>, { config }: AppOptions): void {
  const authenticator = new Authenticator(config.auth)
  app.use(async (call, next) => {
    call.set('base', (config.baseUrl ?? new URL(call.req.url).origin).replace(/\/$/, ''))
    const viewer = await authenticator.viewerOf(call)
    call.set('viewer', viewer)
    const isSafe = SAFE.includes(call.req.method)
    if (isSafe ? !viewer.mayRead : !viewer.isEditor) throw authenticator.challenge('Sign in first')
    if (!isSafe) checkOrigin(call)
    await next()
  })
}

function addAddresses(app: Hono<Env>, { store, config, pages }: AppOptions): void {
  const service = (call: Call): Response => {
    const body = renderService(store, new Addresses(call.var.base))
    return answer(call, { etag: tagOf(body) }, SERVICE_TYPE, () => body)
  }
  const home = (call: Call): Response | Promise<Response> => {
    const types = pages === undefined ? SERVICE_TYPES : [...SERVICE_TYPES, 'text/html']
    return preferred(call.req.raw, types) === 'text/html' && pages ? pages.home(call) : service(call)
  }
  const found = (call: Call): Collection => {
    const collection = store.collection(call.req.param('collection') ?? '')
    if (collection === undefined) throw new Problem(404, 'There is no such collection')
    return collection
  }
  const nameOf = (call: Call): string => call.req.param('name') ?? ''
  const isReadOnly = (call: Call): boolean => found(call).isReadOnly

  resource(app, '/', { GET: home })
  resource(app, '/service', { GET: service })
  pages?.mount(app)
  const ofCollection = {
    GET: (call: Call) => getCollection(call, found(call), pages),
    POST: (call: Call) => postToCollection(call, found(call), config),
  }
  resource(app, '/:collection', ofCollection, isReadOnly)
  const ofEntry = {
    GET: (call: Call) => getEntry(call, found(call), nameOf(call), pages),
    PUT: (call: Call) => putEntry(call, found(call), nameOf(call), config),
    DELETE: (call: Call) => deleteEntry(call, found(call), nameOf(call), config),
  }
  resource(app, '/:collection/:name', ofEntry, isReadOnly)
  const ofMedia = {
    GET: (call: Call) => getMedia(call, found(call), nameOf(call)),
    PUT: (call: Call) => putMedia(call, found(call), nameOf(call), config),
    DELETE: (call: Call) => deleteMedia(call, found(call), nameOf(call), config),
  }
  resource(app, '/:collection/:name/media', ofMedia, isReadOnly)
  app.all('*', () => {
    throw new Problem(404, 'There is nothing here')
  })
}
