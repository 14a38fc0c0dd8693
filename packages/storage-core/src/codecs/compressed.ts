import { deflateSync, inflateSync } from 'node:zlib'
import type { Codec, JsonCodec } from '../codec.js'
import { StorageError } from '../errors.js'
import {
  notAllowed,
  numberOption,
  type Option,
  type OptionsOf,
  optionTable,
  resolveOptions,
  wrongType,
} from '../options/index.js'

/** Refuses to inflate past this size, and leaves larger values as they are. */
const MAX_INFLATED_BYTES = 256 * 1_024 * 1_024

/** How `compressedCodec` compresses. */
export const COMPRESSED_CODEC_OPTIONS = optionTable({
  /** Values from this length on are compressed, in bytes. Default: 1,024. */
  minBytes: numberOption({ min: 0, isUnlimited: true }, 1_024),
  /** zlib's level, 1 (fast) to 9 (small); 0 turns it off. Default: 6. */
  level: numberOption({ min: 0, max: 9, isInteger: true }, 6),
  /**
   * The client flag that marks compressed bytes: one bit, which the inner codec must not use. Default: 8, as
   * python-memcached and pylibmc use it.
   */
  flag: flagOption(8),
})

/** How `compressedCodec` compresses. */
export type CompressionOptions = OptionsOf<typeof COMPRESSED_CODEC_OPTIONS>

/** zlib around another codec; kept only where it saves bytes. */
export function compressedCodec<T>(inner: JsonCodec<T>, options?: CompressionOptions): JsonCodec<T>
export function compressedCodec<T>(inner: Codec<T>, options?: CompressionOptions): Codec<T>
export function compressedCodec<T>(inner: Codec<T>, options: CompressionOptions = {}): Codec<T> {
  const { minBytes, level, flag } = resolveOptions('compressedCodec', COMPRESSED_CODEC_OPTIONS, options)
  return {
    ...('format' in inner ? { format: inner.format } : {}),
    encode(value) {
      const encoded = inner.encode(value)
      if ((encoded.flags & flag) !== 0)
        throw new RangeError(`The inner codec uses the flag ${flag} for itself`)
      const { length } = encoded.bytes
      if (level === 0 || length < minBytes || length > MAX_INFLATED_BYTES) return encoded
      const deflated = deflateSync(encoded.bytes, { level })
      if (deflated.length >= encoded.bytes.length) return encoded
      return { bytes: deflated, flags: (encoded.flags | flag) >>> 0 }
    },
    decode(bytes, flags) {
      if ((flags & flag) === 0) return inner.decode(bytes, flags)
      return inner.decode(inflate(bytes), (flags & ~flag) >>> 0)
    },
  }
}

function flagOption(fallback: number): Option<number, number> {
  const takes = 'one bit of 32, as a number'
  return {
    takes,
    fallback,
    check(value, name) {
      if (typeof value !== 'number') throw wrongType(name, takes, value)
      const isOneBit = value > 0 && value <= 0x8000_0000 && Number.isInteger(Math.log2(value))
      if (!isOneBit || !Number.isInteger(value)) throw notAllowed(name, takes, value)
      return value
    },
  }
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflateSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES })
  } catch (cause) {
    throw new StorageError('E_CORRUPT', 'The stored bytes cannot be inflated', { cause })
  }
}
