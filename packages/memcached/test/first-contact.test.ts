import { startProxy } from '@larder/dev-servers'
import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startMemcached, type MemcachedOptions } from './support/memcached.js'
import { passwordFile, sharedFolder } from './support/secured-servers.js'
import { rm } from 'node:fs/promises'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function memcached(options?: MemcachedOptions) {
  const server = await startMemcached(options)
  cleanups.push(() => server.stop())
  return server
}

function open(address: string, options: RemoteCacheOptions = {}): RemoteCache {
  const cache = new RemoteCache(address, options)
  cleanups.push(() => cache.close())
  return cache
}

/** A server that greets each connection with a line and closes it. */
async function greeter(line: string): Promise<{ readonly address: string; readonly server: Server }> {
  const server = createServer((socket) => {
    cleanups.push(() => socket.destroy())
    socket.on('error', () => {}).resume()
    socket.end(`${line}\r\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const value = Buffer.from('v')
const TRANSPORTS = ['auto', 'meta', 'text', 'binary'] as const

describe('the first contact', () => {
  test.each(TRANSPORTS)(
    'with a server that has no room quotes it and decides nothing, %s',
    async (transport) => {
      const server = await memcached({ args: ['-c', '16', '-t', '1', '-o', 'maxconns_fast'] })
      // All that it takes.
      const others: Socket[] = []
      const fill = async () => {
        const socket = connect(server.port, server.host).on('error', () => {})
        others.push(socket)
        await once(socket, 'connect')
      }
      cleanups.push(() => others.map((socket) => socket.destroy()))
      for (let i = 0; i < 24; i++) await fill()
      const cache = open(server.address, { transport, deadTimeoutMs: 10 })
      await expect(cache.get('k')).rejects.toThrow(/Too many open connections/)
      for (const socket of others.splice(0)) socket.destroy()
      await vi.waitFor(() => cache.set('k', value), { timeout: 10_000 })
      expect((await cache.get('k'))?.value).toEqual(value)
      if (transport === 'auto') expect(await cache.peek('k')).toMatchObject({ value })
    },
  )

  test.each(TRANSPORTS)('quotes any line but the expected ones, %s', async (transport) => {
    const { address } = await greeter('ERROR no one is at home')
    const call = open(address, { transport }).get('k')
    await expect(call).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    await expect(call).rejects.toThrow(/ERROR no one is at home/)
  })

  test.each(['auto', 'meta', 'text'] as const)(
    'with a server that requires a password rejects with that reason, %s',
    async (transport) => {
      const folder = await sharedFolder()
      cleanups.push(() => rm(folder, { recursive: true, force: true }))
      const server = await memcached({ args: ['-Y', await passwordFile(folder)] })
      const call = open(server.address, { transport }).get('k')
      await expect(call).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
      await expect(call).rejects.toThrow(/asks for credentials.*CLIENT_ERROR unauthenticated/)
    },
  )

  test('is repeated on each connection, since another server may have replaced the first', async () => {
    const [first, second, third] = await Promise.all([
      memcached({ args: ['-B', 'binary'] }),
      memcached({ args: ['-B', 'ascii'] }),
      memcached(),
    ])
    const proxy = await startProxy({ port: first.port })
    cleanups.push(() => proxy.stop())
    const cache = open(proxy.address)
    await cache.set('k', value)
    await expect(cache.peek('k')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    for (const server of [second, third, first, third]) {
      proxy.redirect({ port: server.port })
      proxy.cut()
      await vi.waitFor(() => cache.set('k', value), { timeout: 10_000 })
      expect((await cache.get('k'))?.value).toEqual(value)
    }
    expect(await cache.peek('k')).toMatchObject({ value })
  })

  test('chooses classic text where a server answers ERROR and speaks no binary', async () => {
    const lines: string[] = []
    const server = createServer((socket) => {
      cleanups.push(() => socket.destroy())
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        const text = chunk.toString('latin1')
        lines.push(text)
        if (text.startsWith('get larder:probe')) socket.write('END\r\n')
        else if (text.startsWith('gets k')) socket.write('VALUE k 3 1 7\r\nv\r\nEND\r\n')
        else if (text.startsWith('stats')) socket.write('STAT pid 1\r\nEND\r\n')
        else socket.write('ERROR\r\n')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    const cache = open(`127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect(await cache.get('k')).toMatchObject({ value, flags: 3, cas: { id: 7n } })
    // It closed no connection, so that it is no proxy.
    expect([...(await cache.stats()).answers.values()]).toEqual([new Map([['pid', '1']])])
    expect(lines.map((line) => line.trim().split(' ')[0]?.slice(0, 4))).toEqual([
      ...['mn', expect.stringMatching(/^\x80/), 'get', 'gets', 'stat'],
    ])
    await cache.close()
  })
})

test('a flush with a delay is never early', async () => {
  for (const delayMs of [1000, 1500]) {
    // One that was never flushed: what is stored in the second of a flush goes with it.
    const server = await memcached()
    const cache = open(server.address)
    await cache.set('k', value)
    const start = performance.now()
    await cache.flushAll(delayMs)
    await vi.waitFor(async () => expect(await cache.get('k')).toBeUndefined(), {
      timeout: 10_000,
      interval: 20,
    })
    expect(performance.now() - start).toBeGreaterThanOrEqual(delayMs)
  }
})
