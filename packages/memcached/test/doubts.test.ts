import { startProxy } from '@larder/dev-servers'
import { isStorageError } from '@larder/storage-core'
import { RemoteCache, type CacheItem, type RemoteCacheOptions } from '@larder/memcached'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { passTime } from './support/fake-time.js'
import { startMemcached } from './support/memcached.js'
import { startWire, type Asked } from './support/wires.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const value = Buffer.from('v')
const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)

const timeoutMs = 5_000

/** Time passes only where the test lets it, so that a slow machine is never taken for a silent server. */
async function proxied(options: RemoteCacheOptions) {
  const server = await startMemcached()
  cleanups.push(() => server.stop())
  const proxy = await startProxy({ port: server.port })
  cleanups.push(() => proxy.stop())
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  cleanups.push(() => vi.useRealTimers())
  const timeouts = { timeoutMs, connectTimeoutMs: 2 * timeoutMs, deadTimeoutMs: 60_000 }
  const cache = new RemoteCache(proxy.address, { ...timeouts, ...options })
  cleanups.push(() => cache.close())
  await Promise.all(keys.map((key) => cache.set(key, value)))
  return { proxy, cache }
}

/** What `calls` settle with when time passes until the last of them is settled. */
async function settleInTime(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = Promise.all(calls.map((call) => call.catch(code)))
  let isOver = false
  void settled.then(() => (isOver = true))
  await passTime(2 * timeoutMs, () => isOver)
  return settled
}

const textOf = (reading: Promise<CacheItem | undefined>) => reading.then((item) => String(item?.value), code)

describe.each(['auto', 'binary', 'text'] as const)('a firewall that forgot connections, %s', (transport) => {
  test.each([1, 3, 8])('costs one time-out, with %i connections', async (connectionsPerServer) => {
    const { proxy, cache } = await proxied({ transport, connectionsPerServer })
    proxy.forget()
    expect(await settleInTime([cache.get('k0')])).toEqual(['E_TIMEOUT'])
    // The others were idle, and may be as dead: none of them is used again.
    expect(await Promise.all(keys.map((key) => textOf(cache.get(key))))).toEqual(keys.map(() => 'v'))
  })
})

test('connections that stop answering with commands on their way do not make the server dead', async () => {
  const { proxy, cache } = await proxied({ connectionsPerServer: 8 })
  proxy.forget()
  const results = await settleInTime(keys.map((key) => cache.get(key)))
  expect(new Set(results)).toEqual(new Set(['E_TIMEOUT']))
  expect(await textOf(cache.get('k0'))).toBe('v')
  for (const key of keys) expect(await textOf(cache.get(key))).toBe('v')
})

test('a server that answers nobody is dead when a fresh connection brings no answer either', async () => {
  const { proxy, cache } = await proxied({ connectionsPerServer: 4 })
  proxy.hold()
  expect(await settleInTime([cache.get('k0')])).toEqual(['E_TIMEOUT'])
  expect(await settleInTime([cache.get('k0')])).toEqual(['E_TIMEOUT'])
  // No time passes: they are refused at once.
  expect(await Promise.all(keys.map((key) => cache.get(key).catch(code)))).toEqual(
    keys.map(() => 'E_CACHE_UNAVAILABLE'),
  )
})

describe.each(['meta', 'binary'] as const)('a read over a new connection, %s', (transport) => {
  async function start(script: (asked: Asked) => void) {
    const server = await startWire(transport, script)
    cleanups.push(() => server.stop())
    const cache = new RemoteCache(server.address, { transport, timeoutMs: 10_000, deadTimeoutMs: 60_000 })
    cleanups.push(() => cache.close())
    return { server, cache }
  }

  test('is sent once more where the connection breaks before it answered anything', async () => {
    const { server, cache } = await start((asked) => {
      const { socket, connection, key } = asked
      if (connection === 1) socket.resetAndDestroy()
      else socket.write(asked.hit(`value of ${key}`))
    })
    expect(String((await cache.get('k'))?.value)).toBe('value of k')
    expect(server.connections).toBe(2)
  })

  test('is not sent a third time, and a store not a second', async () => {
    const { server, cache } = await start(({ socket }) => void socket.resetAndDestroy())
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(server.asked).toEqual(['k', 'k'])
    cache.disconnectAll()
    await expect(cache.set('s', value)).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(server.asked).toEqual(['k', 'k', 's'])
  })
})
