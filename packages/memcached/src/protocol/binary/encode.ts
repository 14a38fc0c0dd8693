import type { OutBuffer } from '../out-buffer.js'
import { writeText } from '../write-text.js'
import { HEADER_BYTES } from './frame.js'

const REQUEST_MAGIC = 0x80
const NO_VALUE = new Uint8Array(0)
export const NO_EXTRAS: readonly number[] = []
export const NO_KEY = Object.freeze({ text: '', bytes: 0 })

/** One request. `extras` are up to five words of 32 bits; a CAS of 0 stands for none. */
export interface BinaryRequest {
  readonly opcode: number
  readonly opaque: number
  readonly key: string
  /** The key's length in UTF-8. */
  readonly keyBytes: number
  readonly extras: readonly number[]
  readonly value: Uint8Array | undefined
  readonly casHigh: number
  readonly casLow: number
}

/** A request that stands on no state: without a CAS. */
export function encodePlain(
  out: OutBuffer,
  opcode: number,
  opaque: number,
  key: { readonly text: string; readonly bytes: number },
  extras: readonly number[] = NO_EXTRAS,
  value?: Uint8Array,
): void {
  const [casHigh, casLow] = [0, 0]
  encodeRequest(out, { opcode, opaque, key: key.text, keyBytes: key.bytes, extras, value, casHigh, casLow })
}

/** Writes one request in the layout of the binary protocol: header, extras, key, value. */
export function encodeRequest(out: OutBuffer, request: BinaryRequest): void {
  const { key, keyBytes, extras, value = NO_VALUE } = request
  const extrasBytes = 4 * extras.length
  let offset = out.reserve(HEADER_BYTES + extrasBytes + keyBytes)
  const bytes = out.bytes
  // The opcode is a byte, a key at most 250 bytes: both fit where they are put.
  offset = putUint32(bytes, offset, REQUEST_MAGIC * 0x100_0000 + request.opcode * 0x1_0000 + keyBytes)
  offset = putUint32(bytes, offset, extrasBytes * 0x100_0000)
  offset = putUint32(bytes, offset, extrasBytes + keyBytes + value.byteLength)
  offset = putUint32(bytes, offset, request.opaque)
  offset = putUint32(bytes, offset, request.casHigh)
  offset = putUint32(bytes, offset, request.casLow)
  for (const word of extras) offset = putUint32(bytes, offset, word)
  writeText(bytes, key, keyBytes, offset)
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
