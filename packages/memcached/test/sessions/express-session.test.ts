import { EmbeddedCache, MemcacheClient } from '@larder/memcached'
import { MemcacheSessionStore } from '@larder/memcached/express-session'
import express, { type NextFunction, type Request, type Response } from 'express'
import session from 'express-session'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { describeSessionStore, type PageSession, type Serve } from './session-contract.js'

function pageSession(request: Request): PageSession {
  const done = (run: (callback: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) => run((error) => (error ? reject(error) : resolve())))
  return {
    all() {
      const { cookie: _, ...rest } = request.session
      return rest
    },
    set: (name, value) => Object.assign(request.session, { [name]: value }),
    save: () => done((callback) => request.session.save(callback)),
    destroy: () => done((callback) => request.session.destroy(callback)),
    regenerate: () => done((callback) => request.session.regenerate(callback)),
  }
}

const serve: Serve = async (pages, { store, maxAge }) => {
  const app = express()
  const cookie = maxAge === undefined ? {} : { cookie: { maxAge } }
  app.use(
    session({
      store: new MemcacheSessionStore(store),
      secret: 'a secret',
      resave: false,
      saveUninitialized: true,
      ...cookie,
    }),
  )
  for (const [path, page] of Object.entries(pages))
    app.get(path, async (request, response) => {
      const { searchParams } = new URL(request.url, 'http://site')
      // Not by express's own end, which would send the status before the session is saved.
      const answer = await page(pageSession(request), searchParams)
      const isThere = (request.session as object | undefined) !== undefined
      if (isThere && path !== '/all') await pageSession(request).save()
      response.json(answer)
    })
  app.use((_error: Error, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next()
    else response.status(500).end()
  })
  const listening = app.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      listening.closeAllConnections()
      await new Promise((resolve) => listening.close(resolve))
    },
  }
}

describeSessionStore(serve)

test('a session has the properties of the program, and no others', async () => {
  await using cache = new EmbeddedCache()
  const store = new MemcacheSessionStore({ client: new MemcacheClient({ cache }) })
  const data = { cookie: new session.Cookie(), name: 'ann' }
  await new Promise((resolve) => store.set('id', data, resolve))
  const loaded = await new Promise<object>((resolve, reject) => {
    store.load('id', (error, found) => (found ? resolve(found) : reject(error as Error)))
  })
  expect(Object.keys(loaded)).toEqual(['cookie', 'name'])
})

test.each([
  [{}, /needs a `client`/],
  [{ client: 'localhost' }, /client/],
  [{ client: new MemcacheClient({ cache: new EmbeddedCache() }), onConflict: 'lose' }, /onConflict/],
  [{ client: new MemcacheClient({ cache: new EmbeddedCache() }), tllMs: 5 }, /ttlMs/],
])('the options %j are refused', (options, message) => {
  expect(() => new MemcacheSessionStore(options as never)).toThrow(message)
})
