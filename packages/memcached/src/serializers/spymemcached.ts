import { corrupt, gzipCompression, type SerializedValue, type ValueSerializer } from '../client/index.js'
import { packedDouble, packedInt, packedLong, unpacked } from './java.js'
import { serializeString, stringReader, type StringOptions, unsupported } from './strings.js'

/** spymemcached 2.12, SerializingTranscoder.java. */
const Flag = Object.freeze({
  string: 0,
  serialized: 1,
  compressed: 2,
  boolean: 1 << 8,
  integer: 2 << 8,
  long: 3 << 8,
  date: 4 << 8,
  byte: 5 << 8,
  float: 6 << 8,
  double: 7 << 8,
  byteArray: 8 << 8,
})
const INT32 = 2 ** 31

/**
 * Values as Java's spymemcached writes and reads them: String, Boolean, Integer, Long, Date, Byte, Float, Double and
 * byte[]. A number that is an integer of 32 bits is an Integer, a larger integer or a bigint is a Long, any other number
 * is a Double. Objects of Java's serialization are refused: only Java can read them.
 */
export function spymemcachedSerializer(options: StringOptions = {}): ValueSerializer {
  const readString = stringReader(options)
  return {
    serialize,
    deserialize: (bytes, flags) =>
      flags === Flag.string ? readString(bytes) : deserializeSpecial(bytes, flags),
    compressions: [gzipCompression(Flag.compressed)],
    counterFlags: Flag.string,
    canAppend: (flags) => flags === Flag.string || flags === Flag.byteArray,
  }
}

function serialize(value: unknown): SerializedValue {
  if (typeof value === 'boolean') return special(Buffer.from(value ? '1' : '0'), Flag.boolean)
  if (typeof value === 'number') return serializeNumber(value)
  if (typeof value === 'bigint') return serializeLong(value)
  if (value instanceof Date) return serializeDate(value)
  const serialized = serializeString(value, typeof value === 'string' ? Flag.string : Flag.byteArray)
  if (serialized === undefined)
    throw unsupported(value, 'spymemcached', 'strings, bytes, booleans, numbers, bigints and dates')
  return serialized
}

function serializeNumber(value: number): SerializedValue {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return special(packedDouble(value), Flag.double)
  if (value >= -INT32 && value < INT32) return special(packedInt(value), Flag.integer)
  return serializeLong(BigInt(value))
}

function serializeLong(value: bigint): SerializedValue {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError('A Long of Java has 64 bits')
  return special(packedLong(value), Flag.long)
}

function serializeDate(value: Date): SerializedValue {
  if (Number.isNaN(value.getTime())) throw new RangeError('The date is invalid')
  return special(packedLong(BigInt(value.getTime())), Flag.date)
}

function special(bytes: Buffer, flags: number): SerializedValue {
  return { bytes, flags, compressible: false }
}

function deserializeSpecial(bytes: Buffer, flags: number): unknown {
  switch (flags) {
    case Flag.boolean:
      return fixed(bytes, 1).readInt8() === 0x31
    case Flag.integer:
      return fixed(bytes, 4).readInt32BE()
    case Flag.long:
      return exact(fixed(bytes, 8).readBigInt64BE())
    case Flag.date:
      return new Date(Number(fixed(bytes, 8).readBigInt64BE()))
    case Flag.byte:
      return fixed(bytes, 1).readInt8()
    case Flag.float:
      return fixed(bytes, 4).readFloatBE()
    case Flag.double:
      return fixed(bytes, 8).readDoubleBE()
    case Flag.byteArray:
      return bytes
    default:
      throw corrupt(
        flags === Flag.serialized
          ? "it is in Java's serialization"
          : `spymemcached has no type with the flags ${flags}`,
      )
  }
}

function fixed(bytes: Buffer, length: number): Buffer {
  const all = unpacked(bytes, length)
  if (all === undefined) throw corrupt(`it has ${bytes.length} bytes where ${length} are the most`)
  return all
}

/** A number where that is exact. */
function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
