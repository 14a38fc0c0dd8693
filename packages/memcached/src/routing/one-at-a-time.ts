/**
 * Bob Jenkins's one-at-a-time hash, which libmemcached calls its default.
 * C's characters are signed on the common platforms, so that bytes from 0x80 on count as negative numbers there.
 */
export function oneAtATime(bytes: Uint8Array, length: number): number {
  let hash = 0
  for (let i = 0; i < length; i++) {
    hash = (hash + (((bytes[i] ?? 0) << 24) >> 24)) | 0
    hash = (hash + (hash << 10)) | 0
    hash ^= hash >>> 6
  }
  hash = (hash + (hash << 3)) | 0
  hash ^= hash >>> 11
  return (hash + (hash << 15)) >>> 0
}
