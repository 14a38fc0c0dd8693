import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { FRAMEWORKS, openShop, serve, type Framework, type Invalidation, type ServeOptions } from 'api'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'

export let memcached: MemcachedServer
beforeAll(async () => {
  memcached = await startMemcached()
})
afterAll(() => memcached.stop())

export const closers: (() => PromiseLike<unknown>)[] = []
afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
})

export async function databaseUrl(kind: string): Promise<string> {
  if (kind === 'PostgreSQL') {
    const database = await servers.postgres.createDatabase()
    closers.push(() => database.drop())
    return database.url
  }
  const folder = await mkdtemp(join(tmpdir(), 'larder-api-test-'))
  closers.push(() => rm(folder, { recursive: true }))
  return `sqlite:${join(folder, 'shop.sqlite')}`
}

interface Opening extends Omit<ServeOptions, 'port'> {
  readonly invalidation?: Invalidation
  readonly servers?: string
}

export async function open(
  framework: Framework,
  url: string,
  { invalidation, servers, ...options }: Opening = {},
) {
  const env = { DATABASE_URL: url, MEMCACHE_SERVERS: servers ?? memcached.address }
  const shop = await openShop(env, invalidation)
  closers.push(() => shop[Symbol.asyncDispose]())
  const served = await serve(framework, shop, { ...options, port: 0 })
  let isClosed = false
  const close = async (): Promise<void> => {
    if (!isClosed) await served[Symbol.asyncDispose]()
    isClosed = true
  }
  closers.push(close)
  return { url: served.url, close, shop }
}

export function send(method: string, body: object, headers: Record<string, string> = {}): RequestInit {
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
}

export function upload(body: string | Uint8Array, headers: Record<string, string> = {}): RequestInit {
  return { method: 'PUT', body, headers: { 'content-type': 'image/png', ...headers } }
}

export const CASES = FRAMEWORKS.map(
  (framework) => [framework, framework === 'fastify' ? 'PostgreSQL' : 'SQLite'] as const,
)
