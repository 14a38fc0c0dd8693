/** The largest prime below 2^16. */
const MODULUS = 65_521

/** zlib's Adler-32 (RFC 1950), which python-memcached's users choose as `zlib.adler32`. */
export function adler32(bytes: Uint8Array, length: number): number {
  let low = 1
  let high = 0
  for (let i = 0; i < length; i++) {
    low = (low + (bytes[i] ?? 0)) % MODULUS
    high = (high + low) % MODULUS
  }
  return high * 0x1_0000 + low
}
