const MULTIPLIER = 0x5bd1e995
/** libmemcached's seed is this, multiplied by the length. */
const SEED = 0xdeadbeef

/** Austin Appleby's MurmurHash2 of 32 bits, with libmemcached's seed. */
export function murmur2(bytes: Uint8Array, length: number): number {
  let hash = Math.imul(SEED, length) ^ length
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) {
    const word = Math.imul(littleEndian(bytes, i, 4), MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word ^ (word >>> 24), MULTIPLIER)
  }
  if (whole < length) hash = Math.imul(hash ^ littleEndian(bytes, whole, length - whole), MULTIPLIER)
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return (hash ^ (hash >>> 15)) >>> 0
}

function littleEndian(bytes: Uint8Array, offset: number, count: number): number {
  let word = 0
  for (let i = 0; i < count; i++) word |= (bytes[offset + i] ?? 0) << (8 * i)
  return word
}
