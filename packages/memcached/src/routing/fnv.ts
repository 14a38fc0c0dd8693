const OFFSET_32 = 0x811c9dc5
const PRIME_32 = 0x01000193
/** The lower halves of the 64-bit constants: no bit of an upper half ever comes down into the lower. */
const OFFSET_64 = 0x84222325
const PRIME_64 = 0x000001b3

/** libmemcached's FNV-1 of 32 bits. Bytes from 0x80 on count as negative, as signed characters in C. */
export function fnv1x32(bytes: Uint8Array, length: number): number {
  return multiplyFirst(bytes, length, OFFSET_32, PRIME_32)
}

export function fnv1ax32(bytes: Uint8Array, length: number): number {
  return multiplyLast(bytes, length, OFFSET_32, PRIME_32)
}

/** libmemcached's FNV-1 of 64 bits, of which it uses the lower 32. */
export function fnv1x64(bytes: Uint8Array, length: number): number {
  return multiplyFirst(bytes, length, OFFSET_64, PRIME_64)
}

export function fnv1ax64(bytes: Uint8Array, length: number): number {
  return multiplyLast(bytes, length, OFFSET_64, PRIME_64)
}

function multiplyFirst(bytes: Uint8Array, length: number, offset: number, prime: number): number {
  let hash = offset
  for (let i = 0; i < length; i++) hash = Math.imul(hash, prime) ^ (((bytes[i] ?? 0) << 24) >> 24)
  return hash >>> 0
}

function multiplyLast(bytes: Uint8Array, length: number, offset: number, prime: number): number {
  let hash = offset
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (((bytes[i] ?? 0) << 24) >> 24), prime)
  return hash >>> 0
}
