import { startProxy } from '@larder/dev-servers'
import { isStorageError } from '@larder/storage-core'
import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { afterEach, describe, expect, test } from 'vitest'
import { startMemcached } from './support/memcached.js'
import { startWire, type Asked } from './support/wires.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const value = Buffer.from('v')
const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)

async function proxied(options: RemoteCacheOptions) {
  const server = await startMemcached()
  cleanups.push(() => server.stop())
  const proxy = await startProxy({ port: server.port })
  cleanups.push(() => proxy.stop())
  const cache = new RemoteCache(proxy.address, { timeoutMs: 500, connectTimeoutMs: 800, ...options })
  cleanups.push(() => cache.close())
  return { proxy, cache }
}

describe.each(['auto', 'binary', 'text'] as const)('a firewall that forgot connections, %s', (transport) => {
  test.each([1, 3, 8])('costs one time-out, with %i connections', async (connectionsPerServer) => {
    const { proxy, cache } = await proxied({ transport, connectionsPerServer, deadTimeoutMs: 60_000 })
    await Promise.all(keys.map((key) => cache.set(key, value)))
    proxy.forget()
    expect(await cache.get('k0').catch(code)).toBe('E_TIMEOUT')
    // The others were idle, and may be as dead: none of them is used again.
    expect(
      await Promise.all(keys.map((key) => cache.get(key).then((item) => String(item?.value), code))),
    ).toEqual(keys.map(() => 'v'))
  })
})

test('connections that stop answering with commands on their way do not make the server dead', async () => {
  // Long enough for a fresh connection on a busy machine: that it answers in time is what decides.
  const patient = { timeoutMs: 2_000, connectTimeoutMs: 2_000 }
  const { proxy, cache } = await proxied({ ...patient, connectionsPerServer: 8, deadTimeoutMs: 60_000 })
  await Promise.all(keys.map((key) => cache.set(key, value)))
  proxy.forget()
  const results = await Promise.all(keys.map((key) => cache.get(key).catch(code)))
  expect(new Set(results)).toEqual(new Set(['E_TIMEOUT']))
  expect((await cache.get('k0'))?.value).toEqual(value)
  for (const key of keys) expect((await cache.get(key))?.value).toEqual(value)
})

test('a server that answers nobody is dead when a fresh connection brings no answer either', async () => {
  const { proxy, cache } = await proxied({ connectionsPerServer: 4, deadTimeoutMs: 60_000 })
  await Promise.all(keys.map((key) => cache.set(key, value)))
  proxy.hold()
  expect(await cache.get('k0').catch(code)).toBe('E_TIMEOUT')
  expect(await cache.get('k0').catch(code)).toBe('E_TIMEOUT')
  const start = performance.now()
  expect(await Promise.all(keys.map((key) => cache.get(key).catch(code)))).toEqual(
    keys.map(() => 'E_CACHE_UNAVAILABLE'),
  )
  expect(performance.now() - start).toBeLessThan(400)
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
