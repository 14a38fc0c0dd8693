import { corrupt, gzipCompression, readText, type ValueSerializer } from '../client/index.js'
import { serializeString, stringReader, type StringOptions, unsupported } from './strings.js'

/** Cache::Memcached 1.30: F_STORABLE, F_COMPRESS; Cache::Memcached::Fast 0.28 adds F_UTF8 with its option `utf8`. */
const Flag = Object.freeze({ scalar: 0, storable: 1, compressed: 2, utf8: 4 })

/** How Perl's clients are configured. */
export interface PerlOptions extends StringOptions {
  /** Whether text is marked as UTF-8, which Cache::Memcached::Fast reads with `utf8 => 1`. Default: false. */
  readonly utf8?: boolean
}

/**
 * Strings and numbers as Cache::Memcached and Cache::Memcached::Fast write and read them. References (`Storable`) are
 * refused: only Perl can read them. A number is a string there.
 */
export function perlSerializer(options: PerlOptions = {}): ValueSerializer {
  const readScalar = stringReader(options)
  const textFlags = options.utf8 === true ? Flag.utf8 : Flag.scalar
  return {
    serialize(value) {
      if (typeof value === 'number' || typeof value === 'bigint')
        return { bytes: Buffer.from(String(value)), flags: Flag.scalar, compressible: false }
      const serialized = serializeString(value, typeof value === 'string' ? textFlags : Flag.scalar)
      if (serialized === undefined) throw unsupported(value, 'Perl', 'strings, bytes and numbers')
      return serialized
    },
    deserialize(bytes, flags) {
      if (flags === Flag.scalar) return readScalar(bytes)
      if (flags === Flag.utf8) return readText(bytes)
      if ((flags & Flag.storable) !== 0) throw corrupt("it is in Perl's Storable format")
      throw corrupt(`Perl's clients have no type with the flags ${flags}`)
    },
    compressions: [gzipCompression(Flag.compressed)],
    counterFlags: Flag.scalar,
    canAppend: (flags) => flags === Flag.scalar || flags === Flag.utf8,
  }
}
