import { Header, Utils } from 'memjs'
import { expect, test, vi } from 'vitest'
import { encodeRequest } from '../../src/protocol/binary/encode.js'
import type { BinaryFrame } from '../../src/protocol/binary/frame.js'
import { BinaryReceiver } from '../../src/protocol/binary/receiver.js'
import { BY_REFERENCE_BYTES, OutBuffer } from '../../src/protocol/out-buffer.js'

interface Seen {
  readonly opcode: number
  readonly status: number
  readonly opaque: number
  readonly flags: number
  readonly key: string
  readonly value: string
  readonly cas: bigint
}

const seen = (frame: BinaryFrame): Seen => ({
  opcode: frame.opcode,
  status: frame.status,
  opaque: frame.opaque,
  flags: frame.flags,
  key: frame.keyText(),
  value: frame.value().toString(),
  cas: (BigInt(frame.casHigh) << 32n) | BigInt(frame.casLow),
})

function reply(fields: Partial<Seen>): Buffer {
  const { opcode = 0, status = 0, opaque = 0, flags = 0, key = '', value = '', cas = 0n } = fields
  const extras = Buffer.alloc(4)
  extras.writeUInt32BE(flags)
  const casBytes = Buffer.alloc(8)
  casBytes.writeBigUInt64BE(cas)
  const header = Header.toBuffer({
    magic: 0x81,
    opcode,
    status,
    opaque,
    keyLength: key.length,
    extrasLength: 4,
    totalBodyLength: 4 + key.length + value.length,
    cas: casBytes,
  })
  return Buffer.concat([header, extras, Buffer.from(key), Buffer.from(value)])
}

const stream = Buffer.concat([
  reply({ opcode: 1, opaque: 1, value: '' }),
  reply({ opcode: 0x0c, status: 1, opaque: 0xffff_ffff, flags: 0xffff_ffff, key: 'key', value: 'Not found' }),
  reply({ opcode: 0, opaque: 3, value: 'x'.repeat(70), cas: 0xffff_ffff_ffff_ffffn }),
  reply({ opcode: 0x0a, opaque: 4 }),
])

test('a stream of replies reads the same, wherever it is cut', () => {
  const whole = receive([stream])
  expect(whole.length).toBe(4)
  expect(whole[1]).toMatchObject({ opaque: 0xffff_ffff, flags: 0xffff_ffff, key: 'key', value: 'Not found' })
  expect(whole[2]).toMatchObject({ cas: 0xffff_ffff_ffff_ffffn })
  for (let i = 0; i <= stream.length; i++) {
    expect(receive([stream.subarray(0, i), stream.subarray(i)])).toEqual(whole)
    for (let j = i; j <= stream.length; j += 7) {
      expect(receive([stream.subarray(0, i), stream.subarray(i, j), stream.subarray(j)])).toEqual(whole)
    }
  }
  expect(receive(Array.from(stream, (byte) => Buffer.of(byte)))).toEqual(whole)
})

test('a large reply in many chunks is joined once', () => {
  const large = reply({ opcode: 0, value: 'y'.repeat(20_000_000) })
  const chunks: Buffer[] = []
  for (let i = 0; i < large.length; i += 65_536) chunks.push(large.subarray(i, i + 65_536))
  using copy = vi.spyOn(Buffer.prototype, 'copy')
  expect(receive(chunks)[0]?.value.length).toBe(20_000_000)
  const copied = copy.mock.results.reduce((sum, { value }) => sum + (value as number), 0)
  // Each byte once, and the beginning again while room is made. Joining anew for each of the 306 chunks copies 3 GB.
  expect(copied).toBeGreaterThanOrEqual(large.length)
  expect(copied).toBeLessThan(3 * large.length)
})

test('a value is a copy, whatever it arrived in', () => {
  for (const length of [10, 100_000]) {
    const bytes = reply({ opcode: 0, value: 'z'.repeat(length) })
    for (const cut of [bytes.length, 1000, 30]) {
      const chunks = [Buffer.from(bytes.subarray(0, cut)), Buffer.from(bytes.subarray(cut))]
      const values: Buffer[] = []
      const receiver = new BinaryReceiver((frame) => values.push(frame.value()))
      for (const chunk of chunks) receiver.push(chunk)
      for (const chunk of chunks) chunk.fill(0)
      expect(values[0]?.toString()).toBe('z'.repeat(length))
    }
  }
})

test("requests are the same bytes as memjs's, where memjs has the command", () => {
  const extras = Buffer.alloc(8)
  extras.writeUInt32BE(0xdead_beef, 0)
  extras.writeUInt32BE(77, 4)
  for (const key of ['k', 'ключ', 'x'.repeat(250)]) {
    const out = new OutBuffer()
    const wireKey = { text: key, bytes: Buffer.byteLength(key) }
    encodeRequest(out, 1, 0xffff_fff0, wireKey, [0xdead_beef, 77], Buffer.from('value'))
    expect(Buffer.concat(out.chunks())).toEqual(Utils.makeRequestBuffer(1, key, extras, 'value', 0xffff_fff0))
  }
})

test('a value that is too large to copy keeps its place among copied ones', () => {
  const out = new OutBuffer()
  const large = Buffer.alloc(BY_REFERENCE_BYTES, 'L')
  const small = Buffer.alloc(7000, 's')
  for (let i = 0; i < 10; i++) {
    out.append(small)
    out.append(large)
  }
  expect(out.length).toBe(10 * (small.length + large.length))
  expect(Buffer.concat(out.chunks())).toEqual(
    Buffer.concat(Array(10).fill([small, large]).flat() as Buffer[]),
  )
  out.reset(true)
  expect([out.length, out.chunks().length]).toEqual([0, 0])
})

function receive(chunks: readonly Buffer[]): Seen[] {
  const frames: Seen[] = []
  const receiver = new BinaryReceiver((frame) => frames.push(seen(frame)))
  for (const chunk of chunks) receiver.push(chunk)
  return frames
}
