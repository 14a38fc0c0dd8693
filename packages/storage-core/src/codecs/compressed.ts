import { deflateSync, inflateSync } from 'node:zlib'
import type { Codec } from '../codec.js'
import { StorageError } from '../errors.js'

export interface CompressionOptions {
  /** From how many bytes on it is tried. Default: 1,024. */
  readonly minBytes?: number
  /** zlib's level, 1 (fast) to 9 (small); 0 turns it off. Default: 6. */
  readonly level?: number
  /** The client flag that marks compressed bytes. Default: 8, as python-memcached and pylibmc use it. */
  readonly flag?: number
  /** Refuses to inflate past this size. Default: 256 MiB. */
  readonly maxInflatedBytes?: number
}

const DEFAULTS: Required<CompressionOptions> = Object.freeze({
  minBytes: 1_024,
  level: 6,
  flag: 8,
  maxInflatedBytes: 256 * 1_024 * 1_024,
})

/** zlib around another codec; kept only where it saves bytes. */
export function compressedCodec<T>(inner: Codec<T>, options: CompressionOptions = {}): Codec<T> {
  const { minBytes, level, flag, maxInflatedBytes } = { ...DEFAULTS, ...options }
  if (!Number.isInteger(level) || level < 0 || level > 9) throw new RangeError('level must be 0 to 9')
  return {
    encode(value) {
      const encoded = inner.encode(value)
      if (level === 0 || encoded.bytes.length < minBytes) return encoded
      const deflated = deflateSync(encoded.bytes, { level })
      if (deflated.length >= encoded.bytes.length) return encoded
      return { bytes: deflated, flags: (encoded.flags | flag) >>> 0 }
    },
    decode(bytes, flags) {
      if ((flags & flag) === 0) return inner.decode(bytes, flags)
      return inner.decode(inflate(bytes, maxInflatedBytes), (flags & ~flag) >>> 0)
    },
  }
}

function inflate(bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength })
  } catch (cause) {
    throw new StorageError('E_CORRUPT', 'The stored bytes cannot be inflated', { cause })
  }
}
