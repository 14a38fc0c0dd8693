import { toJsonText } from '@larder/storage-core/base'
import { brotliCompression, zlibCompression, zstdCompression } from './compression.js'
import { corrupt, readBigInt, readFloat, readInteger, readJson, readText, textBytes } from './strict-forms.js'
import { ValueFlag } from './value-flags.js'
import type { SerializedValue, ValueSerializer } from './values.js'

/**
 * What the client's own serializer writes and reads back as the type that went in. Members of JSON values that JSON
 * cannot carry are refused; a `Date` inside of one comes back as a string.
 */
export type PlainValue = Uint8Array | bigint | JsonValue
/** What JSON can hold. */
export type JsonValue =
  null | string | number | boolean | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/** Text behind one of these makes a value that nobody can read. */
const NOT_APPENDABLE =
  ValueFlag.json | ValueFlag.boolean | ValueFlag.float | ValueFlag.integer | ValueFlag.long | ValueFlag.pickle

/** Each plain value under a flag that tells its type. */
export const plainSerializer: ValueSerializer = Object.freeze({
  serialize,
  deserialize,
  compressions: Object.freeze([
    zlibCompression(ValueFlag.zlib),
    brotliCompression(ValueFlag.brotli),
    zstdCompression(ValueFlag.zstd),
  ]),
  counterFlags: (initial: number | bigint) =>
    typeof initial === 'bigint' ? ValueFlag.long : ValueFlag.integer,
  canAppend: (flags: number) => (flags & NOT_APPENDABLE) === 0,
})

function serialize(value: unknown): SerializedValue {
  switch (typeof value) {
    case 'string':
      return serializeText(value)
    case 'boolean':
      return { bytes: Buffer.from(value ? '1' : '0'), flags: ValueFlag.boolean }
    case 'bigint':
      return { bytes: Buffer.from(String(value)), flags: ValueFlag.long, compressible: false }
    case 'number':
      return serializeNumber(value)
    default:
      return value instanceof Uint8Array ? { bytes: value, flags: 0 } : serializeJson(value)
  }
}

/** Digits that memcached has padded after a `decr`. */
const PADDED = /^\d+ +$/

/** Text that looks like a padded counter goes as JSON, so that it comes back with its spaces. */
function serializeText(text: string): SerializedValue {
  return text.endsWith(' ') && PADDED.test(text)
    ? serializeJson(text)
    : { bytes: textBytes(text), flags: ValueFlag.text }
}

function serializeNumber(value: number): SerializedValue {
  if (Object.is(value, -0)) return { bytes: Buffer.from('-0'), flags: ValueFlag.float, compressible: false }
  const flags = Number.isSafeInteger(value) ? ValueFlag.integer : ValueFlag.float
  return { bytes: Buffer.from(String(value)), flags, compressible: false }
}

function serializeJson(value: unknown): SerializedValue {
  return { bytes: Buffer.from(toJsonText(value)), flags: ValueFlag.json }
}

function deserialize(bytes: Buffer, flags: number): unknown {
  switch (flags) {
    case 0:
      return bytes
    case ValueFlag.text: {
      const text = readText(bytes)
      return text.endsWith(' ') && PADDED.test(text) ? text.trimEnd() : text
    }
    case ValueFlag.boolean:
      return readBoolean(bytes)
    // Other clients write integers of any size under this flag.
    case ValueFlag.integer:
      return readInteger(bytes)
    case ValueFlag.long:
      return readBigInt(bytes)
    case ValueFlag.float:
      return readFloat(bytes)
    case ValueFlag.json:
      return readJson(bytes)
    default:
      throw corrupt(
        flags === ValueFlag.pickle ? 'it is a pickle of Python' : `no type has the flags ${flags}`,
      )
  }
}

function readBoolean(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  if (text !== '1' && text !== '0') throw corrupt('its byte is neither 1 nor 0')
  return text === '1'
}
