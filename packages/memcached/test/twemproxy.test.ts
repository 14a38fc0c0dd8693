import { startTwemproxy, type FrontServer, type TwemproxyOptions } from '@larder/dev-servers'
import { PATIENT } from '@larder/dev-servers/vitest'
import { MemcacheClient, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cacheContract } from './contract/cache-contract.js'
import { commandContract } from './contract/command-contract.js'
import { startMemcached, type MemcachedServer } from './support/memcached.js'

interface Proxied {
  readonly servers: readonly MemcachedServer[]
  readonly proxy: FrontServer
  stop(): Promise<void>
}

async function start(count: number, options?: TwemproxyOptions): Promise<Proxied> {
  const servers = await Promise.all(Array.from({ length: count }, () => startMemcached()))
  const proxy = await startTwemproxy(servers, options)
  const stop = async () => {
    await proxy.stop()
    await Promise.all(servers.map((server) => server.stop()))
  }
  return { servers, proxy, stop }
}

for (const transport of ['auto', 'text'] as const) {
  for (const contract of [cacheContract, commandContract]) {
    const started = start(2)
    contract(`${transport}, twemproxy in front of two servers`, {
      create: async () => new RemoteCache((await started).proxy.address, { ...PATIENT, transport }),
      stop: async () => (await started).stop(),
      peeks: false,
      isProxied: true,
    })
  }
}

describe('through twemproxy', () => {
  let proxied: Proxied
  beforeAll(async () => {
    proxied = await start(2)
  })
  afterAll(() => proxied.stop())

  function open(options?: RemoteCacheOptions): RemoteCache & AsyncDisposable {
    return new RemoteCache(proxied.proxy.address, { ...PATIENT, ...options })
  }

  test('commands to the servers themselves are unsupported, and no other command is lost for them', async () => {
    await using cache = open()
    const [stats, stored] = await Promise.all([cache.stats(), cache.set('k', Buffer.from('v'))])
    const flushed = await cache.flushAll()
    const version = await cache.version()
    for (const { answers, failed } of [stats, flushed, version]) {
      expect(answers.size).toBe(0)
      const [error] = failed.values()
      expect(error).toMatchObject({ code: 'E_UNSUPPORTED' })
      expect(error?.message).toMatch(/The proxy has no command for (?:stats|flushAll|version)/)
    }
    expect((await cache.get('k'))?.cas.equals(stored)).toBe(true)
    await expect(cache.peek('k')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  test('a client of typed values works', async () => {
    await using cache = open()
    await using client = new MemcacheClient({ cache, keyPrefix: 'typed:' })
    await client.set('film', { title: 'Alien', year: 1979 })
    expect(await client.get('film')).toEqual({ title: 'Alien', year: 1979 })
    expect(await client.incr('n', 5, { initial: 10 })).toBeDefined()
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`)
    await client.setMulti(keys.map((key) => [key, key] as const))
    const { values, failed } = await client.getMulti(keys)
    expect([values.size, failed.size]).toEqual([500, 0])
  })

  test('a server that is down fails its own keys', async () => {
    const started = await start(2)
    const { servers, proxy } = started
    await using cache = new RemoteCache(proxy.address, PATIENT)
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    await cache.setMulti(keys.map((key) => ({ key, value: Buffer.from(key) })))
    await servers[0]?.kill()
    const results = await Promise.allSettled(keys.map((key) => cache.set(key, Buffer.from('w'))))
    const stored = results.filter(({ status }) => status === 'fulfilled').length
    expect(stored).toBeGreaterThan(0)
    expect(stored).toBeLessThan(40)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'E_SERVER' })
    await started.stop()
  })
})

test('a token is learned where the proxy runs the commands of a client in any order', async () => {
  const started = await start(1, { serverConnections: 4 })
  const { proxy } = started
  await using cache = new RemoteCache(proxy.address, PATIENT)
  for (let i = 0; i < 200; i++) {
    const value = Buffer.from(String(i))
    const token = await cache.set('k', value)
    expect((await cache.cas('k', Buffer.from(`${i}!`), token)).status).toBe('stored')
  }
  await started.stop()
})
