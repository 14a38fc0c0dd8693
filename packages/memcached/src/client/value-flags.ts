/** The client's own, which no serializer sets: how the bytes that the serializer made were compressed. */
export const CompressionFlag = Object.freeze({
  zlib: 8,
  brotli: 1 << 11,
  zstd: 1 << 12,
})

/**
 * Client flags. Pickle to text are those of pylibmc and python-memcached, which read and write the same bytes
 * under them; pickles are recognized and refused. The others are our own.
 */
export const ValueFlag = Object.freeze({
  pickle: 1,
  integer: 2,
  long: 4,
  zlib: CompressionFlag.zlib,
  text: 16,
  boolean: 1 << 8,
  float: 1 << 9,
  json: 1 << 10,
  brotli: CompressionFlag.brotli,
  zstd: CompressionFlag.zstd,
  /** No value, but the lock that a deletion left behind. */
  deletionLock: 1 << 15,
})

/** What a serializer leaves to the client. */
export const CLIENT_FLAGS = ValueFlag.zlib | ValueFlag.brotli | ValueFlag.zstd | ValueFlag.deletionLock
