import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { MemcacheClient } from '@larder/memcached'
import type { SessionStoreOptions } from '@larder/memcached/express-session'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Browser, Gate } from './browser.js'

/** The session of a request, for the pages below. */
export interface PageSession {
  all(): Record<string, unknown>
  set(name: string, value: unknown): void
  save(): Promise<void>
  destroy(): Promise<void>
  /** Whatever the framework has: a new id without the old data. */
  regenerate(): Promise<void>
}

/** What the pages do; `framework` serves them. */
export type Page = (session: PageSession, query: URLSearchParams) => Promise<object>

export interface Site extends AsyncDisposable {
  readonly url: string
}

export interface SessionOptions {
  readonly store: SessionStoreOptions
  readonly maxAge?: number
}

/** Serves pages by their paths. An error of a page or of its session is status 500. */
export type Serve = (pages: Readonly<Record<string, Page>>, options: SessionOptions) => Promise<Site>

const KEYS = { keyPrefix: 'sess:' } as const

/** The id of the session that a browser has, from its signed cookie. */
function idIn({ cookie = '' }: Browser): string {
  const [, value = ''] = cookie.split('=')
  return decodeURIComponent(value).replace(/^s:/, '').split('.')[0] ?? ''
}

/** What a session store promises, with any framework. */
export function describeSessionStore(serve: Serve): void {
  let server: MemcachedServer
  let client: MemcacheClient
  beforeAll(async () => {
    server = await startMemcached()
    client = new MemcacheClient({ servers: server.address, timeoutMs: 10_000 })
  })
  afterAll(async () => {
    await client.close()
    await server.stop()
  })

  const sites: Site[] = []
  afterEach(async () => {
    for (const site of sites.splice(0)) await site[Symbol.asyncDispose]()
  })

  async function open(options: Partial<SessionStoreOptions> = {}, maxAge?: number, count = 2) {
    const gate = new Gate(count)
    const pages: Record<string, Page> = {
      '/set': (session, query) => {
        for (const [name, value] of query) session.set(name, value)
        return Promise.resolve(session.all())
      },
      '/slow': async (session, query) => {
        await gate.pass()
        for (const [name, value] of query) session.set(name, value)
        return session.all()
      },
      '/twice': async (session) => {
        session.set('first', 1)
        await session.save()
        session.set('second', 2)
        return session.all()
      },
      '/all': (session) => Promise.resolve(session.all()),
      '/end': async (session) => {
        await session.destroy()
        return {}
      },
      '/new': async (session) => {
        await session.regenerate()
        return {}
      },
    }
    const store = { client, ...options }
    const site = await serve(pages, maxAge === undefined ? { store } : { store, maxAge })
    sites.push(site)
    return { gate, browser: new Browser(site.url) }
  }

  test('a session is found by the next request', async () => {
    const { browser } = await open()
    await browser.get('/set?name=ann')
    expect((await browser.get('/all')).body).toEqual({ name: 'ann' })
  })

  describe('parallel requests of one session', () => {
    test('keep what each of them has set', async () => {
      const { browser } = await open({}, undefined, 3)
      await browser.get('/set?start=1')
      await Promise.all(['a', 'b', 'c'].map((name) => browser.get(`/slow?${name}=1`)))
      expect((await browser.get('/all')).body).toEqual({ start: '1', a: '1', b: '1', c: '1' })
    })

    test('leave one of two values of the same name', async () => {
      const { browser } = await open()
      await browser.get('/set?name=old')
      await Promise.all([browser.get('/slow?name=one'), browser.get('/slow?name=two')])
      expect(['one', 'two']).toContain(((await browser.get('/all')).body as { name: string }).name)
    })

    test("fail with onConflict 'reject' where another has changed the session", async () => {
      const { browser } = await open({ onConflict: 'reject' })
      await browser.get('/set?start=1')
      const both = await Promise.allSettled([browser.get('/slow?a=1'), browser.get('/slow?b=1')])
      const failed = both.filter((one) => one.status === 'rejected' || one.value.status === 500)
      expect(failed).toHaveLength(1)
      expect(Object.keys((await browser.get('/all')).body as object)).toHaveLength(2)
    })

    test('do not bring back a session that one of them destroyed', async () => {
      const { browser, gate } = await open({}, undefined, Infinity)
      await browser.get('/set?secret=1')
      const { cookie } = browser
      const slow = browser.get('/slow?a=1')
      await expect.poll(() => gate.arrived).toBe(1)
      await browser.get('/end')
      gate.open()
      await slow
      browser.cookie = cookie
      expect((await browser.get('/all')).body).toEqual({})
    })
  })

  test('a request that saves twice stores all of its changes', async () => {
    const { browser } = await open()
    await browser.get('/set?start=1')
    await browser.get('/twice')
    expect((await browser.get('/all')).body).toEqual({ start: '1', first: 1, second: 2 })
  })

  test('a regenerated session has another id, and the old one is deleted', async () => {
    const { browser } = await open()
    await browser.get('/set?secret=1')
    const before = browser.cookie
    await browser.get('/new')
    expect(browser.cookie).not.toBe(before)
    browser.cookie = before
    expect((await browser.get('/all')).body).toEqual({})
  })

  test('a session ends when its time is over', async () => {
    const { browser } = await open({}, 1000)
    await browser.get('/set?name=ann')
    await expect.poll(() => client.get(idIn(browser), KEYS)).toBeUndefined()
    expect((await browser.get('/all')).body).toEqual({})
  })

  test("a request that changes nothing renews the session's time to live", async () => {
    const { browser } = await open({}, 1_000_000)
    await browser.get('/set?name=ann')
    await client.touch(idIn(browser), 10_000, KEYS)
    await browser.get('/all')
    expect((await client.peek(idIn(browser), KEYS))?.ttlMs).toBeGreaterThan(100_000)
  })

  test('a request that read its session before memcached restarted saves all of it', async () => {
    await using own = await startMemcached()
    await using mine = new MemcacheClient({ servers: own.address, timeoutMs: 10_000 })
    const { browser, gate } = await open({ client: mine }, undefined, Infinity)
    await browser.get('/set?start=1')
    const slow = browser.get('/slow?a=1')
    await expect.poll(() => gate.arrived).toBe(1)
    await own.kill()
    await own.restart()
    await expect.poll(() => mine.get('nothing').catch(() => 'unavailable')).toBeUndefined()
    gate.open()
    expect((await slow).status).toBe(200)
    expect((await browser.get('/all')).body).toEqual({ start: '1', a: '1' })
  })

  test('a request fails where memcached does not answer', async () => {
    await using own = await startMemcached()
    await using mine = new MemcacheClient({ servers: own.address })
    const { browser } = await open({ client: mine })
    await browser.get('/set?start=1')
    await own.kill()
    expect((await browser.get('/all')).status).toBe(500)
  })
}
