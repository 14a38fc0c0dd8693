import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { MemcacheClient } from '@larder/memcached'
import { memcachedDriver } from '@larder/memcached/unstorage'
import { createStorage } from 'unstorage'
import { afterAll, beforeAll, expect, test } from 'vitest'

let server: MemcachedServer
let client: MemcacheClient
beforeAll(async () => {
  server = await startMemcached()
  client = new MemcacheClient({ servers: server.address })
})
afterAll(async () => {
  await client.close()
  await server.stop()
})

test('unstorage stores, reads and removes values of all its types', async () => {
  const storage = createStorage({ driver: memcachedDriver({ client }) })
  await storage.setItem('user:1', { name: 'ann', tags: ['a'] })
  await storage.setItem('text', 'hällo')
  await storage.setItem('number', 42)
  await storage.setItemRaw('bytes', Buffer.from([0, 255]))
  expect(await storage.getItem('user:1')).toEqual({ name: 'ann', tags: ['a'] })
  expect([await storage.getItem('text'), await storage.getItem('number')]).toEqual(['hällo', 42])
  expect(await storage.getItemRaw('bytes')).toEqual(Buffer.from([0, 255]))
  expect(await storage.getItems(['text', 'none'])).toEqual([
    { key: 'text', value: 'hällo' },
    { key: 'none', value: null },
  ])
  expect([await storage.hasItem('text'), await storage.hasItem('none')]).toEqual([true, false])
  await storage.removeItem('text')
  expect(await storage.getItem('text')).toBeNull()
})

test('a `ttl` in seconds is the time to live', async () => {
  const storage = createStorage({ driver: memcachedDriver({ client }) })
  await storage.setItem('short', 'x', { ttl: 100 })
  const { ttlMs } = (await client.peek('short'))!
  expect(ttlMs! > 50_000 && ttlMs! < 110_000).toBe(true)
})

test('a namespace is cleared as a whole, and other keys stay', async () => {
  await client.set('outside', 1)
  const storage = createStorage({ driver: memcachedDriver({ client: client.namespace('ns') }) })
  await storage.setItem('a', 1)
  await storage.clear()
  expect([await storage.getItem('a'), await client.get('outside')]).toEqual([null, 1])
})

test('what memcached cannot do rejects', async () => {
  const driver = memcachedDriver({ client })
  await expect(driver.getKeys()).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  await expect(driver.clear('')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  expect(() => memcachedDriver({} as never)).toThrow(TypeError)
})
