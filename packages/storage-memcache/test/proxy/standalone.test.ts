import type { CallOptions, ResourceInfo, Storage } from '@larder/storage-core'
import { MemcacheStorage } from '@larder/storage-memcache'
import { expect, test } from 'vitest'
import { type CacheOperation, CacheServer } from '../support/faulty-cache.js'

const server = () => new CacheServer()
const text = async (storage: Storage, info: ResourceInfo) =>
  (await storage.getMany([info]))[0]?.bytes.toString()
const names = async (storage: Storage) => [...(await storage.ls('films')).keys()]

test('a page is refused where a server did not answer for one of its names', async () => {
  const cache = server().client()
  const storage = new MemcacheStorage({ cache })
  for (const name of ['a', 'b']) await storage.putContent(storage.info('films', name), name)
  const { key } = storage.info('films', 'a')
  cache.failNext('getMulti', 1, { key: (keys) => keys.startsWith(key) })
  await expect(storage.page('films')).rejects.toMatchObject({ code: 'E_TIMEOUT' })
  expect((await storage.page('films')).entries.map(({ name }) => name)).toEqual(['a', 'b'])
  expect(await names(storage)).toEqual(['a', 'b'])
  expect(await text(storage, storage.info('films', 'a'))).toBe('a')
})

const waits: Readonly<
  Record<
    string,
    [CacheOperation, (storage: Storage, info: ResourceInfo, options: CallOptions) => Promise<unknown>]
  >
> = {
  exists: ['get', (storage, info, options) => storage.exists(info, options)],
  'exists of a collection': ['get', (storage, _, options) => storage.exists(storage.info('films'), options)],
  createContainer: ['add', (storage, _, options) => storage.createContainer('films', options)],
  ls: ['getMulti', (storage, _, options) => storage.ls('films', options)],
  page: ['getMulti', (storage, _, options) => storage.page('films', options)],
  getContent: ['getMulti', (storage, info, options) => storage.getContent(info, options)],
}

for (const [name, [operation, start]] of Object.entries(waits)) {
  test(`${name} stops waiting for the server when the caller does`, async () => {
    const cache = server().client()
    const storage = new MemcacheStorage({ cache })
    const info = storage.info('films', 'a')
    await storage.putContent(info, 'x')
    const gate = cache.pauseNext(operation)
    const stop = new AbortController()
    const call = start(storage, info, { signal: stop.signal })
    await gate.reached
    stop.abort()
    await expect(call).rejects.toMatchObject({ code: 'E_ABORTED' })
    gate.open()
  })
}

test('a key generator may give keys that look like those of buckets', async () => {
  const keyGenerator = (collection: string, resource?: string) =>
    resource === undefined ? collection : `${collection}/${resource}`
  const storage = new MemcacheStorage({ cache: server().client(), keyGenerator })
  const numbers = Array.from({ length: 40 }, (_, i) => String(i)).sort()
  for (const name of numbers) await storage.putContent(storage.info('films', name), name)
  expect(await names(storage)).toEqual(numbers)
  for (const name of numbers) expect(await text(storage, storage.info('films', name))).toBe(name)
})

test('keys fit into memcached with every suffix', async () => {
  const cache = server().client()
  const keyGenerator = (collection: string, resource?: string) =>
    `${collection}/${resource ?? ''}`.padEnd(210, 'k')
  const storage = new MemcacheStorage({ cache, keyGenerator, namespace: '' })
  const info = storage.info('films', 'long')
  await storage.putContent(info, Buffer.alloc(4 << 20))
  expect((await storage.getContent(info)).size).toBe(4 << 20)
  expect(cache.calls.flatMap(({ key }) => key.split(' ')).every((key) => key.length <= 250)).toBe(true)
  expect(info.key).toHaveLength(210)
})
