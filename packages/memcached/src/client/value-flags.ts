import type { CacheItem } from '../cache.js'

/**
 * Client flags of the client's own serializer. Pickle to text are those of pylibmc, python-memcached and pymemcache,
 * which read and write the same bytes under them; pickles are recognized and refused. The others are our own.
 */
export const ValueFlag = Object.freeze({
  pickle: 1,
  integer: 2,
  long: 4,
  zlib: 8,
  text: 16,
  boolean: 1 << 8,
  float: 1 << 9,
  json: 1 << 10,
  brotli: 1 << 11,
  zstd: 1 << 12,
})

/**
 * The flags of the lock that a deletion leaves behind, on an item without bytes. All 32 bits are compared, so that a
 * serializer may use any bit; only this number together with an empty value is refused.
 */
export const DELETION_LOCK_FLAGS = 0x4c6f_636b

/** Whether the item is no value but the lock that a deletion left behind. */
export function isLock({ flags, value }: Pick<CacheItem, 'flags' | 'value'>): boolean {
  return flags === DELETION_LOCK_FLAGS && value.length === 0
}
