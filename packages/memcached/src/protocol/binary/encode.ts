import type { OutBuffer } from '../out-buffer.js'
import { writeText } from '../write-text.js'
import { HEADER_BYTES } from './frame.js'

const REQUEST_MAGIC = 0x80
const NO_VALUE = new Uint8Array(0)
const NO_EXTRAS: readonly number[] = []
export const NO_KEY = Object.freeze({ text: '', bytes: 0 })

/** A key's text, and its length in bytes of UTF-8. */
interface EncodedKey {
  readonly text: string
  readonly bytes: number
}

/**
 * Writes one request in the layout of the binary protocol: header, extras, key, value. `extras` are up to five words
 * of 32 bits; a CAS of 0 stands for none.
 */
export function encodeRequest(
  out: OutBuffer,
  opcode: number,
  opaque: number,
  key: EncodedKey,
  extras: readonly number[] = NO_EXTRAS,
  value: Uint8Array = NO_VALUE,
  casHigh = 0,
  casLow = 0,
): void {
  const extrasBytes = 4 * extras.length
  let offset = out.reserve(HEADER_BYTES + extrasBytes + key.bytes)
  const bytes = out.bytes
  // The opcode is a byte, a key at most 250 bytes: both fit where they are put.
  offset = putUint32(bytes, offset, REQUEST_MAGIC * 0x100_0000 + opcode * 0x1_0000 + key.bytes)
  offset = putUint32(bytes, offset, extrasBytes * 0x100_0000)
  offset = putUint32(bytes, offset, extrasBytes + key.bytes + value.byteLength)
  offset = putUint32(bytes, offset, opaque)
  offset = putUint32(bytes, offset, casHigh)
  offset = putUint32(bytes, offset, casLow)
  for (const word of extras) offset = putUint32(bytes, offset, word)
  writeText(bytes, key.text, key.bytes, offset)
  if (value.byteLength > 0) out.append(value)
  out.end()
}

// A plain store of four bytes is cheaper than `writeUInt32BE`, which checks its arguments anew each time.
function putUint32(bytes: Buffer, offset: number, word: number): number {
  bytes[offset] = word >>> 24
  bytes[offset + 1] = word >>> 16
  bytes[offset + 2] = word >>> 8
  bytes[offset + 3] = word
  return offset + 4
}
