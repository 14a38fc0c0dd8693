import { bytesCodec, type Codec, jsonCodec, textCodec } from '@larder/storage-core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const DAMAGED = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80]].map((bytes) =>
  Uint8Array.from(bytes),
)

function comesBack<T>(codec: Codec<T>, values: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(values, (value) => {
      const { bytes, flags } = codec.encode(value)
      expect.assert(Number.isInteger(flags) && flags >= 0 && flags <= 0xffff_ffff)
      expect(codec.decode(bytes, flags)).toEqual(value)
      // A view into other memory, as a receive buffer gives.
      const around = Buffer.concat([Buffer.from('<<'), bytes, Buffer.from('>>')])
      expect(codec.decode(around.subarray(2, -2), flags)).toEqual(value)
    }),
  )
}

test('bytes come back as they are', () => {
  comesBack(
    bytesCodec,
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
})

describe('textCodec', () => {
  test('text is decoded as it was encoded', () => {
    comesBack(textCodec, fc.string({ unit: 'binary' }))
    comesBack(textCodec, fc.constantFrom('', '\ufeffwith a mark', '\0', '\u{10ffff}'))
  })

  test('half a surrogate pair is refused', () => {
    for (const text of ['\ud800', 'a\udfff', '\udc00\ud800'])
      expect(() => textCodec.encode(text)).toThrow(RangeError)
  })

  test('bytes that are not UTF-8 are E_CORRUPT', () => {
    for (const bytes of DAMAGED)
      expect(() => textCodec.decode(bytes, 0)).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }))
  })
})

describe('jsonCodec', () => {
  test('JSON is decoded as it was encoded', () => {
    comesBack(
      jsonCodec(),
      fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    )
    comesBack(jsonCodec(), fc.constantFrom<unknown>(null, '', 0, false, [], {}, 'caf\u00e9', '\ud800'))
  })

  test('what JSON cannot say is refused', () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    for (const value of [undefined, () => 1, Symbol('s'), 1n, cycle, { deep: [2n] }]) {
      expect(() => jsonCodec().encode(value)).toThrow(TypeError)
    }
  })

  test('bytes that are not JSON are E_CORRUPT', () => {
    for (const text of ['', '{', '{"a":1}x', 'undefined', '\ufeff1']) {
      expect(() => jsonCodec().decode(Buffer.from(text), 0)).toThrow(
        expect.objectContaining({ code: 'E_CORRUPT' }),
      )
    }
    for (const bytes of DAMAGED) {
      const quoted = Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')])
      expect(() => jsonCodec().decode(quoted, 0)).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }))
    }
  })
})
