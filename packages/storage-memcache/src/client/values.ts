import { StorageError } from '@larder/storage-core'
import { deflateSync, inflateSync } from 'node:zlib'

/**
 * What the client's own serializer writes and reads back as the type that went in. JSON values lose what JSON
 * cannot say: a `Date` comes back as a string, `NaN` inside an object as null.
 */
export type PlainValue = Uint8Array | bigint | JsonValue
export type JsonValue =
  null | string | number | boolean | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/**
 * Client flags. The first five are those of pylibmc and python-memcached, which read and write the same bytes
 * under them; pickles are recognized and refused. The others are our own.
 */
export const ValueFlag = Object.freeze({
  pickle: 1,
  integer: 2,
  long: 4,
  zlib: 8,
  text: 16,
  boolean: 1 << 8,
  float: 1 << 9,
  json: 1 << 10,
  /** No value, but the lock that a deletion left behind. */
  deletionLock: 1 << 15,
})

/** What a `deserialize` returns for an item that is to count as not there. */
export const TREAT_AS_MISS: unique symbol = Symbol('treat as a miss')

export interface SerializedValue {
  readonly bytes: Uint8Array
  /** Neither `ValueFlag.zlib` nor `ValueFlag.deletionLock`, which the client sets itself. */
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

function serializeJson(value: unknown): SerializedValue {
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined) throw new TypeError(`A value of type ${typeof value} cannot be stored`)
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

export interface CompressionOptions {
  /** Values from this length on are compressed, and kept so where that made them smaller. */
  readonly minBytes: number
  /** zlib's level, 1 to 9; 0 turns it off. Default: zlib's own. */
  readonly level?: number
}

/** A bound on what a small item may grow to when it is read. */
const MAX_INFLATED_BYTES = 256 * 1024 * 1024

/** Serializer and compression in one: what is stored for a value, and what a stored item stands for. */
export class ValueCoder {
  readonly #serializer: ValueSerializer
  readonly #minBytes: number
  readonly #level: number | undefined

  constructor(serializer: ValueSerializer, compression: CompressionOptions | undefined) {
    this.#serializer = serializer
    const level = compression?.level
    if (level !== undefined && !(Number.isInteger(level) && level >= 0 && level <= 9)) {
      throw new RangeError(`The compression level must be within 0 and 9, not ${String(level)}`)
    }
    if (compression !== undefined && !(compression.minBytes >= 0))
      throw new RangeError('minBytes must be 0 or more')
    this.#minBytes = compression === undefined || level === 0 ? Infinity : compression.minBytes
    this.#level = level
  }

  encode(value: unknown): SerializedValue {
    const plain = this.#serializer.serialize(value)
    if (plain.bytes.byteLength < this.#minBytes) return plain
    const bytes = deflateSync(plain.bytes, this.#level === undefined ? {} : { level: this.#level })
    return bytes.length < plain.bytes.byteLength ? { bytes, flags: plain.flags | ValueFlag.zlib } : plain
  }

  /** Throws `E_CORRUPT` for what cannot be read; may answer with `TREAT_AS_MISS`. */
  decode(bytes: Buffer, flags: number, key: string): unknown {
    if ((flags & ValueFlag.deletionLock) !== 0) return TREAT_AS_MISS
    try {
      if ((flags & ValueFlag.zlib) === 0) return this.#serializer.deserialize(bytes, flags)
      const inflated = inflateSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES })
      return this.#serializer.deserialize(inflated, flags & ~ValueFlag.zlib)
    } catch (cause) {
      throw new StorageError('E_CORRUPT', `The item cannot be read: ${(cause as Error).message}`, {
        key,
        cause,
      })
    }
  }
}
