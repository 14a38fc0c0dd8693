import type { Cache, CacheItem } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

export interface CacheFixture {
  /** A cache of its own, and another client of the same store where there can be one. */
  create(): Promise<Cache>
  stop?(): Promise<void>
}

const bytes = (text: string) => Buffer.from(text)
const text = (item: CacheItem | undefined) => item?.value.toString()

/** What every `Cache` must do, whatever is behind it. */
export function cacheContract(name: string, fixture: CacheFixture): void {
  describe(`cache contract: ${name}`, () => {
    let cache: Cache
    let count = 0
    const fresh = (label = 'k') => `${label}-${process.pid}-${++count}`

    beforeAll(async () => {
      cache = await fixture.create()
    })
    afterAll(async () => {
      await cache.close()
      await fixture.stop?.()
    })

    test('a miss is undefined', async () => {
      expect(await cache.get(fresh())).toBeUndefined()
    })

    test('a value is read with its flags', async () => {
      const key = fresh()
      await cache.set(key, bytes('hello'), { flags: 0xffff_ffff })
      const item = await cache.get(key)
      expect(text(item)).toBe('hello')
      expect(item?.flags).toBe(0xffff_ffff)
    })

    test('all bytes and all small lengths are read as they were stored', async () => {
      for (const length of [0, 1, 2, 255, 256, 8191, 8192, 65_536, 200_000]) {
        const key = fresh()
        const value = Buffer.alloc(length)
        for (let i = 0; i < length; i++) value[i] = (i * 7) & 0xff
        await cache.set(key, value)
        expect((await cache.get(key))?.value.equals(value)).toBe(true)
      }
    })

    test('a command that ends where the memory for commands ends is whole', async () => {
      const key = fresh()
      for (let length = 16_384 - 150; length <= 16_384; length++)
        await cache.set(key, Buffer.alloc(length, 1))
      expect((await cache.get(key))?.value.length).toBe(16_384)
    })

    test('bytes are copied in and out', async () => {
      const key = fresh()
      const value = bytes('aaaa')
      await cache.set(key, value)
      value.fill('b')
      const first = await cache.get(key)
      first?.value.fill('c')
      expect(text(await cache.get(key))).toBe('aaaa')
    })

    test('keys of 1 and 250 bytes in any script are distinct', async () => {
      const keys = [
        'x',
        'y'.repeat(250),
        'é'.repeat(125),
        '漢'.repeat(83),
        '😀'.repeat(62),
        'a/b?c=%20&d#e',
        '"\'\\{}',
      ]
      for (const key of keys) await cache.set(key, bytes(key))
      for (const key of keys) expect(text(await cache.get(key))).toBe(key)
      const batch = await cache.getMulti(keys)
      for (const key of keys) expect(text(batch.items.get(key))).toBe(key)
    })

    test.each([
      ['empty', ''],
      ['251 bytes', 'k'.repeat(251)],
      ['126 letters of two bytes', 'é'.repeat(126)],
      ['a space', 'a b'],
      ['a line break', 'a\r\nflush_all\r\nb'],
      ['a NUL', 'a\0b'],
      ['a DEL', 'a\u007fb'],
      ['a lone surrogate', 'a\ud800b'],
      ['a lone low surrogate', 'a\udc00'],
    ])('a key with %s is a RangeError in every method', async (_, key) => {
      const value = bytes('v')
      const token = await cache.set(fresh(), value)
      const calls = [
        cache.get(key),
        cache.getMulti(['fine', key]),
        cache.set(key, value),
        cache.setMulti([{ key, value }]),
        cache.add(key, value),
        cache.replace(key, value),
        cache.cas(key, value, token),
        cache.append(key, value),
        cache.prepend(key, value),
        cache.delete(key),
        cache.touch(key, 1000),
      ]
      for (const call of await Promise.allSettled(calls)) {
        expect(call.status === 'rejected' && call.reason).toBeInstanceOf(RangeError)
      }
    })

    test('a value over the limit is refused and the old item stays', async () => {
      const key = fresh()
      const token = await cache.set(key, bytes('old'))
      const large = Buffer.alloc(cache.maxItemBytes + 1)
      await expect(cache.set(key, large)).rejects.toBeInstanceOf(RangeError)
      await expect(cache.cas(key, large, token)).rejects.toBeInstanceOf(RangeError)
      await expect(cache.setMulti([{ key, value: large }])).rejects.toBeInstanceOf(RangeError)
      expect(text(await cache.get(key))).toBe('old')
    })

    test('a value of exactly the limit fits under a key of 250 bytes', async () => {
      const key = fresh().padEnd(250, 'k')
      const value = Buffer.alloc(cache.maxItemBytes, 7)
      await cache.set(key, value)
      expect((await cache.get(key))?.value.equals(value)).toBe(true)
      expect(await cache.setMulti([{ key, value }])).toEqual(new Map())
      await cache.delete(key)
    })

    test('an append past the limit is refused as too large and leaves the item', async () => {
      const key = fresh().padEnd(250, 'k')
      await cache.set(key, Buffer.alloc(cache.maxItemBytes - 10, 1))
      await expect(cache.append(key, Buffer.alloc(100))).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
      await expect(cache.prepend(key, Buffer.alloc(100))).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
      expect((await cache.get(key))?.value.length).toBe(cache.maxItemBytes - 10)
    })

    test.each([-1, 0.5, 2 ** 32, Number.NaN])('flags of %s are a RangeError', async (flags) => {
      await expect(cache.set(fresh(), bytes('v'), { flags })).rejects.toBeInstanceOf(RangeError)
    })

    test.each([0, -1, Number.NaN])('a time to live of %s is a RangeError', async (ttlMs) => {
      await expect(cache.set(fresh(), bytes('v'), { ttlMs })).rejects.toBeInstanceOf(RangeError)
      await expect(cache.touch(fresh(), ttlMs)).rejects.toBeInstanceOf(RangeError)
    })

    test('times to live of more than 30 days do not expire at once', async () => {
      for (const days of [29, 30, 31, 365, 20_000]) {
        const key = fresh()
        await cache.set(key, bytes('v'), { ttlMs: days * 86_400_000 })
        expect(text(await cache.get(key))).toBe('v')
      }
    })

    test('add stores only where nothing is', async () => {
      const key = fresh()
      expect(await cache.add(key, bytes('1'), { flags: 5 })).toBeDefined()
      expect(await cache.add(key, bytes('2'))).toBeUndefined()
      expect(text(await cache.get(key))).toBe('1')
    })

    test('replace stores only where something is', async () => {
      const key = fresh()
      expect(await cache.replace(key, bytes('1'))).toBeUndefined()
      expect(await cache.get(key)).toBeUndefined()
      await cache.set(key, bytes('1'))
      expect(await cache.replace(key, bytes('2'))).toBeDefined()
      expect(text(await cache.get(key))).toBe('2')
    })

    test('the token of a store is the token of the next get', async () => {
      const key = fresh()
      const stored = await cache.set(key, bytes('1'))
      const item = await cache.get(key)
      expect(item?.cas.equals(stored)).toBe(true)
      expect(item?.cas.id).toBe(stored.id)
      expect(stored.id).toBeGreaterThan(0n)
      const again = await cache.set(key, bytes('1'))
      expect(again.equals(stored)).toBe(false)
    })

    test('cas stores over the state that the token stands for, and over no other', async () => {
      const key = fresh()
      const token = (await cache.add(key, bytes('1')))!
      const second = await cache.cas(key, bytes('2'), token, { flags: 3 })
      expect(second.status).toBe('stored')
      expect(await cache.cas(key, bytes('3'), token)).toEqual({ status: 'exists' })
      const item = await cache.get(key)
      expect(text(item)).toBe('2')
      expect(item?.flags).toBe(3)
      expect(second.status === 'stored' && item?.cas.equals(second.cas)).toBe(true)
    })

    test('cas on a missing item answers not-found and stores nothing', async () => {
      const key = fresh()
      const token = await cache.set(key, bytes('1'))
      await cache.delete(key)
      expect(await cache.cas(key, bytes('2'), token)).toEqual({ status: 'not-found' })
      expect(await cache.get(key)).toBeUndefined()
    })

    test("another cache's token is refused and changes nothing", async () => {
      const other = await fixture.create()
      try {
        const key = fresh()
        const theirs = await other.set(key, bytes('1'))
        await cache.set(key, bytes('2'))
        await expect(cache.cas(key, bytes('3'), theirs)).rejects.toThrow('must be a token of this cache')
        await expect(cache.delete(key, { cas: theirs })).rejects.toThrow(TypeError)
        expect(text(await cache.get(key))).toBe('2')
      } finally {
        await other.close()
      }
    })

    test('delete reports what it found and honours a token', async () => {
      const key = fresh()
      expect(await cache.delete(key)).toBe('not-found')
      const old = await cache.set(key, bytes('1'))
      const token = await cache.set(key, bytes('2'))
      expect(await cache.delete(key, { cas: old })).toBe('exists')
      expect(await cache.delete(key, { cas: token })).toBe('deleted')
      expect(await cache.delete(key, { cas: token })).toBe('not-found')
      await cache.set(key, bytes('3'))
      expect(await cache.delete(key)).toBe('deleted')
      expect(await cache.get(key)).toBeUndefined()
    })

    test('append and prepend add at their ends, keep the flags and change the token', async () => {
      const key = fresh()
      expect(await cache.append(key, bytes('x'))).toBe(false)
      expect(await cache.prepend(key, bytes('x'))).toBe(false)
      const token = await cache.set(key, bytes('b'), { flags: 9 })
      expect(await cache.append(key, bytes('c'))).toBe(true)
      expect(await cache.prepend(key, bytes('a'))).toBe(true)
      const item = await cache.get(key)
      expect(text(item)).toBe('abc')
      expect(item?.flags).toBe(9)
      expect(await cache.cas(key, bytes('no'), token)).toEqual({ status: 'exists' })
    })

    test('touch answers whether there is an item and keeps its token', async () => {
      const key = fresh()
      expect(await cache.touch(key, 60_000)).toBe(false)
      const token = await cache.set(key, bytes('1'), { ttlMs: 60_000 })
      expect(await cache.touch(key, 120_000)).toBe(true)
      expect(await cache.touch(key, undefined)).toBe(true)
      expect((await cache.cas(key, bytes('2'), token)).status).toBe('stored')
    })

    test('a batch answers under the requested keys, and only for existing items', async () => {
      const keys = Array.from({ length: 250 }, () => fresh('batch'))
      const entries = keys
        .filter((_, i) => i % 3 !== 0)
        .map((key, i) => ({ key, value: bytes(key), flags: i }))
      expect(await cache.setMulti(entries)).toEqual(new Map())
      const batch = await cache.getMulti(keys)
      expect(batch.failed).toEqual(new Map())
      expect(batch.items.size).toBe(entries.length)
      for (const entry of entries) {
        const item = batch.items.get(entry.key)
        expect(text(item)).toBe(entry.key)
        expect(item?.flags).toBe(entry.flags)
        expect((await cache.cas(entry.key, bytes('n'), item!.cas)).status).toBe('stored')
      }
    })

    test('empty batches, keys named twice and large batches', async () => {
      expect((await cache.getMulti([])).items.size).toBe(0)
      expect(await cache.setMulti([])).toEqual(new Map())
      const key = fresh()
      await cache.setMulti([
        { key, value: bytes('1') },
        { key, value: bytes('2') },
      ])
      const batch = await cache.getMulti([key, key])
      expect(text(batch.items.get(key))).toBe('2')
      const many = Array.from({ length: 20 }, () => ({
        key: fresh('large'),
        value: Buffer.alloc(100_000, ++count),
      }))
      expect(await cache.setMulti(many)).toEqual(new Map())
      const back = await cache.getMulti(many.map((entry) => entry.key))
      for (const entry of many) expect(back.items.get(entry.key)?.value.equals(entry.value)).toBe(true)
    })

    test('many calls at once, of all kinds, are never mixed up', async () => {
      const keys = Array.from({ length: 500 }, () => fresh('mix'))
      await Promise.all(
        keys.map((key, i) => (i % 2 === 0 ? cache.set(key, bytes(key)) : cache.add(key, bytes(key)))),
      )
      const calls = keys.map(async (key, i) => {
        if (i % 5 === 0) return expect((await cache.getMulti([key, fresh()])).items.size).toBe(1)
        if (i % 7 === 0) return expect(await cache.append(key, bytes(''))).toBe(true)
        expect(text(await cache.get(key))).toBe(key)
        expect(await cache.get(fresh('none'))).toBeUndefined()
      })
      await Promise.all(calls)
    })

    test('more bytes in one tick than a connection takes at once all arrive', async () => {
      const key = fresh()
      const sizes = Array.from({ length: 150 }, (_, i) => 10_000 + i)
      await Promise.all(sizes.map((size) => cache.set(`${key}-${size}`, Buffer.alloc(size))))
      const { items } = await cache.getMulti(sizes.map((size) => `${key}-${size}`))
      expect(sizes.filter((size) => items.get(`${key}-${size}`)?.value.length !== size)).toEqual([])
      await Promise.all(sizes.map((size) => cache.delete(`${key}-${size}`)))
    })

    test('an aborted call rejects with E_ABORTED and its reason, and disturbs nobody', async () => {
      const key = fresh()
      await cache.set(key, bytes('1'))
      const reason = new Error('enough')
      const aborted = AbortSignal.abort(reason)
      for (const call of [
        cache.get(key, { signal: aborted }),
        cache.getMulti([key], { signal: aborted }),
        cache.set(key, bytes('2'), { signal: aborted }),
        cache.setMulti([{ key, value: bytes('2') }], { signal: aborted }),
        cache.delete(key, { signal: aborted }),
      ]) {
        await expect(call).rejects.toMatchObject({ code: 'E_ABORTED', cause: reason })
      }
      const controller = new AbortController()
      const running = [cache.get(key, { signal: controller.signal }), cache.get(key)] as const
      controller.abort(reason)
      const [first, second] = await Promise.allSettled(running)
      // What has its answer already cannot be aborted any more.
      if (first.status === 'rejected') expect(isStorageError(first.reason, 'E_ABORTED')).toBe(true)
      expect(second.status === 'fulfilled' && text(second.value)).toBe('1')
      expect(text(await cache.get(key))).toBe('1')
    })

    test('after close every call rejects with E_CLOSED, and close can be called again', async () => {
      const closing = await fixture.create()
      const key = fresh()
      const token = await closing.set(key, bytes('1'))
      await closing.close()
      await closing.close()
      for (const call of [
        closing.get(key),
        closing.getMulti([key]),
        closing.set(key, bytes('2')),
        closing.setMulti([{ key, value: bytes('2') }]),
        closing.cas(key, bytes('2'), token),
        closing.delete(key),
        closing.touch(key, 1000),
      ]) {
        await expect(call).rejects.toMatchObject({ code: 'E_CLOSED' })
      }
    })
  })
}
