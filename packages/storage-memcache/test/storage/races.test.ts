import { LimitedStorage } from '@larder/storage-core/testing'
import { MemcacheStorage } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { naiveStorage, type NaiveWay } from '../support/naive-storages.js'
import { FILM, type MakeProxy, races, stage } from '../support/races.js'

const proxy: MakeProxy = (storage, cache) => new MemcacheStorage({ storage, cache, fillWaitMs: 20 })
const naive =
  (way: NaiveWay): MakeProxy =>
  (storage, cache) =>
    naiveStorage(storage, cache, way)

describe('races, on a storage with transactions', () => {
  for (const [name, play] of Object.entries(races)) test(name, () => play(proxy))
})

describe('races, on a storage without transactions', () => {
  const limited: MakeProxy = (storage, cache) => proxy(new LimitedStorage(storage, ['transactions']), cache)
  // Its writers take turns by the mark in the cache: the second cannot commit before the first is done.
  const { 'the answers of two commits arrive in the wrong order': _, ...others } = races
  for (const [name, play] of Object.entries(others)) test(name, () => play(limited))
})

describe('the same races are lost by', () => {
  const lost: Readonly<Record<NaiveWay, readonly string[]>> = {
    'set after commit': [
      'a write overtakes a fill',
      'a write overtakes a fill in the same process',
      'the answers of two commits arrive in the wrong order',
      'a removal overtakes a fill',
      'a create overtakes the building of a listing',
    ],
    'delete after commit': [
      'a write overtakes a fill',
      'a write overtakes a fill in the same process',
      'a removal overtakes a fill',
      'a create overtakes the building of a listing',
    ],
  }
  for (const [way, names] of Object.entries(lost)) {
    for (const name of names) {
      test(`a cache with ${way}: ${name}`, async () => {
        await expect(races[name]?.(naive(way as NaiveWay))).rejects.toThrow(/expected/)
      })
    }
  }
})

test('the plays can be won: a storage without any cache wins all of them', async () => {
  for (const play of Object.values(races)) await play((storage) => storage)
})

test('a bypass read is shared with readers that came before its query began', async () => {
  const { durable, reader, readerCache, writer } = stage(proxy)
  const info = reader.info(...FILM)
  await durable.putContent(durable.info(...FILM), 'old')
  const earlyLook = readerCache.pauseNext('get')
  const early = reader.getContent(info)
  await earlyLook.reached
  // The cache does not answer: what this one reads is held up, and soon outdated.
  readerCache.failNext('get')
  const held = durable.pauseNextRead()
  const outdated = reader.getContent(info)
  await held.reached
  await writer.putContent(info, 'new')
  // The mark of the next writer sends both of the others past the cache.
  const commit = durable.pauseNextWrite({ at: 'commit' })
  const next = writer.putContent(info, 'newest')
  await commit.reached
  const lateLook = readerCache.pauseNext('get')
  const late = reader.getContent(info)
  await lateLook.reached
  earlyLook.open()
  lateLook.open()
  const bypasses = () => (reader instanceof MemcacheStorage ? reader.counters().bypasses : undefined)
  await expect.poll(bypasses).toBe(3)
  held.open()
  await Promise.all([outdated, early])
  expect((await late).bytes.toString()).toBe('new')
  commit.open()
  await next
})

test('a read whose lease was not granted in time is not shared with later readers', async () => {
  const { server, durable, reader, readerCache, writer } = stage(proxy)
  const info = reader.info(...FILM)
  await durable.putContent(durable.info(...FILM), 'old')
  readerCache.failNext('add')
  const held = durable.pauseNextRead()
  const outdated = reader.getContent(info)
  await held.reached
  await writer.putContent(info, 'new')
  await server.cache.flushAll()
  const late = reader.getContent(info)
  const misses = () => (reader instanceof MemcacheStorage ? reader.counters().misses : undefined)
  await expect.poll(misses).toBe(2)
  held.open()
  await outdated
  expect((await late).bytes.toString()).toBe('new')
})
