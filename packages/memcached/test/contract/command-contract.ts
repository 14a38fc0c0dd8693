import type { CacheItem, CommandCache, ServerAnswers } from '@larder/memcached'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

export interface CommandFixture {
  create(): Promise<CommandCache>
  stop?(): Promise<void>
  /** Whether it can peek; where it cannot it says so. */
  readonly peeks: boolean
  /** Whether a proxy stands in front of the servers, which has no commands to the servers themselves. */
  readonly isProxied?: boolean
}

/** What every `CommandCache` must do beyond the cache contract. */
export function commandContract(name: string, fixture: CommandFixture): void {
  describe(`command contract: ${name}`, () => {
    let cache: CommandCache
    let count = 0
    const fresh = () => `c-${process.pid}-${++count}`

    beforeAll(async () => {
      cache = await fixture.create()
    })
    afterAll(async () => {
      await cache.close()
      await fixture.stop?.()
    })

    test('getAs returns what the caller makes of an item', async () => {
      const [key, other] = [fresh(), fresh()]
      const token = await cache.set(key, Buffer.from('abc'), { flags: 7 })
      const text = (item: CacheItem) => `${item.value.toString()} ${item.flags} ${item.cas.equals(token)}`
      expect(await cache.getAs(key, text)).toBe('abc 7 true')
      expect(await cache.getAs(key, text, { withoutToken: true })).toMatch(/^abc 7 /)
      expect(await cache.getAs(key, () => undefined)).toBeUndefined()
      expect(await cache.getAs(other, text)).toBeUndefined()
      await expect(cache.getAs('', text)).rejects.toBeInstanceOf(RangeError)
    })

    test('stateOf returns the flags and the token of an item, and its bytes only if it had to read them', async () => {
      const key = fresh()
      expect(await cache.stateOf?.(key)).toBeUndefined()
      const token = await cache.set(key, Buffer.from('abc'), { flags: 0xffff_fffe })
      const state = await cache.stateOf?.(key)
      expect(state).toMatchObject({ flags: 0xffff_fffe })
      expect(state?.value ?? Buffer.from('abc')).toEqual(Buffer.from('abc'))
      expect(state?.cas.equals(token)).toBe(true)
      await cache.set(key, Buffer.alloc(0))
      expect(await cache.stateOf?.(key)).toMatchObject({ flags: 0 })
      const signal = AbortSignal.abort()
      await expect(cache.stateOf?.(key, { signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
      await expect(cache.stateOf?.('')).rejects.toBeInstanceOf(RangeError)
    })

    test('an error that a caller throws rejects its own read and no other', async () => {
      const key = fresh()
      await cache.set(key, Buffer.from('abc'))
      const failure = new Error('on purpose')
      const reads = Array.from({ length: 30 }, (_, i) =>
        cache.getAs(key, ({ value }) => {
          if (i % 3 === 1) throw failure
          return `${value.toString()} ${i}`
        }),
      )
      const results = await Promise.all(reads.map((read) => read.catch((error: unknown) => error)))
      expect(results).toEqual(results.map((_, i) => (i % 3 === 1 ? failure : `abc ${i}`)))
    })

    test('a caller that disconnects while it reads gets its item, and so do the others', async () => {
      const key = fresh()
      await cache.set(key, Buffer.from('abc'))
      const read = (i: number) =>
        cache.getAs(key, ({ value }) => {
          if (i === 5) cache.disconnectAll()
          return value.toString()
        })
      const results = await Promise.all(Array.from({ length: 30 }, (_, i) => read(i)))
      expect(results).toEqual(results.map(() => 'abc'))
    })

    test('a store without a token replaces the item and its flags', async () => {
      const key = fresh()
      const token = await cache.set(key, Buffer.from('abc'), { flags: 7 })
      expect(await cache.put(key, Buffer.from('later'), { flags: 3, ttlMs: 60_000 })).toBe(true)
      const item = await cache.get(key)
      expect([item?.value.toString(), item?.flags]).toEqual(['later', 3])
      expect(await cache.cas(key, Buffer.from('x'), token)).toEqual({ status: 'exists' })
      expect(await cache.put(key, Buffer.alloc(0))).toBe(true)
      expect(await cache.getAs(key, ({ value }) => value.length)).toBe(0)
      const tooLarge = Buffer.alloc(cache.maxItemBytes + 1)
      await expect(cache.put(key, tooLarge)).rejects.toBeInstanceOf(RangeError)
      await expect(cache.put(key, Buffer.from('x'), { ttlMs: 0 })).rejects.toBeInstanceOf(RangeError)
      const signal = AbortSignal.abort()
      await expect(cache.put(key, Buffer.from('x'), { signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
      await expect(cache.getAs(key, () => 1, { signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
    })

    test('a counter counts in 64 bits, wraps upwards and stops at 0', async () => {
      const key = fresh()
      await cache.set(key, Buffer.from('4294967295'), { flags: 2 })
      expect(await cache.arithmetic(key, 6n)).toBe(4294967301n)
      expect(await cache.arithmetic(key, -4294967300n)).toBe(1n)
      expect(await cache.arithmetic(key, -5n)).toBe(0n)
      expect(await cache.arithmetic(key, 0xffff_ffff_ffff_ffffn)).toBe(0xffff_ffff_ffff_ffffn)
      expect(await cache.arithmetic(key, 2n)).toBe(1n)
      expect(await cache.arithmetic(key, 0n)).toBe(1n)
      const item = await cache.get(key)
      expect(item?.flags).toBe(2)
      expect(item?.value.toString().trimEnd()).toBe('1')
    })

    test('a missing counter is created only with an initial value', async () => {
      const key = fresh()
      expect(await cache.arithmetic(key, 1n)).toBeUndefined()
      expect(await cache.get(key)).toBeUndefined()
      expect(await cache.arithmetic(key, 1n, { initial: 5n })).toBe(6n)
      expect(await cache.arithmetic(key, 1n, { initial: 5n })).toBe(7n)
      const down = fresh()
      expect(await cache.arithmetic(down, -10n, { initial: 5n, ttlMs: 60_000 })).toBe(0n)
      const up = fresh()
      expect(await cache.arithmetic(up, 3n, { initial: 0xffff_ffff_ffff_ffffn })).toBe(2n)
    })

    test('counting changes the token', async () => {
      const key = fresh()
      const token = await cache.set(key, Buffer.from('1'))
      await cache.arithmetic(key, 1n)
      expect(await cache.cas(key, Buffer.from('9'), token)).toEqual({ status: 'exists' })
    })

    test('a value that is no number is not changed by a counter command', async () => {
      const key = fresh()
      await cache.set(key, Buffer.from('abc'))
      await expect(cache.arithmetic(key, 1n, { initial: 1n })).rejects.toMatchObject({ code: 'E_SERVER' })
      expect((await cache.get(key))?.value.toString()).toBe('abc')
    })

    test('what does not fit 64 bits is refused', async () => {
      const key = fresh()
      await expect(cache.arithmetic(key, 2n ** 64n)).rejects.toBeInstanceOf(RangeError)
      await expect(cache.arithmetic(key, -(2n ** 64n))).rejects.toBeInstanceOf(RangeError)
      await expect(cache.arithmetic(key, 1n, { initial: -1n })).rejects.toBeInstanceOf(RangeError)
      await expect(cache.arithmetic(key, 1n, { initial: 1n, ttlMs: 0 })).rejects.toBeInstanceOf(RangeError)
    })

    test('get and touch reads and keeps the token', async () => {
      const key = fresh()
      expect(await cache.getAndTouch(key, 60_000)).toBeUndefined()
      const token = await cache.set(key, Buffer.from('v'), { flags: 7, ttlMs: 5000 })
      const item = await cache.getAndTouch(key, 60_000)
      expect(item).toMatchObject({ value: Buffer.from('v'), flags: 7 })
      expect(item?.cas.equals(token)).toBe(true)
      expect(await cache.getAndTouch(key, undefined)).toBeDefined()
    })

    test('a peek sees an item and leaves no trace', async () => {
      const key = fresh()
      if (!fixture.peeks) {
        return await expect(cache.peek(key)).rejects.toMatchObject({ code: 'E_UNSUPPORTED', key })
      }
      expect(await cache.peek(key)).toBeUndefined()
      await cache.set(key, Buffer.from('v'), { flags: 7, ttlMs: 60_000 })
      await cache.peek(key)
      const unread = await cache.peek(key)
      expect(unread).toMatchObject({ value: Buffer.from('v'), flags: 7, wasRead: false })
      expect(unread?.ttlMs).toBeGreaterThan(50_000)
      expect(unread?.ttlMs).toBeLessThanOrEqual(61_000)
      expect(unread?.idleMs).toBeLessThan(10_000)
      const read = await cache.get(key)
      expect(unread?.cas.equals(read!.cas)).toBe(true)
      expect(await cache.peek(key)).toMatchObject({ wasRead: true })
      await cache.set(key, Buffer.from('v'))
      expect((await cache.peek(key))?.ttlMs).toBeUndefined()
    })

    test('a clone has the same items, and lives on when the first is closed', async () => {
      const key = fresh()
      const first = cache.clone()
      const second = first.clone()
      await first.set(key, Buffer.from('v'))
      await first.close()
      await expect(first.get(key)).rejects.toMatchObject({ code: 'E_CLOSED' })
      expect((await second.get(key))?.value.toString()).toBe('v')
      expect((await cache.get(key))?.value.toString()).toBe('v')
      await second.close()
      await second.close()
      expect(await cache.get(key)).toBeDefined()
    })

    test('a disconnected cache reconnects with the next command', async () => {
      const key = fresh()
      const token = await cache.set(key, Buffer.from('v'))
      cache.disconnectAll()
      const item = await cache.get(key)
      expect(item?.value.toString()).toBe('v')
      // Embedded there is nothing to cut; over a wire a token ends with its connection.
      const { status } = await cache.cas(key, Buffer.from('w'), token)
      expect(status).toBe(item?.cas.equals(token) === true ? 'stored' : 'exists')
      const reading = cache.get(key)
      cache.disconnectAll()
      expect(await reading).toBeDefined()
    })

    test('every server answers with its version and statistics', async () => {
      const versions = await cache.version()
      const stats = await cache.stats()
      if (fixture.isProxied === true) return expectUnsupported(versions, stats)
      expect(versions.answers.size).toBeGreaterThan(0)
      expect([...stats.answers.keys()]).toEqual([...versions.answers.keys()])
      for (const lines of stats.answers.values())
        expect(Number(lines.get('curr_items'))).toBeGreaterThanOrEqual(0)
    })

    test('flush drops everything', async () => {
      const keys = Array.from({ length: 20 }, fresh)
      await cache.setMulti(keys.map((key) => ({ key, value: Buffer.from('v') })))
      const flushed = await cache.flushAll()
      if (fixture.isProxied === true) return expectUnsupported(flushed)
      expect(flushed.failed).toEqual(new Map())
      expect((await cache.getMulti(keys)).items.size).toBe(0)
      await cache.set(keys[0]!, Buffer.from('new'))
      expect(await cache.get(keys[0]!)).toBeDefined()
    })
  })
}

function expectUnsupported(...all: readonly ServerAnswers<unknown>[]): void {
  for (const { answers, failed } of all) {
    expect(answers.size).toBe(0)
    for (const error of failed.values()) expect(error).toMatchObject({ code: 'E_UNSUPPORTED' })
    expect(failed.size).toBe(1)
  }
}
