import { bytesCodec, type Codec, compressedCodec, jsonCodec, textCodec } from '@larder/storage-core'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import { describe, test } from 'vitest'

const flagged: Codec<Uint8Array> = {
  encode: (bytes) => ({ bytes, flags: 0x8000_0001 }),
  decode: (bytes, flags) => {
    assert.equal(flags, 0x8000_0001)
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
          assert.equal(codec.decode(bytes, flags), text.repeat(times))
        },
      ),
    )
  })

  test('compresses from minBytes on, and only where it saves', () => {
    const codec = compressedCodec(bytesCodec, { minBytes: 100 })
    assert.equal(codec.encode(Buffer.alloc(99)).flags, 0)
    const { bytes, flags } = codec.encode(Buffer.alloc(100))
    assert.equal(flags, 8)
    assert.ok(bytes.length < 100)
    const noise = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    assert.deepEqual(codec.encode(noise), { bytes: noise, flags: 0 })
  })

  test('level 0 turns it off, and what was compressed is still read', () => {
    const off = compressedCodec(textCodec, { level: 0 })
    assert.equal(off.encode('x'.repeat(10_000)).flags, 0)
    assert.equal(off.decode(deflateSync('x'.repeat(10_000)), 8), 'x'.repeat(10_000))
  })

  test("the inner codec's flags pass through", () => {
    for (const flag of [8, 0x4000_0000]) {
      const codec = compressedCodec(flagged, { flag })
      const { bytes, flags } = codec.encode(Buffer.alloc(5_000))
      assert.equal(flags, (0x8000_0001 | flag) >>> 0)
      assert.deepEqual(codec.decode(bytes, flags), Buffer.alloc(5_000))
    }
    const highest = compressedCodec(bytesCodec, { flag: 0x8000_0000 })
    const { bytes, flags } = highest.encode(Buffer.alloc(5_000))
    assert.equal(flags, 0x8000_0000)
    assert.deepEqual(highest.decode(bytes, flags), Buffer.alloc(5_000))
  })

  test('a flag that the inner codec uses is refused, or it would be taken for compressed', () => {
    assert.throws(() => compressedCodec(flagged, { flag: 1 }).encode(Buffer.from('short')), RangeError)
  })

  test('damaged bytes are E_CORRUPT, at any cut', () => {
    const codec = compressedCodec(jsonCodec(), { minBytes: 1 })
    const { bytes, flags } = codec.encode('x'.repeat(500))
    assert.notEqual(flags, 0)
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => codec.decode(bytes.subarray(0, end), flags), { code: 'E_CORRUPT' }, `cut at ${end}`)
    }
    assert.throws(() => codec.decode(Buffer.from('not zlib'), flags), { code: 'E_CORRUPT' })
  })

  test('a bomb is not inflated, and no value is stored that would be one', () => {
    const codec = compressedCodec(bytesCodec, { minBytes: 1 })
    const large = Buffer.alloc(256 * 1_024 * 1_024 + 1)
    assert.throws(() => codec.decode(deflateSync(large), 8), { code: 'E_CORRUPT' })
    const { bytes, flags } = codec.encode(large)
    assert.equal(flags & 8, 0)
    assert.equal(bytes.length, large.length)
  })

  test('options out of range are refused', () => {
    for (const level of [-1, 10, 1.5, Number.NaN])
      assert.throws(() => compressedCodec(bytesCodec, { level }), RangeError)
    for (const flag of [0, -1, 3, 0.5, 2 ** 32, Number.NaN]) {
      assert.throws(() => compressedCodec(bytesCodec, { flag }), RangeError)
    }
  })
})
