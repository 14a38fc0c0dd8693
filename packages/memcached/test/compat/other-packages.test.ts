import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import Memcached from '@larder/memcached/compat/memcached'
import * as memjs from '@larder/memcached/compat/memjs'
import express, { type RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import session from 'express-session'
import type { Server } from 'node:http'
import Module, { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { RateLimiterMemcache, type RateLimiterRes } from 'rate-limiter-flexible'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

const require = createRequire(import.meta.url)

let server: MemcachedServer
let client: Memcached
beforeAll(async () => {
  server = await startMemcached()
  client = new Memcached(server.address)
})
afterAll(async () => {
  client.end()
  await server.stop()
})

const running: Server[] = []
afterEach(async () => {
  for (const one of running.splice(0)) await new Promise((resolve) => one.close(resolve))
})

/** An application with this middleware, whose one page counts how often a session has seen it. */
async function listen(...middleware: readonly RequestHandler[]): Promise<string> {
  const app = express().use(...middleware)
  app.get('/', (request, response) => {
    const seen = request.session as { count?: number } | undefined
    if (seen !== undefined) seen.count = (seen.count ?? 0) + 1
    response.json({ count: seen?.count })
  })
  app.get('/end', (request, response) => request.session.destroy(() => response.end()))
  const listening = await new Promise<Server>((resolve) => {
    const one = app.listen(0, '127.0.0.1', () => resolve(one))
  })
  running.push(listening)
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
}

type StoreOf = (from: typeof session) => new (options: object) => session.Store

/** Loads a package that requires another one itself, with this in the place of that one. */
function loadWith(name: string, replaced: string, exports: unknown): unknown {
  const path = require.resolve(name)
  const target = createRequire(path).resolve(replaced)
  const before = { own: require.cache[path], other: require.cache[target] }
  const fake = new Module(target)
  fake.exports = exports
  fake.loaded = true
  try {
    delete require.cache[path]
    require.cache[target] = fake
    return require(name)
  } finally {
    if (before.other === undefined) delete require.cache[target]
    else require.cache[target] = before.other
    delete require.cache[path]
  }
}

describe('rate-limiter-flexible', () => {
  test('counts points, refuses more than there are, and forgets them', async () => {
    const limiter = new RateLimiterMemcache({
      storeClient: client,
      points: 3,
      duration: 60,
      keyPrefix: 'rlf',
    })
    expect((await limiter.consume('ann')).remainingPoints).toBe(2)
    expect((await limiter.consume('ann', 2)).remainingPoints).toBe(0)
    const refusal = await limiter.consume('ann').catch((reason: unknown) => reason as RateLimiterRes)
    expect([refusal.remainingPoints, refusal.consumedPoints]).toEqual([0, 4])
    expect(refusal.msBeforeNext).toBeGreaterThan(0)
    expect((await limiter.penalty('ann', 1)).consumedPoints).toBe(5)
    expect((await limiter.get('ann'))?.consumedPoints).toBe(5)
    expect(await limiter.delete('ann')).toBe(true)
    expect(await limiter.get('ann')).toBeNull()
    expect((await limiter.block('bob', 60)).consumedPoints).toBeGreaterThan(3)
    await expect(limiter.consume('bob')).rejects.toMatchObject({ remainingPoints: 0 })
  })

  test('counts each of many parallel requests once', async () => {
    const limiter = new RateLimiterMemcache({
      storeClient: client,
      points: 100,
      duration: 60,
      keyPrefix: 'par',
    })
    await Promise.all(Array.from({ length: 60 }, () => limiter.consume('ann')))
    expect((await limiter.get('ann'))?.consumedPoints).toBe(60)
  })
})

describe('rate-limit-memcached with express-rate-limit', () => {
  test.each(['a client', 'its own client'])('refuses requests beyond the limit, with %s', async (from) => {
    const { MemcachedStore } = loadWith('rate-limit-memcached', 'memcached', Memcached) as {
      MemcachedStore: new (options: object) => { client: Memcached }
    }
    const own = from === 'a client' ? { client } : { locations: [server.address] }
    const store = new MemcachedStore({ ...own, prefix: `${from.replaceAll(' ', '')}:` })
    expect(store.client).toBeInstanceOf(Memcached)
    const limit = rateLimit({ windowMs: 60_000, limit: 2, store: store as never })
    const url = await listen(limit)
    const statuses = [await fetch(url), await fetch(url), await fetch(url)].map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 429])
    if (from !== 'a client') store.client.end()
  })
})

describe.each([
  ['connect-memcached', 'a client'],
  ['connect-memcached', 'its own client'],
  ['connect-memjs', 'a client'],
  ['connect-memjs', 'its own client'],
])('%s with %s', (name, from) => {
  test('keeps sessions, and forgets those that are destroyed', async () => {
    const isMemjs = name === 'connect-memjs'
    const StoreClass = loadWith(name, isMemjs ? 'memjs' : 'memcached', isMemjs ? memjs : Memcached) as StoreOf
    const given = isMemjs ? memjs.Client.create(server.address, { timeout: 30 }) : client
    const own = isMemjs ? { servers: [server.address], timeout: 30 } : { hosts: server.address }
    const options = from === 'a client' ? { client: given } : own
    const store = new (StoreClass(session))({ ...options, prefix: `${name}:` })
    const sessions = session({ store, secret: 'a secret', resave: false, saveUninitialized: false })
    const url = await listen(sessions)
    const first = await fetch(url)
    const headers = { cookie: first.headers.getSetCookie()[0]!.split(';')[0]! }
    const again = async () => ((await (await fetch(url, { headers })).json()) as { count: number }).count
    expect([await again(), await again()]).toEqual([2, 3])
    await fetch(`${url}/end`, { headers })
    expect(await again()).toBe(1)
    const { client: used } = store as unknown as { client: memjs.Client | Memcached }
    expect(used instanceof (isMemjs ? memjs.Client : Memcached)).toBe(true)
    if ('close' in used) used.close()
    else if (used !== client) used.end()
  })
})
