import { StorageError } from '@larder/storage-core/base'
import { Compressor, type CompressionOptions } from './compression.js'
import { CLIENT_FLAGS, ValueFlag } from './value-flags.js'

/**
 * What the client's own serializer writes and reads back as the type that went in. JSON values lose what JSON
 * cannot say: a `Date` comes back as a string, `NaN` inside an object as null.
 */
export type PlainValue = Uint8Array | bigint | JsonValue
/** What JSON can hold. */
export type JsonValue =
  null | string | number | boolean | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/** What a `deserialize` returns for an item that is to count as not there. */
export const TREAT_AS_MISS: unique symbol = Symbol('treat as a miss')

/** A value as a cache holds it. */
export interface SerializedValue {
  readonly bytes: Uint8Array
  /** None of `zlib`, `brotli`, `zstd` and `deletionLock`, which the client sets itself. */
  readonly flags: number
}

/** Turns values into bytes and client flags, and back. Both throw where they cannot. */
export interface ValueSerializer {
  serialize(value: unknown): SerializedValue
  /** `bytes` are the serializer's own. */
  deserialize(bytes: Buffer, flags: number): unknown
}

/** Each plain value under a flag that tells its type. */
export const plainSerializer: ValueSerializer = Object.freeze({ serialize, deserialize })

function serialize(value: unknown): SerializedValue {
  switch (typeof value) {
    case 'string':
      return { bytes: Buffer.from(value), flags: ValueFlag.text }
    case 'boolean':
      return { bytes: Buffer.from(value ? '1' : '0'), flags: ValueFlag.boolean }
    case 'bigint':
      return { bytes: Buffer.from(String(value)), flags: ValueFlag.long }
    case 'number':
      return serializeNumber(value)
    default:
      return value instanceof Uint8Array ? { bytes: value, flags: 0 } : serializeJson(value)
  }
}

function serializeNumber(value: number): SerializedValue {
  if (Object.is(value, -0)) return { bytes: Buffer.from('-0'), flags: ValueFlag.float }
  const flags = Number.isSafeInteger(value) ? ValueFlag.integer : ValueFlag.float
  return { bytes: Buffer.from(String(value)), flags }
}

const HAS_JSON = new Set(['[object Object]', '[object Array]', '[object Null]'])

/** Refuses what JSON would make an empty object of: a `Map`, an `Error`, a promise that nobody has awaited. */
function serializeJson(value: unknown): SerializedValue {
  const kind = Object.prototype.toString.call(value)
  if (!HAS_JSON.has(kind) && typeof (value as { toJSON?: unknown } | undefined)?.toJSON !== 'function')
    throw new TypeError(`What is ${kind} has no form in JSON; store something else, or use a serializer`)
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined) throw new TypeError(`What ${kind} says of itself by toJSON cannot be stored`)
  return { bytes: Buffer.from(json), flags: ValueFlag.json }
}

function deserialize(bytes: Buffer, flags: number): unknown {
  switch (flags) {
    case 0:
      return bytes
    case ValueFlag.text:
      return bytes.toString()
    case ValueFlag.boolean:
      return bytes.toString() === '1'
    // Other clients write integers of any size under this flag.
    case ValueFlag.integer: {
      const number = Number(bytes.toString())
      return Number.isSafeInteger(number) ? number : BigInt(bytes.toString().trim())
    }
    case ValueFlag.long:
      return BigInt(bytes.toString().trim())
    case ValueFlag.float:
      return Number(bytes.toString())
    case ValueFlag.json:
      return JSON.parse(bytes.toString()) as unknown
    default:
      throw new Error(flags === ValueFlag.pickle ? 'The item is a pickle' : `No type has the flags ${flags}`)
  }
}

/** Serializer and compression in one: what is stored for a value, and what a stored item stands for. */
export class ValueCoder {
  readonly #serializer: ValueSerializer
  readonly #compressor: Compressor

  constructor(serializer: ValueSerializer, compression: CompressionOptions | undefined) {
    this.#serializer = serializer
    this.#compressor = new Compressor(compression)
  }

  encode(value: unknown): SerializedValue {
    const plain: Partial<SerializedValue> | undefined = this.#serializer.serialize(value)
    if (!isSerialized(plain))
      throw new TypeError('A serializer must return bytes, as a Uint8Array, and flags')
    if ((plain.flags & CLIENT_FLAGS) !== 0)
      throw new RangeError(`A serializer must not set the flags ${plain.flags & CLIENT_FLAGS}`)
    const smaller = this.#compressor.compress(plain.bytes)
    return smaller === undefined ? plain : { bytes: smaller.bytes, flags: plain.flags | smaller.flag }
  }

  /** Throws `E_CORRUPT` for what cannot be read; may answer with `TREAT_AS_MISS`. */
  decode(bytes: Buffer, flags: number, key: string): unknown {
    if ((flags & ValueFlag.deletionLock) !== 0) return TREAT_AS_MISS
    try {
      const plain = this.#compressor.decompress(bytes, flags)
      return this.#serializer.deserialize(plain, flags & ~CLIENT_FLAGS)
    } catch (cause) {
      const message = `The item cannot be read: ${(cause as Error).message}`
      throw new StorageError('E_CORRUPT', message, { key, cause })
    }
  }
}

function isSerialized(value: Partial<SerializedValue> | undefined): value is SerializedValue {
  return value?.bytes instanceof Uint8Array && typeof value.flags === 'number'
}
