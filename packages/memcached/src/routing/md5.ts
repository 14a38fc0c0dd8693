import { createHash } from 'node:crypto'

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
 * RFC 1321, section 3.4, for the only block. Every step is written out, with the sines of the RFC: in loops it takes
 * twice as long, with a function a step eight times.
 */
function digestBlock(): void {
  const w0 = words[0] ?? 0
  const w1 = words[1] ?? 0
  const w2 = words[2] ?? 0
  const w3 = words[3] ?? 0
  const w4 = words[4] ?? 0
  const w5 = words[5] ?? 0
  const w6 = words[6] ?? 0
  const w7 = words[7] ?? 0
  const w8 = words[8] ?? 0
  const w9 = words[9] ?? 0
  const w10 = words[10] ?? 0
  const w11 = words[11] ?? 0
  const w12 = words[12] ?? 0
  const w13 = words[13] ?? 0
  const w14 = words[14] ?? 0
  const w15 = words[15] ?? 0
  let a = 0x67452301
  let b = 0xefcdab89 | 0
  let c = 0x98badcfe | 0
  let d = 0x10325476
  a = (b + rotate(a + ((b & c) | (~b & d)) + w0 - 680876936, 7)) | 0
  d = (a + rotate(d + ((a & b) | (~a & c)) + w1 - 389564586, 12)) | 0
  c = (d + rotate(c + ((d & a) | (~d & b)) + w2 + 606105819, 17)) | 0
  b = (c + rotate(b + ((c & d) | (~c & a)) + w3 - 1044525330, 22)) | 0
  a = (b + rotate(a + ((b & c) | (~b & d)) + w4 - 176418897, 7)) | 0
  d = (a + rotate(d + ((a & b) | (~a & c)) + w5 + 1200080426, 12)) | 0
  c = (d + rotate(c + ((d & a) | (~d & b)) + w6 - 1473231341, 17)) | 0
  b = (c + rotate(b + ((c & d) | (~c & a)) + w7 - 45705983, 22)) | 0
  a = (b + rotate(a + ((b & c) | (~b & d)) + w8 + 1770035416, 7)) | 0
  d = (a + rotate(d + ((a & b) | (~a & c)) + w9 - 1958414417, 12)) | 0
  c = (d + rotate(c + ((d & a) | (~d & b)) + w10 - 42063, 17)) | 0
  b = (c + rotate(b + ((c & d) | (~c & a)) + w11 - 1990404162, 22)) | 0
  a = (b + rotate(a + ((b & c) | (~b & d)) + w12 + 1804603682, 7)) | 0
  d = (a + rotate(d + ((a & b) | (~a & c)) + w13 - 40341101, 12)) | 0
  c = (d + rotate(c + ((d & a) | (~d & b)) + w14 - 1502002290, 17)) | 0
  b = (c + rotate(b + ((c & d) | (~c & a)) + w15 + 1236535329, 22)) | 0
  a = (b + rotate(a + ((d & b) | (~d & c)) + w1 - 165796510, 5)) | 0
  d = (a + rotate(d + ((c & a) | (~c & b)) + w6 - 1069501632, 9)) | 0
  c = (d + rotate(c + ((b & d) | (~b & a)) + w11 + 643717713, 14)) | 0
  b = (c + rotate(b + ((a & c) | (~a & d)) + w0 - 373897302, 20)) | 0
  a = (b + rotate(a + ((d & b) | (~d & c)) + w5 - 701558691, 5)) | 0
  d = (a + rotate(d + ((c & a) | (~c & b)) + w10 + 38016083, 9)) | 0
  c = (d + rotate(c + ((b & d) | (~b & a)) + w15 - 660478335, 14)) | 0
  b = (c + rotate(b + ((a & c) | (~a & d)) + w4 - 405537848, 20)) | 0
  a = (b + rotate(a + ((d & b) | (~d & c)) + w9 + 568446438, 5)) | 0
  d = (a + rotate(d + ((c & a) | (~c & b)) + w14 - 1019803690, 9)) | 0
  c = (d + rotate(c + ((b & d) | (~b & a)) + w3 - 187363961, 14)) | 0
  b = (c + rotate(b + ((a & c) | (~a & d)) + w8 + 1163531501, 20)) | 0
  a = (b + rotate(a + ((d & b) | (~d & c)) + w13 - 1444681467, 5)) | 0
  d = (a + rotate(d + ((c & a) | (~c & b)) + w2 - 51403784, 9)) | 0
  c = (d + rotate(c + ((b & d) | (~b & a)) + w7 + 1735328473, 14)) | 0
  b = (c + rotate(b + ((a & c) | (~a & d)) + w12 - 1926607734, 20)) | 0
  a = (b + rotate(a + (b ^ c ^ d) + w5 - 378558, 4)) | 0
  d = (a + rotate(d + (a ^ b ^ c) + w8 - 2022574463, 11)) | 0
  c = (d + rotate(c + (d ^ a ^ b) + w11 + 1839030562, 16)) | 0
  b = (c + rotate(b + (c ^ d ^ a) + w14 - 35309556, 23)) | 0
  a = (b + rotate(a + (b ^ c ^ d) + w1 - 1530992060, 4)) | 0
  d = (a + rotate(d + (a ^ b ^ c) + w4 + 1272893353, 11)) | 0
  c = (d + rotate(c + (d ^ a ^ b) + w7 - 155497632, 16)) | 0
  b = (c + rotate(b + (c ^ d ^ a) + w10 - 1094730640, 23)) | 0
  a = (b + rotate(a + (b ^ c ^ d) + w13 + 681279174, 4)) | 0
  d = (a + rotate(d + (a ^ b ^ c) + w0 - 358537222, 11)) | 0
  c = (d + rotate(c + (d ^ a ^ b) + w3 - 722521979, 16)) | 0
  b = (c + rotate(b + (c ^ d ^ a) + w6 + 76029189, 23)) | 0
  a = (b + rotate(a + (b ^ c ^ d) + w9 - 640364487, 4)) | 0
  d = (a + rotate(d + (a ^ b ^ c) + w12 - 421815835, 11)) | 0
  c = (d + rotate(c + (d ^ a ^ b) + w15 + 530742520, 16)) | 0
  b = (c + rotate(b + (c ^ d ^ a) + w2 - 995338651, 23)) | 0
  a = (b + rotate(a + (c ^ (b | ~d)) + w0 - 198630844, 6)) | 0
  d = (a + rotate(d + (b ^ (a | ~c)) + w7 + 1126891415, 10)) | 0
  c = (d + rotate(c + (a ^ (d | ~b)) + w14 - 1416354905, 15)) | 0
  b = (c + rotate(b + (d ^ (c | ~a)) + w5 - 57434055, 21)) | 0
  a = (b + rotate(a + (c ^ (b | ~d)) + w12 + 1700485571, 6)) | 0
  d = (a + rotate(d + (b ^ (a | ~c)) + w3 - 1894986606, 10)) | 0
  c = (d + rotate(c + (a ^ (d | ~b)) + w10 - 1051523, 15)) | 0
  b = (c + rotate(b + (d ^ (c | ~a)) + w1 - 2054922799, 21)) | 0
  a = (b + rotate(a + (c ^ (b | ~d)) + w8 + 1873313359, 6)) | 0
  d = (a + rotate(d + (b ^ (a | ~c)) + w15 - 30611744, 10)) | 0
  c = (d + rotate(c + (a ^ (d | ~b)) + w6 - 1560198380, 15)) | 0
  b = (c + rotate(b + (d ^ (c | ~a)) + w13 + 1309151649, 21)) | 0
  a = (b + rotate(a + (c ^ (b | ~d)) + w4 - 145523070, 6)) | 0
  d = (a + rotate(d + (b ^ (a | ~c)) + w11 - 1120210379, 10)) | 0
  c = (d + rotate(c + (a ^ (d | ~b)) + w2 + 718787259, 15)) | 0
  b = (c + rotate(b + (d ^ (c | ~a)) + w9 - 343485551, 21)) | 0
  digest[0] = a + 0x67452301
  digest[1] = b + 0xefcdab89
  digest[2] = c + 0x98badcfe
  digest[3] = d + 0x10325476
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
