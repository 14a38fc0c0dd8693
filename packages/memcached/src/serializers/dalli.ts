import { toJsonText } from '@larder/storage-core/base'
import { corrupt, readJson, type ValueSerializer, zlibCompression } from '../client/index.js'
import { serializeString, stringReader, type StringOptions } from './strings.js'

/** dalli 3.0, lib/dalli/protocol/value_serializer.rb and value_compressor.rb. */
const Flag = Object.freeze({ raw: 0, serialized: 1, compressed: 2 })

/**
 * Values as dalli for Ruby writes and reads them with `serializer: JSON`. Bytes and numbers that it stores with
 * `raw: true` are strings. Its default, Ruby's Marshal, is refused: only Ruby can read it.
 */
export function dalliSerializer(options: StringOptions = {}): ValueSerializer {
  const readRaw = stringReader(options)
  return {
    serialize: (value) =>
      value instanceof Uint8Array
        ? (serializeString(value, Flag.raw) as { bytes: Uint8Array; flags: number })
        : { bytes: Buffer.from(toJsonText(value)), flags: Flag.serialized },
    deserialize(bytes, flags) {
      if (flags === Flag.raw) return readRaw(bytes)
      if (flags !== Flag.serialized) throw corrupt(`dalli has no type with the flags ${flags}`)
      if (isMarshal(bytes))
        throw corrupt('it is in the Marshal format of Ruby; give dalli `serializer: JSON`')
      return readJson(bytes)
    },
    compressions: [zlibCompression(Flag.compressed)],
    counterFlags: Flag.raw,
    canAppend: (flags) => flags === Flag.raw,
  }
}

/** Marshal data begins with its version, 4.8. No JSON text does. */
function isMarshal(bytes: Buffer): boolean {
  return bytes[0] === 4 && bytes[1] === 8
}
