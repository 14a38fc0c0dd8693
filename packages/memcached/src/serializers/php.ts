import { toJsonText } from '@larder/storage-core/base'
import {
  corrupt,
  type ItemCompression,
  MAX_INFLATED_BYTES,
  readFloat,
  readInteger,
  readJson,
  type SerializedValue,
  type ValueSerializer,
  zlibCompression,
} from '../client/index.js'
import { expandFastlz } from './fastlz.js'
import { phpText, readPhpText } from './php-text.js'
import { serializeString, stringReader, type StringOptions } from './strings.js'

/** The type in the low four bits: php-memcached 3.2, php_memcached_private.h, MEMC_VAL_IS_…. */
const Flag = Object.freeze({
  string: 0,
  long: 1,
  double: 2,
  boolean: 3,
  serialized: 4,
  igbinary: 5,
  json: 6,
  msgpack: 7,
})
const COMPRESSED = 1 << 4
const ZLIB = COMPRESSED | (1 << 5)
const FASTLZ = COMPRESSED | (1 << 6)
const COMPRESSION_MASK = COMPRESSED | (1 << 5) | (1 << 6)
/** The length before compression, an unsigned 32-bit number of the machine's byte order: little-endian in practice. */
const LENGTH_BYTES = 4

/** How arrays and objects are written, and what strings are here. */
export interface PhpOptions extends StringOptions {
  /**
   * `'php'`: PHP's `serialize`, arrays on both sides. `'json'`: JSON, which PHP reads as objects. PHP reads both,
   * whatever its own serializer. Default: `'php'`.
   */
  readonly arrays?: 'php' | 'json'
}

/**
 * Values as PHP's extension memcached writes and reads them: strings, integers, floats, booleans, null and arrays, with
 * its compressions zlib (written and read) and FastLZ (its default; read). Items of igbinary, which is its default
 * serializer where it was built in, and of msgpack are refused: set `Memcached::OPT_SERIALIZER` to
 * `Memcached::SERIALIZER_PHP` or `Memcached::SERIALIZER_JSON`. Objects of PHP classes are refused.
 */
export function phpSerializer(options: PhpOptions = {}): ValueSerializer {
  const { arrays = 'php' } = options
  if (arrays !== 'php' && arrays !== 'json')
    throw new RangeError(`\`arrays\` must be 'php' or 'json', got ${JSON.stringify(arrays)}`)
  const readString = stringReader(options)
  return {
    serialize: (value) => serialize(value, arrays),
    deserialize: (bytes, flags) => deserialize(bytes, flags, readString),
    compressions: [phpZlib, phpFastlz],
    counterFlags: Flag.long,
    canAppend: (flags) => flags === Flag.string,
  }
}

function serialize(value: unknown, arrays: 'php' | 'json'): SerializedValue {
  if (typeof value === 'number') return serializeNumber(value)
  if (typeof value === 'bigint') return serializeLong(value)
  if (typeof value === 'boolean')
    return { bytes: Buffer.from(value ? '1' : ''), flags: Flag.boolean, compressible: false }
  const string = serializeString(value, Flag.string)
  if (string !== undefined) return string
  const json = toJsonText(value)
  if (arrays === 'json') return { bytes: Buffer.from(json), flags: Flag.json }
  return { bytes: Buffer.from(phpText(JSON.parse(json))), flags: Flag.serialized }
}

function serializeNumber(value: number): SerializedValue {
  const isLong = Number.isSafeInteger(value) && !Object.is(value, -0)
  const text = Object.is(value, -0) ? '-0' : String(value)
  return { bytes: Buffer.from(text), flags: isLong ? Flag.long : Flag.double, compressible: false }
}

function serializeLong(value: bigint): SerializedValue {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError('An integer of PHP has 64 bits')
  return { bytes: Buffer.from(String(value)), flags: Flag.long, compressible: false }
}

function deserialize(bytes: Buffer, flags: number, readString: (bytes: Buffer) => unknown): unknown {
  switch (flags) {
    case Flag.string:
      return readString(bytes)
    case Flag.long:
      return readInteger(bytes)
    case Flag.double:
      return readFloat(bytes)
    case Flag.boolean:
      return readBoolean(bytes)
    case Flag.serialized:
      return readPhpText(bytes)
    case Flag.json:
      return readJson(bytes)
    case Flag.igbinary:
      throw corrupt('it is in the format of igbinary; set Memcached::OPT_SERIALIZER to SERIALIZER_PHP')
    case Flag.msgpack:
      throw corrupt('it is in the format of msgpack; set Memcached::OPT_SERIALIZER to SERIALIZER_PHP')
    default:
      throw corrupt(`PHP's extension memcached has no type with the flags ${flags}`)
  }
}

function readBoolean(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  if (text !== '' && text !== '1') throw corrupt('its bytes are no boolean of PHP')
  return text === '1'
}

const zlib = zlibCompression(0)

const phpZlib: ItemCompression = {
  ...zlib,
  flags: ZLIB,
  mask: COMPRESSION_MASK,
  compress(bytes, level) {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32LE(bytes.byteLength)
    return Buffer.concat([length, zlib.compress?.(bytes, level) ?? bytes])
  },
  decompress(bytes) {
    const inflated = zlib.decompress(bytes.subarray(LENGTH_BYTES))
    if (inflated.length !== lengthBefore(bytes)) throw new Error('The length is wrong')
    return inflated
  },
}

const phpFastlz: ItemCompression = {
  name: 'fastlz',
  flags: FASTLZ,
  mask: COMPRESSION_MASK,
  decompress(bytes) {
    const expanded = expandFastlz(bytes.subarray(LENGTH_BYTES), lengthBefore(bytes))
    if (expanded === undefined) throw new Error('The block is damaged')
    return expanded
  },
}

function lengthBefore(bytes: Buffer): number {
  const length = bytes.length < LENGTH_BYTES ? Infinity : bytes.readUInt32LE()
  if (length > MAX_INFLATED_BYTES) throw new Error('The length is wrong')
  return length
}
