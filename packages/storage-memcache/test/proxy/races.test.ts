import { LimitedStorage } from '@larder/storage-core/testing'
import { MemcacheStorage } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { naiveStorage, type NaiveWay } from '../support/naive-storages.js'
import { type MakeProxy, races } from '../support/races.js'

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
