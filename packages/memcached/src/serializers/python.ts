import { plainSerializer, ValueFlag, type ValueSerializer, zlibCompression } from '../client/index.js'
import { unsupported } from './strings.js'

/**
 * The part of the client's own format that python-memcached, pylibmc and pymemcache read as the same types: text, bytes
 * and integers. Other values are a `TypeError`, since Python would read them as bytes. Pickles are refused: only Python
 * can read them.
 */
export function pythonSerializer(): ValueSerializer {
  return {
    serialize(value) {
      const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value)
      if (typeof value !== 'string' && !isInteger && !(value instanceof Uint8Array))
        throw unsupported(value, 'Python', 'strings, bytes and integers')
      // Python has no format for text that looks like a padded counter but text.
      const { bytes, flags, compressible = true } = plainSerializer.serialize(value)
      return flags === ValueFlag.json
        ? { bytes: Buffer.from(value as string), flags: ValueFlag.text }
        : { bytes, flags, compressible }
    },
    deserialize: (bytes, flags) => plainSerializer.deserialize(bytes, flags),
    compressions: [zlibCompression(ValueFlag.zlib)],
    counterFlags: ValueFlag.integer,
  }
}
