import { MemoryStorage, type PartName, type Storage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { MemcacheStorage } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer } from '../support/faulty-cache.js'
import { FILM } from '../support/races.js'

const NO_RELAY = { relayIntervalMs: 1_000_000_000, fillWaitMs: 20 }

function setUp() {
  const server = new CacheServer()
  const durable = new FaultyStorage(new MemoryStorage())
  const open = (cache = server.client()) => ({
    cache,
    storage: new MemcacheStorage({ storage: durable, cache, ...NO_RELAY }),
  })
  const [reader, writer] = [open(), open()]
  const info = writer.storage.info(...FILM)
  const keys = { content: `${info.key}:c`, metadata: `${info.key}:m` }
  return { server, durable, reader, writer, info, keys }
}

const put = (storage: Storage, part: PartName) =>
  storage.put(storage.info(...FILM), part === 'content' ? { content: 'c' } : { metadata: 'm' })

const remove = (storage: Storage, part: PartName) => {
  const info = storage.info(...FILM)
  return part === 'content' ? storage.removeContent(info) : storage.removeMetaData(info)
}

describe('exists() without a part does not join absences of two moments', () => {
  for (const [first, second] of [
    ['content', 'metadata'],
    ['metadata', 'content'],
  ] as const) {
    test(`a lookup of the ${second} that takes longer than that of the ${first} does not hide a resource`, async () => {
      const { reader, writer, info, keys } = setUp()
      await put(writer.storage, second)
      // Both states are cached: one part, and the absence of the other.
      await writer.storage.getMany([info], { part: 'content' })
      await writer.storage.getMany([info], { part: 'metadata' })
      const late = reader.cache.pauseNext('get', { key: (key) => key === keys[second] })
      const exists = reader.storage.exists(info)
      await late.reached
      await put(writer.storage, first)
      await remove(writer.storage, second)
      late.open()
      expect(await exists).toBe(true)
    })

    test(`a ${first} that becomes absent again does not pass for the earlier absence`, async () => {
      const { reader, writer, info, keys } = setUp()
      await put(writer.storage, second)
      await writer.storage.getMany([info], { part: 'content' })
      await writer.storage.getMany([info], { part: 'metadata' })
      const late = reader.cache.pauseNext('get', { key: (key) => key === keys[second] })
      const exists = reader.storage.exists(info)
      await late.reached
      await put(writer.storage, first)
      await remove(writer.storage, second)
      const verifying = reader.cache.pauseNext('get', { key: (key) => key === keys[first] })
      late.open()
      await verifying.reached
      // The resource exists all the time, by turns in one part and in the other.
      await put(writer.storage, second)
      await remove(writer.storage, first)
      verifying.open()
      expect(await exists).toBe(true)
    })
  }

  test('two absences that hold at the same time answer without the storage behind', async () => {
    const { durable, reader, writer, info } = setUp()
    await writer.storage.getMany([info], { part: 'content' })
    await writer.storage.getMany([info], { part: 'metadata' })
    const inner = durable.pauseNextRead()
    expect(await reader.storage.exists(info)).toBe(false)
    inner.open()
    expect(reader.storage.counters().cacheErrors).toBe(0)
    expect(reader.cache.count('get')).toBe(4)
  })
})

test('a resource that exists() has seen in the storage behind does not disappear again', async () => {
  const { server, durable, reader, writer, info, keys } = setUp()
  await reader.storage.getMany([info], { part: 'metadata' })
  const answer = durable.pauseNextWrite({ at: 'after' })
  const commit = durable.pauseNextWrite({ at: 'commit' })
  const writing = put(writer.storage, 'metadata')
  await commit.reached
  // The mark is evicted, and a reader that began before the commit stores the absence of before.
  await server.evict(keys.metadata)
  await reader.storage.getMany([info], { part: 'metadata' })
  commit.open()
  await answer.reached
  expect(await reader.storage.exists(info)).toBe(true)
  await reader.storage.getMany([info], { part: 'content' })
  expect(await reader.storage.exists(info)).toBe(true)
  answer.open()
  await writing
})
