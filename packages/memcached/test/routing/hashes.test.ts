import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hashFunction, type KeyHashName } from '../../src/routing/hashes.js'

/** Published values of the algorithms, where they hold for this variant. */
const published: readonly (readonly [KeyHashName, string, number])[] = [
  ['one-at-a-time', 'a', 0xca2e9442],
  ['one-at-a-time', 'The quick brown fox jumps over the lazy dog', 0x519e91f5],
  ['fnv1_32', '', 0x811c9dc5],
  ['fnv1_32', 'foobar', 0x31f0b262],
  ['fnv1a_32', 'foobar', 0xbf9cf968],
  // The lower half of 340d8765a4dda9c2.
  ['fnv1_64', 'foobar', 0xa4dda9c2],
  ['crc32', '123456789', 0xcbf43926],
  ['crc', '123456789', 0x4bf4],
  ['cmemcache', '', 1],
  ['adler32', 'Wikipedia', 0x11e60398],
]

test.each(published)('%s of %j', (name, text, value) => {
  const bytes = Buffer.from(text)
  expect(hashFunction(name)(bytes, bytes.length)).toBe(value)
})

test('MD5 is that of the crypto library, for every length', () => {
  const md5 = hashFunction('md5')
  for (let length = 0; length <= 250; length++) {
    const bytes = Buffer.alloc(300, 'a\xff7').fill(length, 0, length >> 1)
    const digest = createHash('md5').update(bytes.subarray(0, length)).digest()
    expect(md5(bytes, length)).toBe(digest.readUInt32LE(0))
  }
})

const names = 'one-at-a-time,md5,crc,fnv1_32,fnv1a_32,fnv1_64,fnv1a_64,jenkins,murmur,cmemcache,crc32,adler32'

describe.each(names.split(',') as KeyHashName[])('%s', (name) => {
  const hash = hashFunction(name)
  const bytes = Buffer.from(Array.from({ length: 250 }, (_, i) => (i * 167 + 91) & 0xff))

  test('is an unsigned integer of 32 bits, and the same every time', () => {
    for (let length = 0; length <= bytes.length; length++) {
      const value = hash(bytes, length)
      expect(value >>> 0).toBe(value)
      expect(hash(bytes, length)).toBe(value)
    }
  })

  test('reads nothing beyond the length', () => {
    for (let length = 0; length < bytes.length; length++) {
      const other = Buffer.from(bytes).fill(0xff, length)
      expect(hash(other, length)).toBe(hash(bytes, length))
    }
  })
})
