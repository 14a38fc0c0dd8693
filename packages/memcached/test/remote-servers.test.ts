import { MemcacheClient, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { passTime } from './support/fake-time.js'
import { FaultyServer, replyTo, type Script } from './support/faulty-server.js'
import { addressOf, startMemcached, type MemcachedServer } from './support/memcached.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function memcached(count: number): Promise<readonly MemcachedServer[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => startMemcached()))
  cleanups.push(...servers.map((server) => () => server.stop()))
  return servers
}

function open(servers: readonly string[], options: RemoteCacheOptions = {}): RemoteCache {
  const cache = new RemoteCache(servers, options)
  cleanups.push(() => cache.close())
  return cache
}

async function faulty(script: Script): Promise<FaultyServer> {
  const server = await FaultyServer.start(script)
  cleanups.push(() => server.stop())
  return server
}

const bytes = (text: string) => Buffer.from(text)
const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`)

describe('several connections to a server', () => {
  test('share keys fairly', async () => {
    const counts = new Map<number, number>()
    const server = await faulty((request, socket, connection) => {
      counts.set(connection, (counts.get(connection) ?? 0) + 1)
      socket.write(replyTo(request, { value: 'v' }))
    })
    const cache = open([server.address], { transport: 'binary', connectionsPerServer: 4 })
    await Promise.all(keys.map((key) => cache.get(key)))
    expect(counts.size).toBe(4)
    for (const count of counts.values()) expect(count).toBeGreaterThan(30)
  })

  test('keep a token on the connection that it came from', async () => {
    const [server] = await memcached(1)
    const cache = open([addressOf(server!)], { connectionsPerServer: 3 })
    const tokens = await Promise.all(keys.map((key) => cache.set(key, bytes('old'))))
    const results = await Promise.all(keys.map((key, i) => cache.cas(key, bytes('new'), tokens[i]!)))
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['stored']))
  })

  test('learn together that the server is dead, and probe it with one command', async () => {
    let isHung = true
    const server = await faulty((request, socket) => {
      if (!isHung) socket.write(replyTo(request, { value: 'v' }))
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    cleanups.push(() => vi.useRealTimers())
    const options = { connectionsPerServer: 3, timeoutMs: 5_000, deadTimeoutMs: 10_000 }
    const cache = open([server.address], { transport: 'binary', ...options })
    const first = cache.get('k')
    await expect.poll(() => server.requests.length).toBe(1)
    const passing = passTime(5_100)
    await expect(first).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    for (let i = 0; i < 6; i++)
      await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(server.requests.length).toBe(1)
    isHung = false
    await passing
    vi.advanceTimersByTime(11_000)
    const asked = await Promise.allSettled(keys.slice(0, 9).map((key) => cache.get(key)))
    expect(asked.filter(({ status }) => status === 'fulfilled').length).toBe(1)
    await Promise.all(keys.slice(0, 9).map((key) => cache.get(key)))
  })

  test.each([0, 1.5, 101, Number.NaN])('%d of them are refused', (connectionsPerServer) => {
    expect(() => new RemoteCache('127.0.0.1:1', { connectionsPerServer })).toThrow(RangeError)
  })
})

describe('servers that come and go', () => {
  test('take their share of the keys and give it back; those that stay keep theirs', async () => {
    const servers = (await memcached(3)).map(addressOf)
    const cache = open(servers.slice(0, 2))
    await cache.setMulti(keys.map((key) => ({ key, value: bytes('two') })))
    cache.setServers(servers)
    expect(cache.servers).toEqual(servers)
    const { items } = await cache.getMulti(keys)
    expect(items.size).toBeGreaterThan(100)
    expect(items.size).toBeLessThan(180)
    await cache.setMulti(keys.map((key) => ({ key, value: bytes('three') })))
    expect((await cache.version()).answers.size).toBe(3)
    cache.setServers(servers.slice(0, 2))
    expect((await cache.getMulti(keys)).items.size).toBe(200)
    expect((await cache.version()).answers.size).toBe(2)
  })

  test('connections of servers that stay stay as well', async () => {
    const answer: Script = (request, socket) => void socket.write(replyTo(request, { value: 'v' }))
    const [first, second] = [await faulty(answer), await faulty(answer)]
    const cache = open([first.address], { transport: 'binary' })
    const token = (await cache.get('k'))!.cas
    cache.setServers([`${first.address}:5`, second.address])
    await cache.getMulti(keys)
    expect(first.connections).toBe(1)
    const home = keys.find((key) => first.requests.some((request) => request.key === key))!
    expect(await cache.cas(home, bytes('v'), token)).toMatchObject({ status: 'stored' })
  })

  test('a server that is removed answers its commands and is closed then', async () => {
    let answerLate: (() => void) | undefined
    const slow = await faulty((request, socket) => {
      answerLate = () => void socket.write(replyTo(request, { value: 'late' }))
    })
    const other = await faulty((request, socket) => void socket.write(replyTo(request, { value: 'other' })))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    cleanups.push(() => vi.useRealTimers())
    const cache = open([slow.address], { transport: 'binary', timeoutMs: 2_000, connectTimeoutMs: 1_000 })
    const reading = cache.get('k')
    await expect.poll(() => slow.requests.length).toBe(1)
    cache.setServers(other.address)
    expect(String((await cache.get('k'))?.value)).toBe('other')
    answerLate?.()
    expect(String((await reading)?.value)).toBe('late')
    await passTime(3_000)
    await expect.poll(() => slow.open).toBe(0)
  })

  test('a bad list changes nothing', async () => {
    const cache = open(['127.0.0.1:1'])
    expect(() => cache.setServers([])).toThrow(RangeError)
    expect(() => cache.setServers('a b:x')).toThrow(RangeError)
    expect(cache.servers).toEqual(['127.0.0.1:1'])
    await cache.close()
    expect(() => cache.setServers('127.0.0.1:2')).toThrow(expect.objectContaining({ code: 'E_CLOSED' }))
  })
})

describe('a pair of a hash and a key', () => {
  test('lives on the server of its hash, in single commands and batches', async () => {
    const servers = (await memcached(3)).map(addressOf)
    const routing = { distribution: 'modula' } as const
    const client = new MemcacheClient({ cache: open(servers, { routing }) })
    const alone = servers.map((server) => new MemcacheClient({ cache: open([server]) }))
    for (const [i, server] of alone.entries()) {
      await client.set([i + 3, 'single'], i)
      expect(await server.get('single')).toBe(i)
      expect(await client.get([i, 'single'])).toBe(i)
    }
    const pairs = Array.from({ length: 30 }, (_, i) => [i % 3, `batch-${i}`] as const)
    expect((await client.setMulti(pairs.map((pair, i) => [pair, i]))).failed).toEqual(new Map())
    const { values } = await client.getMulti(pairs)
    expect(pairs.map((pair) => values.get(pair))).toEqual(pairs.map((_, i) => i))
    for (const [i, server] of alone.entries()) {
      const found = await server.getMulti(pairs.map(([, key]) => key))
      expect([...found.values.values()]).toEqual(Array.from({ length: 10 }, (_, n) => 3 * n + i))
    }
    expect((await client.deleteMulti(pairs)).values.size).toBe(30)
    expect((await client.offsetMulti([[pairs[0]!, 1]], { initial: 1 })).values.get(pairs[0]!)).toBe(2)
  })

  test('text routes as a key of that name, so that what belongs together lies together', async () => {
    const servers = (await memcached(2)).map(addressOf)
    const client = new MemcacheClient({ cache: open(servers) })
    await client.setMulti(keys.map((key) => [['user-1', key], key]))
    const counts = await Promise.all(
      servers.map(async (server) => (await open([server]).getMulti(keys)).items.size),
    )
    expect(counts.sort((a, b) => a - b)).toEqual([0, 200])
    expect(await client.get(['user-1', 'key-7'])).toBe('key-7')
  })

  test('is refused where the hash is none', async () => {
    const client = new MemcacheClient({ cache: open(['127.0.0.1:1', '127.0.0.1:2']) })
    await expect(client.get([-1, 'k'])).rejects.toBeInstanceOf(RangeError)
    await expect(client.get([1.5, 'k'])).rejects.toBeInstanceOf(RangeError)
    await expect(client.get(['', 'k'])).rejects.toBeInstanceOf(RangeError)
  })
})
