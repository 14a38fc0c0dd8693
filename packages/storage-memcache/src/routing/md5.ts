import { createHash } from 'node:crypto'

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32))
const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
const BLOCK_BYTES = 64
/** One block holds the message, a mark of one byte and the length in eight. */
const MAX_SINGLE_BLOCK_BYTES = BLOCK_BYTES - 9

const words = new Int32Array(16)
const block = new Uint8Array(words.buffer)

/**
 * The first four bytes of the MD5 digest (RFC 1321) of `bytes[0..length)`, little-endian: where ketama puts a key.
 * Keys are short, and for one block this is several times as fast as the call into the crypto library.
 */
export function md5Word(bytes: Uint8Array, length: number): number {
  if (length > MAX_SINGLE_BLOCK_BYTES || !IS_LITTLE_ENDIAN) return md5Words(bytes.subarray(0, length))[0] ?? 0
  words.fill(0)
  for (let i = 0; i < length; i++) block[i] = bytes[i] ?? 0
  block[length] = 0x80
  words[14] = length * 8
  let [a = 0, b = 0, c = 0, d = 0] = INITIAL
  const start = a
  for (let i = 0; i < 64; i++) {
    const round = i >> 4
    const mixed =
      round === 0
        ? (b & c) | (~b & d)
        : round === 1
          ? (d & b) | (~d & c)
          : round === 2
            ? b ^ c ^ d
            : c ^ (b | ~d)
    const from =
      round === 0 ? i : round === 1 ? (5 * i + 1) & 15 : round === 2 ? (3 * i + 5) & 15 : (7 * i) & 15
    const sum = (a + mixed + (SINES[i] ?? 0) + (words[from] ?? 0)) | 0
    const shift = SHIFTS[(round << 2) | (i & 3)] ?? 0
    a = d
    d = c
    c = b
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0
  }
  return (a + start) >>> 0
}

/** The whole digest as four little-endian words. */
export function md5Words(bytes: Uint8Array): readonly number[] {
  const digest = createHash('md5').update(bytes).digest()
  return [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset))
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
