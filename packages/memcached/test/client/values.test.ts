import { EmbeddedCache, MemcacheClient, type ValueSerializer, ValueFlag } from '@larder/memcached'
import { zlibCompression } from '@larder/memcached/serializers'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const cache = new EmbeddedCache()
const client = new MemcacheClient({ cache })
afterAll(() => cache.close())

let keys = 0
const fresh = () => `k${++keys}`
const SECRET = 'hunter2'

class Hidden {
  readonly #name = 'Ada'

  get name(): string {
    return this.#name
  }
}

describe('a value that would come back as another', () => {
  test.each([
    ['a nested Map', { films: [new Map()] }, '.films[0]'],
    ['a nested Set', [new Set()], '[0]'],
    ['a nested Error', { error: new Error('x') }, '.error'],
    ['a nested function', { run: () => 1 }, '.run'],
    ['a nested symbol', { s: Symbol('s') }, '.s'],
    ['a promise that was not awaited', { row: Promise.resolve(1) }, '.row'],
    ['nested bytes', { bytes: Buffer.from('x') }, '.bytes'],
    ['a nested NaN', { rate: NaN }, '.rate'],
    ['a nested bigint', { id: 1n }, '.id'],
    ['a nested invalid Date', { at: new Date(NaN) }, '.at'],
    ['a nested object with private members only', { user: new Hidden() }, '.user'],
  ])('is refused with its path before anything is sent: %s', async (_, value, path) => {
    const key = fresh()
    await expect(client.set(key, value)).rejects.toThrow(`The member ${path} of the value is `)
    await expect(client.setMulti([[key, value]])).rejects.toThrow(TypeError)
    expect(await client.get(key)).toBeUndefined()
  })

  test('is refused where it is text with half a surrogate pair, in stores and in append', async () => {
    const key = fresh()
    await expect(client.set(key, 'a\ud800')).rejects.toThrow(RangeError)
    await client.set(key, 'text')
    await expect(client.append(key, '\udc00')).rejects.toThrow(RangeError)
    await client.set(key, ['a\ud800'])
    expect(await client.get(key)).toEqual(['a\ud800'])
  })
})

describe('an item that no client has written so', () => {
  const bad: readonly (readonly [string, number, string])[] = [
    ['an empty integer', ValueFlag.integer, ''],
    ['a hexadecimal integer', ValueFlag.integer, '0x1f'],
    ['an integer with a fraction', ValueFlag.integer, '1.5'],
    ['an integer behind a space', ValueFlag.integer, ' 1'],
    ['an empty long', ValueFlag.long, ''],
    ['a long in words', ValueFlag.long, SECRET],
    ['an empty float', ValueFlag.float, ''],
    ['a float in words', ValueFlag.float, SECRET],
    ['a hexadecimal float', ValueFlag.float, '0x10'],
    ['an empty boolean', ValueFlag.boolean, ''],
    ['a boolean in words', ValueFlag.boolean, 'true'],
    ['damaged JSON', ValueFlag.json, `{"password":"${SECRET}`],
    ['a pickle', ValueFlag.pickle, SECRET],
    ['an unknown type', 1 << 20, SECRET],
    ['damaged zlib', ValueFlag.text | ValueFlag.zlib, SECRET],
  ]
  test.each(bad)(
    'is E_CORRUPT, and no part of the error shows the content: %s',
    async (_, flags, content) => {
      const key = fresh()
      await cache.set(key, Buffer.from(content), { flags })
      const error: unknown = await client.get(key).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'E_CORRUPT', key })
      expect(inspect(error, { depth: 10 })).not.toContain(SECRET)
    },
  )

  test('is E_CORRUPT where text is no UTF-8', async () => {
    const key = fresh()
    await cache.set(key, Buffer.from([0xff]), { flags: ValueFlag.text })
    await expect(client.get(key)).rejects.toMatchObject({ code: 'E_CORRUPT' })
  })
})

describe('counters', () => {
  test('that memcached has padded read as the text or the number that is left', async () => {
    const key = fresh()
    for (const [value, flags] of [
      ['9', ValueFlag.text],
      [9, ValueFlag.integer],
      [9n, ValueFlag.long],
    ] as const) {
      await cache.set(key, Buffer.from('9 '), { flags })
      expect(await client.get(key)).toBe(value)
    }
  })

  test('text that looks like a padded counter keeps its spaces', async () => {
    const key = fresh()
    for (const text of ['9 ', '10  ', '9\n', ' 9', '9 9', '']) {
      await client.set(key, text)
      expect(await client.get(key)).toBe(text)
    }
  })

  test('are counted where the client compresses', async () => {
    const key = fresh()
    const packing = new MemcacheClient({ cache, compression: { minBytes: 1 } })
    await packing.set(key, 1e15)
    expect(await packing.incr(key)).toBe(1e15 + 1)
    await packing.set(key, 10n ** 18n)
    expect(await packing.incr(key, 1, { bigint: true })).toEqual(10n ** 18n + 1n)
  })
})

describe('append and prepend', () => {
  const packing = new MemcacheClient({ cache, compression: { minBytes: 10 } })

  test.each(['append', 'prepend'] as const)('refuse a compressed item: %s', async (command) => {
    const key = fresh()
    const text = 'x'.repeat(1000)
    await packing.set(key, text)
    await expect(client[command](key, 'y')).rejects.toMatchObject({ code: 'E_UNSUPPORTED', key })
    expect(await client.get(key)).toBe(text)
  })

  test.each([{ a: 1 }, true, 1.5])('refuse an item that would be damaged: %j', async (value) => {
    const key = fresh()
    await client.set(key, value)
    await expect(client.append(key, '1')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    expect(await client.get(key)).toEqual(value)
  })

  test('add to text and bytes', async () => {
    const key = fresh()
    for (const [value, after] of [
      ['1', '12'],
      [Buffer.from('1'), Buffer.from('12')],
    ] as const) {
      await client.set(key, value)
      expect(await client.append(key, '2')).toBe(true)
      expect(await client.get(key)).toEqual(after)
    }
  })
})

test.each([5, 5n, 1.5, true])(
  'append and prepend refuse an item that holds %s: they would ruin it',
  async (value) => {
    const key = fresh()
    await client.set(key, value)
    for (const method of ['append', 'prepend'] as const)
      await expect(client[method](key, '1')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    expect(await client.get(key)).toBe(value)
  },
)

describe('a serializer of the program', () => {
  const raw = (flags: number, more: Partial<ValueSerializer> = {}): ValueSerializer => ({
    serialize: (value) => ({ bytes: Buffer.from(String(value)), flags }),
    deserialize: (bytes, seen) => `${bytes.toString()} with ${seen}`,
    ...more,
  })

  test.each([0, 1, 8, 2048, 4096, 32_768, 0x4c6f_636b, 0xffff_ffff])('owns all flags: %i', async (flags) => {
    const key = fresh()
    const own = new MemcacheClient({ cache, serializer: raw(flags) })
    await own.set(key, 'v')
    expect(await own.get(key)).toBe(`v with ${flags}`)
    expect((await cache.get(key))?.flags).toBe(flags)
  })

  test.each([-1, 1.5, NaN, 2 ** 32])('is refused flags that no item can have: %d', async (flags) => {
    const own = new MemcacheClient({ cache, serializer: raw(flags) })
    await expect(own.set(fresh(), 'v')).rejects.toThrow(RangeError)
  })

  test('is refused the one pair of flags and value that marks a deletion', async () => {
    const key = fresh()
    const own = new MemcacheClient({ cache, serializer: raw(0x4c6f_636b) })
    await expect(own.set(key, '')).rejects.toThrow(/mark a deletion/)
    await own.set(key, 'v')
    await own.delete(key, { lockMs: 60_000 })
    expect(await own.get(key)).toBeUndefined()
    expect(await own.add(key, 'w')).toBe(false)
  })

  test('that names no compressions is refused the option compression', () => {
    const compression = { minBytes: 1 }
    expect(() => new MemcacheClient({ cache, serializer: raw(0), compression })).toThrow(
      'The serializer has no `compressions`, so `compression` must not be set',
    )
  })

  test('chooses the bits of its compressions, and must leave them to the client', async () => {
    const key = fresh()
    const compression = { minBytes: 10 }
    const compressions = [zlibCompression(0x8000_0000)]
    const own = new MemcacheClient({ cache, serializer: raw(8, { compressions }), compression })
    await own.set(key, 'x'.repeat(100))
    expect((await cache.get(key))?.flags).toBe(0x8000_0008)
    expect(await own.get(key)).toBe(`${'x'.repeat(100)} with 8`)
    const wrong = new MemcacheClient({ cache, serializer: raw(0x8000_0000, { compressions }), compression })
    await expect(wrong.set(key, 'v')).rejects.toThrow('set the flags 2147483648')
  })

  test('creates counters under its own flags', async () => {
    const key = fresh()
    const own = new MemcacheClient({ cache, serializer: raw(0, { counterFlags: 77 }) })
    await own.incr(key, 1, { initial: 1 })
    expect((await cache.get(key))?.flags).toBe(77)
  })

  test('that throws is reported by the type of its error, without its message', async () => {
    const key = fresh()
    const fails = (): never => {
      throw new SyntaxError(`Unexpected token in ${SECRET}`)
    }
    const own = new MemcacheClient({ cache, serializer: raw(0, { deserialize: fails }) })
    await own.set(key, 'v')
    await expect(own.get(key)).rejects.toMatchObject({
      code: 'E_CORRUPT',
      message: 'The item cannot be read: its serializer threw a SyntaxError',
    })
  })
})
