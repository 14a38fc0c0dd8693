import { deflateSync, inflateSync } from 'node:zlib'
import type { Codec, JsonCodec } from '../codec.js'
import { StorageError } from '../errors.js'
import { checkOptionNames, type NamesOf } from '../options/option-names.js'

/** How `compressedCodec` compresses. */
export interface CompressionOptions {
  /** From how many bytes on it is tried. Default: 1,024. */
  readonly minBytes?: number
  /** zlib's level, 1 (fast) to 9 (small); 0 turns it off. Default: 6. */
  readonly level?: number
  /**
   * The client flag that marks compressed bytes: one bit, which the inner codec must not use. Default: 8, as
   * python-memcached and pylibmc use it.
   */
  readonly flag?: number
  /** Refuses to inflate past this size, and leaves larger values as they are. Default: 256 MiB. */
  readonly maxInflatedBytes?: number
}

const DEFAULTS: Required<CompressionOptions> = Object.freeze({
  minBytes: 1_024,
  level: 6,
  flag: 8,
  maxInflatedBytes: 256 * 1_024 * 1_024,
})

const OPTION_NAMES: NamesOf<CompressionOptions> = Object.freeze({
  minBytes: true,
  level: true,
  flag: true,
  maxInflatedBytes: true,
})

/** zlib around another codec; kept only where it saves bytes. */
export function compressedCodec<T>(inner: JsonCodec<T>, options?: CompressionOptions): JsonCodec<T>
export function compressedCodec<T>(inner: Codec<T>, options?: CompressionOptions): Codec<T>
export function compressedCodec<T>(inner: Codec<T>, options: CompressionOptions = {}): Codec<T> {
  checkOptionNames('compressedCodec', options, OPTION_NAMES)
  const { minBytes, level, flag, maxInflatedBytes } = { ...DEFAULTS, ...options }
  if (!Number.isInteger(level) || level < 0 || level > 9) throw new RangeError('level must be 0 to 9')
  if (!isOneBit(flag)) throw new RangeError('flag must be one bit of 32')
  return {
    ...('format' in inner ? { format: inner.format } : {}),
    encode(value) {
      const encoded = inner.encode(value)
      if ((encoded.flags & flag) !== 0)
        throw new RangeError(`The inner codec uses the flag ${flag} for itself`)
      const { length } = encoded.bytes
      if (level === 0 || length < minBytes || length > maxInflatedBytes) return encoded
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

function isOneBit(flag: number): boolean {
  return Number.isInteger(flag) && flag > 0 && flag <= 0x8000_0000 && Number.isInteger(Math.log2(flag))
}

function inflate(bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength })
  } catch (cause) {
    throw new StorageError('E_CORRUPT', 'The stored bytes cannot be inflated', { cause })
  }
}
