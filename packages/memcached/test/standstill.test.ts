import { startProxy } from '@larder/dev-servers'
import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { setImmediate as turn } from 'node:timers/promises'
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
const timeouts = { timeoutMs: 1_000, connectTimeoutMs: 1_000, deadTimeoutMs: 60_000 }

/** Longer than every time-out. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100)
}

function open(address: string, options: RemoteCacheOptions): RemoteCache {
  const cache = new RemoteCache(address, { ...timeouts, ...options })
  cleanups.push(() => cache.close())
  return cache
}

async function memcached() {
  const server = await startMemcached()
  cleanups.push(() => server.stop())
  return server
}

test.each(['auto', 'binary', 'text'] as const)(
  'a blocked event loop loses no command and no server, whatever step it interrupts, %s',
  async (transport) => {
    const server = await memcached()
    const results: Promise<unknown>[] = []
    const connected = open(server.address, { transport, connectionsPerServer: 8 })
    await Promise.all(keys.map((key) => connected.set(key, value)))
    // The first one is many turns of the event loop ahead of the last when the process stands still.
    for (let i = 0; i < 12; i++) {
      const cache = open(server.address, { transport, connectionsPerServer: 1 + (i % 2) * 7 })
      results.push(Promise.all(keys.map((key) => cache.set(key, value).then(() => cache.get(key)))))
      results.push(Promise.all(keys.map((key) => connected.get(key))))
      await turn()
    }
    standStill()
    await expect(Promise.all(results)).resolves.toHaveLength(24)
  },
)

test('a doubted server is not given up when the event loop blocks during its reconnect', async () => {
  const server = await memcached()
  const proxy = await startProxy({ port: server.port })
  cleanups.push(() => proxy.stop())
  const cache = open(proxy.address, { connectionsPerServer: 8 })
  await Promise.all(keys.map((key) => cache.set(key, value)))
  proxy.forget()
  expect(new Set(await Promise.all(keys.map((key) => cache.get(key).catch(code))))).toEqual(
    new Set(['E_TIMEOUT']),
  )
  const results = keys.map((key) => cache.get(key))
  standStill()
  for (const item of await Promise.all(results)) expect(item?.value).toEqual(value)
})

describe.each(['meta', 'binary'] as const)(
  'a read that is sent again shortly before its deadline, %s',
  (transport) => {
    const answer = (asked: Asked) => void asked.socket.write(asked.hit(`value of ${asked.key}`))

    /** The first connection falls silent after its first answer, with two reads on their way. */
    async function start(second: (asked: Asked) => void) {
      let now = 0
      const server = await startWire(transport, (asked) => {
        if (asked.key === 'warm') answer(asked)
        else if (asked.connection > 1) second(asked)
      })
      cleanups.push(() => server.stop())
      const cache = open(server.address, { transport, timeoutMs: 500, now: () => now })
      await cache.get('warm')
      const first = cache.get('first').catch(code)
      now = 50
      const late = cache.get('late').catch(code)
      await expect.poll(() => server.asked).toContain('late')
      now = 500
      expect(await first).toBe('E_TIMEOUT')
      return { server, cache, late, passTo: (time: number) => (now = time) }
    }

    test('fails in its time and does not cost the connection or the server', async () => {
      const held: Asked[] = []
      const { server, cache, late, passTo } = await start((asked) => void held.push(asked))
      await expect.poll(() => held.length).toBe(1)
      passTo(551)
      expect(await late).toBe('E_TIMEOUT')
      const next = cache.get('next')
      await expect.poll(() => held.length).toBe(2)
      for (const asked of held) answer(asked)
      expect(String((await next)?.value)).toBe('value of next')
      expect(server.connections).toBe(2)
    })

    test('makes the server dead where the server then stays silent for its fair time', async () => {
      const { server, cache, late, passTo } = await start(() => {})
      await expect.poll(() => server.asked.filter((key) => key === 'late')).toHaveLength(2)
      passTo(551)
      expect(await late).toBe('E_TIMEOUT')
      passTo(751)
      expect(await cache.get('next').catch(code)).toBe('E_CACHE_UNAVAILABLE')
    })
  },
)
