import type { CallOptions, ResourceInfo, Storage } from '@larder/storage-core'
import { MemcacheStorage } from '@larder/storage-memcache'
import { expect, test, vi } from 'vitest'
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
  const storage = new MemcacheStorage({ cache, keyGenerator, keyPrefix: '' })
  const info = storage.info('films', 'long')
  await storage.putContent(info, Buffer.alloc(4 << 20))
  expect((await storage.getContent(info)).size).toBe(4 << 20)
  expect(cache.calls.flatMap(({ key }) => key.split(' ')).every((key) => key.length <= 250)).toBe(true)
  expect(info.key).toHaveLength(210)
})

test('names that are created and removed do not fill the listing', async () => {
  const small = new CacheServer({ maxItemBytes: 4096 })
  const storage = new MemcacheStorage({ cache: small.client() })
  await storage.putContent(storage.info('films', 'stays'), 'x')
  for (let i = 0; i < 4_000; i++) {
    const info = storage.info('films', `temporary ${i}`)
    await storage.putContent(info, 'x')
    await storage.remove(info)
  }
  expect(await names(storage)).toEqual(['stays'])
})

test('the listing forgets absences when nothing older can arrive any more', async () => {
  const behind = server()
  const storage = new MemcacheStorage({ cache: behind.client() })
  const bytes = async () => {
    const keys = Array.from({ length: 16 }, (_, i) => `${storage.info('films').key}:l/${i}`)
    const { items } = await behind.cache.getMulti(keys)
    return [...items.values()].reduce((sum, { value }) => sum + value.length, 0)
  }
  const comeAndGo = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const info = storage.info('films', `${Date.now()} ${i}`)
      await storage.putContent(info, 'x')
      await storage.remove(info)
    }
  }
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 48 * 3_600_000 })
  try {
    await comeAndGo(4_000)
  } finally {
    vi.useRealTimers()
  }
  const before = await bytes()
  await comeAndGo(300)
  expect(await bytes()).toBeLessThan(before / 2)
})

test('a full listing rejects creations and accepts removals', async () => {
  const storage = new MemcacheStorage({ cache: new CacheServer({ maxItemBytes: 1024 }).client() })
  const fill = async () => {
    for (let i = 0; i < 2_000; i++) await storage.putContent(storage.info('films', `film ${i}`), 'x')
  }
  await expect(fill()).rejects.toMatchObject({
    code: 'E_OUTCOME_UNKNOWN',
    cause: { code: 'E_TOO_LARGE' },
  })
  for (const [, info] of await storage.ls('films')) await storage.remove(info)
  expect(await names(storage)).toEqual([])
})

/** A storage, its cache, and a resource of it. */
function one() {
  const behind = server()
  const cache = behind.client()
  const storage = new MemcacheStorage({ cache })
  return { behind, cache, storage, info: storage.info('films', 'a') }
}
const isBucket = (key: string) => /:l\/\d+$/.test(key)
const isRecord = (key: string) => key.endsWith(':r')

test('a write whose answer is lost has an unknown outcome', async () => {
  const { cache, storage, info } = one()
  cache.failNext('add', 1, { key: isRecord, at: 'after' })
  await expect(storage.putContent(info, 'x')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
  expect(await text(storage, info)).toBe('x')
  cache.failNext('cas', 1, { key: isRecord, at: 'after' })
  await expect(storage.putContent(info, 'y')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
  expect(await text(storage, info)).toBe('y')
  // The first of them was never listed; the second was asked to see to that, and is listed with it.
  expect(await names(storage)).toEqual(['a'])
})

test('a write that was stored, but not listed, is listed when it is repeated', async () => {
  const { cache, storage, info } = one()
  cache.failNext('append')
  await expect(storage.putContent(info, 'x')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
  expect(await names(storage)).toEqual([])
  await storage.putContent(info, 'x')
  expect(await names(storage)).toEqual(['a'])
})

test('a removal that was stored, but not listed, is listed when it is repeated', async () => {
  const { cache, storage, info } = one()
  await storage.putContent(info, 'x')
  cache.failNext('append')
  await expect(storage.remove(info)).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
  expect(await names(storage)).toEqual(['a'])
  expect((await storage.remove(info)).changed).toBe(false)
  expect(await names(storage)).toEqual([])
})

test('a removal does not fail for the tidying behind it', async () => {
  const { cache, storage, info } = one()
  await storage.putContent(info, 'x')
  cache.failNext('get', 1, { key: isBucket })
  expect(await storage.remove(info)).toMatchObject({ changed: true, emptied: true })
})

test('a create does not fail because it could not be noted that it is listed', async () => {
  const { cache, storage, info } = one()
  cache.failNext('cas')
  expect(await storage.putContent(info, 'x')).toMatchObject({ created: true })
  expect(await names(storage)).toEqual(['a'])
})

test('an update lists a resource whose creator has not listed it yet', async () => {
  const { behind, cache, storage, info } = one()
  const other = new MemcacheStorage({ cache: behind.client() })
  const gate = cache.pauseNext('append')
  const creating = storage.putContent(info, 'x')
  await gate.reached
  await other.putContent(info, 'y')
  expect(await names(other)).toEqual(['a'])
  gate.open()
  await creating
  expect(await names(other)).toEqual(['a'])
  await other.remove(info)
  expect(await names(other)).toEqual([])
})

test('a late create does not bring back a forgotten name', async () => {
  const { behind, cache, storage, info } = one()
  const other = new MemcacheStorage({ cache: behind.client() })
  const gate = cache.pauseNext('append')
  const creating = storage.putContent(info, 'x')
  await gate.reached
  await other.remove(info)
  // As if a bucket had been short of room for the absence.
  for (let i = 0; i < 16; i++) await behind.evict(`${storage.info('films').key}:l/${i}`)
  gate.open()
  await creating
  expect(await names(storage)).toEqual([])
})

test('a clock that steps back does not make a write lose against an older one', async () => {
  const { behind, storage, info } = one()
  const first = await storage.putContent(info, 'x')
  await storage.remove(info)
  await behind.evict(`${info.key}:r`)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 60_000 })
  try {
    expect((await storage.putContent(info, 'y')).version).toBeGreaterThan(first.version)
  } finally {
    vi.useRealTimers()
  }
  expect(await names(storage)).toEqual(['a'])
})

const BIG = 10_000

/** The same on a server whose items are small, with a content that is split over three of them. */
async function split() {
  const behind = new CacheServer({ maxItemBytes: 4096 })
  const cache = behind.client()
  const storage = new MemcacheStorage({ cache })
  const info = storage.info('films', 'a')
  await storage.putContent(info, Buffer.alloc(BIG, 'x'))
  const chunks = () => {
    const stored = cache.calls.filter(({ operation }) => operation === 'setMulti')
    return stored.map(({ key }) => key.split(' '))
  }
  const standing = async () => (await behind.cache.getMulti(chunks().flat())).items.size
  return { behind, cache, storage, info, chunks, standing }
}

test('the pieces of a replaced content are deleted with it', async () => {
  const { storage, info, standing } = await split()
  for (let i = 0; i < 3; i++) await storage.putContent(info, Buffer.alloc(BIG, i))
  expect(await standing()).toBe(3)
  await storage.putMetaData(info, 'stays beside')
  expect((await storage.getContent(info)).bytes).toEqual(Buffer.alloc(BIG, 2))
  await storage.remove(info)
  expect(await standing()).toBe(0)
})

test('the pieces of a write that came too late are deleted with it', async () => {
  const { behind, cache, storage, info, standing } = await split()
  const other = new MemcacheStorage({ cache: behind.client() })
  const gate = cache.pauseNext('cas')
  const slow = storage.putContent(info, Buffer.alloc(BIG, 'y'))
  await gate.reached
  await other.putContent(info, 'quick')
  gate.open()
  await slow
  expect((await storage.getContent(info)).bytes).toEqual(Buffer.alloc(BIG, 'y'))
  expect(await standing()).toBe(3)
})

test('a reader whose pieces a writer deletes gets the new value', async () => {
  const { behind, storage, info, chunks } = await split()
  const reader = behind.client()
  const gate = reader.pauseNext('getMulti', { key: (keys) => keys.startsWith(chunks()[0]?.[0] ?? '-') })
  const reading = new MemcacheStorage({ cache: reader }).getContent(info)
  await gate.reached
  await storage.putContent(info, Buffer.alloc(BIG, 'y'))
  gate.open()
  expect((await reading).bytes).toEqual(Buffer.alloc(BIG, 'y'))
})

test('a content that has lost a piece does not exist for any call', async () => {
  const { behind, storage, info, chunks } = await split()
  expect(await storage.exists(info)).toBe(true)
  await behind.evict(chunks()[0]?.[1] ?? '-')
  await expect(storage.getContent(info)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  expect(await storage.exists(info)).toBe(false)
  expect(await storage.exists(info, { part: 'content' })).toBe(false)
  expect(await storage.putContent(info, 'again', { ifNoneMatch: '*' })).toMatchObject({ created: true })
})
