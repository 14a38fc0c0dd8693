import { createHash } from 'node:crypto'

const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32))
const BLOCK_BYTES = 64
/** One block holds the message, a mark of one byte and the length in eight. */
const MAX_SINGLE_BLOCK_BYTES = BLOCK_BYTES - 9

const words = new Int32Array(16)
const block = new Uint8Array(words.buffer)
const digest = new Uint32Array(4)
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/**
 * The first four bytes of the MD5 digest (RFC 1321) of `bytes[0..length)`, little-endian: where ketama puts a key.
 * Keys are short, and for one block this is several times as fast as the call into the crypto library.
 */
export function md5Word(bytes: Uint8Array, length: number): number {
  return md5Words(bytes, length)[0] ?? 0
}

/** The whole digest as four little-endian words, in memory that the next call uses again. */
export function md5Words(bytes: Uint8Array, length: number): Uint32Array {
  if (length <= MAX_SINGLE_BLOCK_BYTES && IS_LITTLE_ENDIAN) {
    words.fill(0)
    for (let i = 0; i < length; i++) block[i] = bytes[i] ?? 0
    block[length] = 0x80
    words[14] = length * 8
    digestBlock()
  } else {
    const whole = createHash('md5').update(bytes.subarray(0, length)).digest()
    for (let i = 0; i < 4; i++) digest[i] = whole.readUInt32LE(4 * i)
  }
  return digest
}

/**
 * RFC 1321, section 3.4, for the only block: four rounds of sixteen steps, four of them in a loop. Written out
 * because that is four times as fast as a function a step, which is too much for the compiler to take in line.
 */
function digestBlock(): void {
  let a = 0x67452301
  let b = 0xefcdab89 | 0
  let c = 0x98badcfe | 0
  let d = 0x10325476
  for (let i = 0; i < 16; i += 4) {
    a = (b + rotate(a + ((b & c) | (~b & d)) + term(i, i), 7)) | 0
    d = (a + rotate(d + ((a & b) | (~a & c)) + term(i + 1, i + 1), 12)) | 0
    c = (d + rotate(c + ((d & a) | (~d & b)) + term(i + 2, i + 2), 17)) | 0
    b = (c + rotate(b + ((c & d) | (~c & a)) + term(i + 3, i + 3), 22)) | 0
  }
  for (let i = 16; i < 32; i += 4) {
    a = (b + rotate(a + ((d & b) | (~d & c)) + term(i, 5 * i + 1), 5)) | 0
    d = (a + rotate(d + ((c & a) | (~c & b)) + term(i + 1, 5 * i + 6), 9)) | 0
    c = (d + rotate(c + ((b & d) | (~b & a)) + term(i + 2, 5 * i + 11), 14)) | 0
    b = (c + rotate(b + ((a & c) | (~a & d)) + term(i + 3, 5 * i + 16), 20)) | 0
  }
  for (let i = 32; i < 48; i += 4) {
    a = (b + rotate(a + (b ^ c ^ d) + term(i, 3 * i + 5), 4)) | 0
    d = (a + rotate(d + (a ^ b ^ c) + term(i + 1, 3 * i + 8), 11)) | 0
    c = (d + rotate(c + (d ^ a ^ b) + term(i + 2, 3 * i + 11), 16)) | 0
    b = (c + rotate(b + (c ^ d ^ a) + term(i + 3, 3 * i + 14), 23)) | 0
  }
  for (let i = 48; i < 64; i += 4) {
    a = (b + rotate(a + (c ^ (b | ~d)) + term(i, 7 * i), 6)) | 0
    d = (a + rotate(d + (b ^ (a | ~c)) + term(i + 1, 7 * i + 7), 10)) | 0
    c = (d + rotate(c + (a ^ (d | ~b)) + term(i + 2, 7 * i + 14), 15)) | 0
    b = (c + rotate(b + (d ^ (c | ~a)) + term(i + 3, 7 * i + 21), 21)) | 0
  }
  digest[0] = a + 0x67452301
  digest[1] = b + 0xefcdab89
  digest[2] = c + 0x98badcfe
  digest[3] = d + 0x10325476
}

function term(sine: number, word: number): number {
  return ((SINES[sine] ?? 0) + (words[word & 15] ?? 0)) | 0
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
