import { EmbeddedCache } from '@larder/memcached'
import { expect, test } from 'vitest'
import { cacheContract } from './contract/cache-contract.js'
import { commandContract } from './contract/command-contract.js'

commandContract('embedded', { create: async () => new EmbeddedCache(), peeks: true })
cacheContract('embedded', { create: async () => new EmbeddedCache() })

const value = Buffer.from('v')

test('an item expires on the clock that was given', async () => {
  let now = 1000
  const cache = new EmbeddedCache({ now: () => now })
  const token = await cache.set('k', value, { ttlMs: 50 })
  now += 49
  expect(await cache.get('k')).toBeDefined()
  expect(await cache.touch('k', 100)).toBe(true)
  now += 99
  expect((await cache.cas('k', value, token, { ttlMs: 10 })).status).toBe('stored')
  now += 10
  expect(await cache.get('k')).toBeUndefined()
  expect(await cache.cas('k', value, token)).toEqual({ status: 'not-found' })
  expect(await cache.add('k', value)).toBeDefined()
})

test('append keeps the time to live', async () => {
  let now = 0
  const cache = new EmbeddedCache({ now: () => now })
  await cache.set('k', value, { ttlMs: 100 })
  now = 90
  await cache.append('k', value)
  now = 100
  expect(await cache.get('k')).toBeUndefined()
})

test('the least recently used items are evicted first, and the limit holds', async () => {
  const cache = new EmbeddedCache({ maxBytes: 100_000 })
  for (let i = 0; i < 20; i++) {
    await cache.set(`k${i}`, Buffer.alloc(10_000))
    await cache.get('k0')
  }
  expect(await cache.get('k0')).toBeDefined()
  expect(await cache.get('k1')).toBeUndefined()
  expect(await cache.get('k19')).toBeDefined()
})

test('a cache that is smaller than an item refuses it instead of dropping it', async () => {
  const cache = new EmbeddedCache({ maxBytes: 10_000 })
  await expect(cache.set('k', Buffer.alloc(10_000))).rejects.toBeInstanceOf(RangeError)
  await cache.set('k'.repeat(250), Buffer.alloc(cache.maxItemBytes))
  expect(await cache.get('k'.repeat(250))).toBeDefined()
})

test('limits that cannot be honoured are refused', () => {
  expect(() => new EmbeddedCache({ maxBytes: 0 })).toThrow(RangeError)
  expect(() => new EmbeddedCache({ maxItemBytes: Number.NaN })).toThrow(RangeError)
})
