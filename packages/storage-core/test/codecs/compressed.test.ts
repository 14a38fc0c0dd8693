import { bytesCodec, type Codec, compressedCodec, jsonCodec, textCodec } from '@larder/storage-core'
import fc from 'fast-check'
import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'

const flagged: Codec<Uint8Array> = {
  encode: (bytes) => ({ bytes, flags: 0x8000_0001 }),
  decode: (bytes, flags) => {
    expect(flags).toBe(0x8000_0001)
    return bytes
  },
}

describe('compressedCodec', () => {
  test('values come back, compressed or not', () => {
    const codec = compressedCodec(textCodec, { minBytes: 10 })
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 50 }),
        fc.integer({ min: 1, max: 50 }),
        (text, times) => {
          const { bytes, flags } = codec.encode(text.repeat(times))
          expect(codec.decode(bytes, flags)).toBe(text.repeat(times))
        },
      ),
    )
  })

  test('compresses from minBytes on, and only where it saves', () => {
    const codec = compressedCodec(bytesCodec, { minBytes: 100 })
    expect(codec.encode(Buffer.alloc(99)).flags).toBe(0)
    const { bytes, flags } = codec.encode(Buffer.alloc(100))
    expect(flags).toBe(8)
    expect(bytes.length).toBeLessThan(100)
    const noise = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    expect(codec.encode(noise)).toEqual({ bytes: noise, flags: 0 })
  })

  test('level 0 turns compression off, and compressed values are still read', () => {
    const off = compressedCodec(textCodec, { level: 0 })
    expect(off.encode('x'.repeat(10_000)).flags).toBe(0)
    expect(off.decode(deflateSync('x'.repeat(10_000)), 8)).toBe('x'.repeat(10_000))
  })

  test("the inner codec's flags pass through", () => {
    for (const flag of [8, 0x4000_0000]) {
      const codec = compressedCodec(flagged, { flag })
      const { bytes, flags } = codec.encode(Buffer.alloc(5_000))
      expect(flags).toBe((0x8000_0001 | flag) >>> 0)
      expect(codec.decode(bytes, flags)).toEqual(Buffer.alloc(5_000))
    }
    const highest = compressedCodec(bytesCodec, { flag: 0x8000_0000 })
    const { bytes, flags } = highest.encode(Buffer.alloc(5_000))
    expect(flags).toBe(0x8000_0000)
    expect(highest.decode(bytes, flags)).toEqual(Buffer.alloc(5_000))
  })

  test('a flag that the inner codec uses is refused, or it would be taken for compressed', () => {
    expect(() => compressedCodec(flagged, { flag: 1 }).encode(Buffer.from('short'))).toThrow(RangeError)
  })

  test('damaged bytes are E_CORRUPT, at any cut', () => {
    const codec = compressedCodec(jsonCodec(), { minBytes: 1 })
    const { bytes, flags } = codec.encode('x'.repeat(500))
    expect(flags).not.toBe(0)
    for (let end = 0; end < bytes.length; end++) {
      expect(() => codec.decode(bytes.subarray(0, end), flags)).toThrow(
        expect.objectContaining({ code: 'E_CORRUPT' }),
      )
    }
    expect(() => codec.decode(Buffer.from('not zlib'), flags)).toThrow(
      expect.objectContaining({ code: 'E_CORRUPT' }),
    )
  })

  test('a bomb is not inflated, and no value is stored that would be one', () => {
    const codec = compressedCodec(bytesCodec, { minBytes: 1 })
    const large = Buffer.alloc(256 * 1_024 * 1_024 + 1)
    expect(() => codec.decode(deflateSync(large), 8)).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }))
    const { bytes, flags } = codec.encode(large)
    expect(flags & 8).toBe(0)
    expect(bytes.length).toBe(large.length)
  })

  test('options out of range are refused', () => {
    for (const level of [-1, 10, 1.5, Number.NaN])
      expect(() => compressedCodec(bytesCodec, { level })).toThrow(RangeError)
    for (const flag of [0, -1, 3, 0.5, 2 ** 32, Number.NaN]) {
      expect(() => compressedCodec(bytesCodec, { flag })).toThrow(RangeError)
    }
  })
})
