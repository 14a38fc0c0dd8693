import { RemoteCache } from '@larder/memcached'
import { Client, Server } from 'memjs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cacheContract } from './contract/cache-contract.js'
import { FaultyServer, replyTo } from './support/faulty-server.js'
import { PATIENT } from '@larder/dev-servers/vitest'
import { startMemcached, type MemcachedServer } from './support/memcached.js'

const servers: MemcachedServer[] = []
const closing: { close(): unknown }[] = []
beforeAll(async () => {
  for (let i = 0; i < 3; i++) servers.push(await startMemcached())
})
afterEach(async () => {
  for (const open of closing.splice(0)) await open.close()
})
afterAll(async () => {
  for (const server of servers) await server.stop()
})

const clientOf = (list: readonly { port: number }[]) => {
  const client = new Client(list.map(({ port }) => new Server('127.0.0.1', port)))
  closing.push(client)
  return client
}
const cacheOver = (client: Client) => {
  const cache = new RemoteCache(client)
  closing.push(cache)
  return cache
}

cacheContract('over a memjs client', {
  create: async () => new RemoteCache(clientOf(servers), PATIENT),
})

test("both clients find the other's items on the same servers", async () => {
  const client = clientOf(servers)
  const cache = cacheOver(client)
  for (let i = 0; i < 50; i++) {
    await client.set(`theirs-${i}`, 'v', {})
    expect(String((await cache.get(`theirs-${i}`))?.value)).toBe('v')
    await cache.set(`ours-${i}`, Buffer.from('v'))
    expect(String((await client.get(`ours-${i}`)).value)).toBe('v')
  }
})

test('a routing function of the user is kept', async () => {
  const client = clientOf(servers)
  Object.assign(client, { getServer: () => 2 })
  const cache = cacheOver(client)
  await cache.set('k', Buffer.from('v'))
  expect(cache.servers).toEqual(servers.map(({ address }) => address))
  const alone = cacheOver(clientOf([servers[2]!]))
  expect(String((await alone.get('k'))?.value)).toBe('v')
})

test('a server of the user lends its credentials, and gets no state of our connections', async () => {
  const logins: string[] = []
  const server = await FaultyServer.start((request, socket) => {
    if (request.opcode === 0x21) logins.push(request.value.toString())
    socket.write(replyTo(request, { value: request.opcode === 0x20 ? 'PLAIN' : 'v' }))
    if (request.key === 'last') setTimeout(() => socket.destroy(), 5)
  })
  closing.push({ close: () => server.stop() })
  const own = new Server('127.0.0.1', server.port, 'user', 'secret')
  const cache = new RemoteCache(new Client([own]))
  closing.push(cache)
  await cache.get('last')
  await expect.poll(() => server.open).toBe(0)
  expect(String((await cache.get('k'))?.value)).toBe('v')
  expect(logins).toEqual(['\0user\0secret', '\0user\0secret'])
  expect(own.eventNames()).toEqual([])
  expect(own.responseBuffer.length).toBe(0)
})

test('options that the memjs client has itself are refused', async () => {
  const client = clientOf(servers)
  for (const options of [
    { transport: 'meta' },
    { transport: 'text' },
    { credentials: { username: 'u', password: 'p' } },
  ]) {
    expect(() => new RemoteCache(client, options as object)).toThrow(RangeError)
  }
  expect(() => new RemoteCache(new Client([]))).toThrow(RangeError)
  // What it would do, such as TLS, would not be done.
  class OwnServer extends Server {
    override sock(...args: Parameters<Server['sock']>): void {
      super.sock(...args)
    }
  }
  expect(() => new RemoteCache(new Client([new OwnServer('127.0.0.1', 1)]))).toThrow(/overrides sock/)
  const unsupported: unknown = expect.objectContaining({ code: 'E_UNSUPPORTED' })
  expect(() => cacheOver(client).setServers('127.0.0.1:1')).toThrow(unsupported)
})
