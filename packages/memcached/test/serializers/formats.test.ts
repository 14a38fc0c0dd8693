import { EmbeddedCache, MemcacheClient, type ValueSerializer } from '@larder/memcached'
import {
  dalliSerializer,
  memjsSerializer,
  npmMemcachedSerializer,
  perlSerializer,
  phpSerializer,
  pythonSerializer,
  spymemcachedSerializer,
} from '@larder/memcached/serializers'
import fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'

const LONG = 'long text '.repeat(100)

/** Flags and bytes in hex, as spymemcached 2.12.3 for Java writes them (SerializingTranscoder), and the value here. */
const JAVA: readonly (readonly [string, number, string, unknown])[] = [
  ['a String', 0, '68c3a46c6c6f', 'hällo'],
  ['an empty String', 0, '', ''],
  ['true', 256, '31', true],
  ['false', 256, '30', false],
  ['an Integer of 0', 512, '', 0],
  ['an Integer', 512, '2a', 42],
  ['a negative Integer', 512, 'fffffffd', -3],
  ['the least Integer', 512, '80000000', -2_147_483_648],
  ['a large Long', 768, '20000000000000', 2n ** 53n],
  ['the least Long', 768, '8000000000000000', -(2n ** 63n)],
  ['a Date', 1024, '018bcfe5687b', new Date(1_700_000_000_123)],
  ['a Date before 1970', 1024, 'ffffffffffffffff', new Date(-1)],
  ['a Double', 1792, '3ff8000000000000', 1.5],
  ['a negative Double', 1792, 'bfb999999999999a', -0.1],
  ['NaN', 1792, '7ff8000000000000', NaN],
  ['a byte[]', 2048, '00ff0d0a', Buffer.from([0, 255, 13, 10])],
]
/** Forms that are read and never written. */
const JAVA_READ: readonly (readonly [string, number, string, unknown])[] = [
  ['a small Long', 768, '2a', 42],
  ['a negative Long', 768, 'fffffffffffffffd', -3],
  ['a Byte', 1280, 'fb', -5],
  ['a Float', 1536, '3fc00000', 1.5],
  ['a Double of 0', 1792, '', 0],
  ['a compressed String', 2, gzipSync(LONG).toString('hex'), LONG],
]

describe('spymemcachedSerializer', () => {
  const cache = new EmbeddedCache()
  const client = new MemcacheClient({ cache, serializer: spymemcachedSerializer() })

  test.each(JAVA)('writes the bytes that Java writes: %s', async (_, flags, hex, value) => {
    await client.set('k', value)
    const item = await cache.get('k')
    expect([item?.flags, item?.value.toString('hex')]).toEqual([flags, hex])
  })

  test.each([...JAVA, ...JAVA_READ])('reads the bytes that Java writes: %s', async (_, flags, hex, value) => {
    await cache.set('k', Buffer.from(hex, 'hex'), { flags })
    expect(await client.get('k')).toEqual(value)
  })

  test.each([
    [1, 'aced0005', /Java's serialization/],
    [512, '0000000001', /5 bytes where 4/],
    [9 << 8, '00', /no type with the flags 2304/],
  ])('refuses an item with the flags %i and the bytes %s', async (flags, hex, message) => {
    await cache.set('k', Buffer.from(hex, 'hex'), { flags })
    await expect(client.get('k')).rejects.toMatchObject({
      code: 'E_CORRUPT',
      message: expect.stringMatching(message),
    })
  })

  test.each([null, { a: 1 }, 2n ** 63n, new Date(NaN)])('refuses to store %s', async (value) => {
    await expect(client.set('k', value)).rejects.toThrow(/spymemcached|64 bits|date/)
  })
})

describe("PHP's format", () => {
  const serializer = phpSerializer()
  const read = (text: string) => serializer.deserialize(Buffer.from(text), 4)
  const number = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  const text = fc.string({ unit: 'grapheme' })
  const { value: json } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      number,
      text,
      fc.array(tie('value')),
      fc.dictionary(text, tie('value')),
    ),
  }))

  test('gives back every JSON value; an empty object is an empty list, and so is one with the keys of a list', () => {
    fc.assert(
      fc.property(json, (value) => {
        const { bytes, flags } = serializer.serialize([value])
        expect(serializer.deserialize(Buffer.from(bytes), flags)).toEqual([asPhp(value)])
      }),
    )
  })

  test.each([
    ['an object', 'O:8:"stdClass":0:{}', /object or a reference/],
    ['a reference', 'a:2:{i:0;a:0:{}i:1;R:2;}', /object or a reference/],
    ['an enumeration', 'E:7:"Suit:H";', /object or a reference/],
    ['nothing', '', /damaged/],
    ['more bytes than a value', 'i:1;i:2;', /damaged/],
    ['a string that is too short', 's:5:"abc";', /damaged/],
    ['a length that is too long', 's:99999999999:"abc";', /damaged/],
    ['an array that ends early', 'a:2:{i:0;i:1;}', /damaged/],
    ['an array as a key', 'a:1:{a:0:{}i:1;}', /damaged/],
    ['a boolean of 2', 'b:2;', /damaged/],
    ['an integer in words', 'i:x;', /damaged/],
    ['a hexadecimal double', 'd:0x1;', /damaged/],
    ['arrays in arrays without end', 'a:1:{i:0;'.repeat(100_000), /deeper than 512/],
  ])('that is damaged or holds %s is E_CORRUPT', (_, damaged, message) => {
    expect(() => read(damaged)).toThrow(
      expect.objectContaining({ code: 'E_CORRUPT', message: expect.stringMatching(message) }),
    )
  })

  test('that is damaged at any byte never throws anything but E_CORRUPT', () => {
    const good = Buffer.from('a:3:{i:0;s:5:"h\u00e4ll";s:1:"k";d:1.5E+3;i:7;a:1:{i:0;b:1;}}')
    for (let at = 0; at < good.length; at++) {
      for (const byte of [0, 0x30, 0x3a, 0x7b, 0xff]) {
        const damaged = Buffer.from(good)
        damaged[at] = byte
        try {
          serializer.deserialize(damaged, 4)
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_CORRUPT' })
        }
      }
    }
  })
})

/** What PHP makes of a JSON value: it knows one kind of array, and JSON has no -0. */
function asPhp(value: unknown): unknown {
  if (typeof value === 'number') return value + 0
  if (Array.isArray(value)) return value.map(asPhp)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, member]) => [name, asPhp(member)] as const)
  const isList = entries.every(([name], i) => name === String(i))
  return isList ? entries.map(([, member]) => member) : Object.fromEntries(entries)
}

describe('a FastLZ block of PHP', () => {
  const cache = new EmbeddedCache()
  const client = new MemcacheClient({ cache, serializer: phpSerializer() })
  /** 'long text ' 300 times, as php-memcached 3.2 writes it. */
  const block = Buffer.from(
    'b80b0000096c6f6e67207465787420e0fd09e0fd09e0fd09e0fd09e0fd09e0fd09e0fd09e0fd09e0fd09e0fd09e0fd09e06009027874 20'.replace(
      ' ',
      '',
    ),
    'hex',
  )
  const store = (bytes: Buffer) => cache.set('k', bytes, { flags: 80 })

  test('is expanded', async () => {
    await store(block)
    expect(await client.get('k')).toBe('long text '.repeat(300))
  })

  test('that is damaged or cut anywhere is E_CORRUPT or text, and nothing else', async () => {
    for (let at = 0; at < block.length; at++) {
      for (const bytes of [block.subarray(0, at), Buffer.from(block).fill(0xff, at, at + 1)]) {
        await store(bytes)
        const found = await client.get('k').catch((error: unknown) => error)
        if (typeof found !== 'string') expect(found).toMatchObject({ code: 'E_CORRUPT' })
      }
    }
  })

  test('that claims to grow past the bound is E_CORRUPT without the memory being taken', async () => {
    await store(Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), block.subarray(4)]))
    await expect(client.get('k')).rejects.toMatchObject({ code: 'E_CORRUPT' })
  })
})

describe.each<readonly [string, ValueSerializer, readonly unknown[]]>([
  ['dalliSerializer', dalliSerializer(), [Symbol('s'), undefined, { at: NaN }]],
  ['memjsSerializer', memjsSerializer(), [1, true, null, { a: 1 }]],
  ['npmMemcachedSerializer', npmMemcachedSerializer(), [1n, undefined, { map: new Map() }]],
  ['perlSerializer', perlSerializer(), [true, null, { a: 1 }]],
  ['phpSerializer', phpSerializer(), [2n ** 63n, undefined, { map: new Map() }]],
  ['pythonSerializer', pythonSerializer(), [1.5, true, null, { a: 1 }]],
])('%s', (_, serializer, unfit) => {
  test.each(unfit)('refuses a value that the other program cannot read: %s', (value) => {
    expect(() => serializer.serialize(value)).toThrow(/cannot carry|reads|64 bits/)
  })
})
