import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { afterEach, expect, test } from 'vitest'
import { TextServer, type TextScript } from './support/text-server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(script: TextScript, options: RemoteCacheOptions = {}) {
  const server = await TextServer.start(script)
  cleanups.push(() => server.stop())
  const cache = new RemoteCache(server.address, { transport: 'text', timeoutMs: 20_000, ...options })
  cleanups.push(() => cache.close())
  return { server, cache }
}

const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const value = Buffer.from('new')
const found = (key: string, body: string) => `VALUE ${key} 0 ${body.length} 7\r\n${body}\r\n`

/** Answers a store, and the `gets` behind it as if another client were faster; then `last` decides. */
function storeAndLearn(last: TextScript): TextScript {
  let isStored = false
  let reads = 0
  return (line, socket, connection, body) => {
    if (!line.startsWith('gets')) {
      isStored = true
      socket.write('STORED\r\n')
    } else if (!isStored) socket.write(`${found('k', 'old')}END\r\n`)
    else if (++reads === 1) socket.write('END\r\n', () => last('first', socket, connection, body))
    else last('second', socket, connection, body)
  }
}

const stores: Record<string, (cache: RemoteCache) => Promise<unknown>> = {
  set: (cache) => cache.set('k', value),
  cas: async (cache) => cache.cas('k', value, (await cache.get('k'))!.cas),
}

test.each(Object.entries(stores))(
  'a %s whose second step is lost is an error and is not sent again',
  async (name, store) => {
    const { server, cache } = await start(
      storeAndLearn((step, socket) => {
        if (step === 'second') socket.resetAndDestroy()
      }),
    )
    expect(await store(cache).catch(code)).toBe('E_CACHE_UNAVAILABLE')
    expect(server.lines.filter((line) => line.startsWith(name)).length).toBe(1)
    expect(server.connections).toBe(1)
  },
)

test.each(Object.entries(stores))(
  'a %s whose connection is lost before its second step is sent is an error, and no conflict',
  async (name, store) => {
    let isStored = false
    const { server, cache } = await start((line, socket) => {
      if (!line.startsWith('gets')) isStored = true
      // The connection is given up for the last line, which answers nothing.
      else socket.write(isStored ? 'STORED\r\nEND\r\nEND\r\n' : `${found('k', 'old')}END\r\n`)
    })
    expect(await store(cache).catch(code)).toBe('E_CACHE_UNAVAILABLE')
    expect(server.lines.filter((line) => line.startsWith(name)).length).toBe(1)
  },
)

test('an aborted read takes no value from other reads whose answers arrive in another order', async () => {
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`)
  const controller = new AbortController()
  const { server, cache } = await start((line, socket) => {
    const asked = line.split(' ').slice(1)
    controller.abort()
    // The caller has its error before the answer comes.
    setImmediate(() => {
      const values = asked.toReversed().map((key) => found(key, `value of ${key}`))
      socket.write(`${values.join('')}END\r\n`)
    })
  })
  const results = await Promise.all(
    keys.map((key, i) => {
      const options = i === 5 || i === 11 ? { signal: controller.signal } : {}
      return cache.get(key, options).then((item) => String(item?.value), code)
    }),
  )
  expect(results).toEqual(keys.map((key, i) => (i === 5 || i === 11 ? 'E_ABORTED' : `value of ${key}`)))
  expect(String((await cache.get('next'))?.value)).toBe('value of next')
  expect(server.connections).toBe(1)
  expect(server.lines[0]).toBe(`gets ${keys.join(' ')}`)
})

test('the limit of a server without settings is approached by halving', async () => {
  const limit = 200_000
  const { server, cache } = await start((line, socket, _, body) => {
    if (line.startsWith('stats')) socket.write('CLIENT_ERROR stats settings not allowed\r\n')
    else if (line.startsWith('gets')) socket.write('END\r\n')
    else socket.write(body.length > limit ? 'SERVER_ERROR object too large for cache\r\n' : 'STORED\r\n')
  })
  const sizes: number[] = []
  for (let size = 1_000_000; ; size = cache.maxItemBytes) {
    sizes.push(size)
    const isStored = await cache.set('k', Buffer.alloc(size)).then(() => true, code)
    if (isStored === true) break
    expect(isStored).toBe('E_TOO_LARGE')
  }
  expect(sizes).toEqual([1_000_000, 500_000, 250_000, 125_000])
  expect(server.lines.filter((line) => line === 'stats settings').length).toBe(3)
  await expect(cache.set('k', Buffer.alloc(125_001))).rejects.toBeInstanceOf(RangeError)
})
