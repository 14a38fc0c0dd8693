const ARBITRARY = 0xdeadbeef
/** libmemcached's initial value. */
const INITIAL = 13
const BYTES_PER_BLOCK = 12

/** Bob Jenkins's lookup3 (`hashlittle`) with libmemcached's initial value. */
export function lookup3(bytes: Uint8Array, length: number): number {
  let a = (ARBITRARY + length + INITIAL) | 0
  let b = a
  let c = a
  let offset = 0
  // The last block, full or not, is mixed in another way.
  for (; length - offset > BYTES_PER_BLOCK; offset += BYTES_PER_BLOCK) {
    a = (a + wordAt(bytes, offset, length)) | 0
    b = (b + wordAt(bytes, offset + 4, length)) | 0
    c = (c + wordAt(bytes, offset + 8, length)) | 0
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
  }
  if (length === 0) return c >>> 0
  a = (a + wordAt(bytes, offset, length)) | 0
  b = (b + wordAt(bytes, offset + 4, length)) | 0
  c = (c + wordAt(bytes, offset + 8, length)) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  return ((c ^ b) - rotate(b, 24)) >>> 0
}

/** Little-endian; zeros beyond the end. */
function wordAt(bytes: Uint8Array, offset: number, end: number): number {
  let word = 0
  for (let i = 0; i < 4 && offset + i < end; i++) word |= (bytes[offset + i] ?? 0) << (8 * i)
  return word
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
