import { isStorageError, StorageError } from '@larder/storage-core/base'
import { Compressor, type ItemCompression } from './compression.js'
import type { ResolvedCompression } from './compression-options.js'
import { isLock } from './value-flags.js'

/** What a `deserialize` returns for an item that counts as a miss. One value for all copies of this package. */
export const TREAT_AS_MISS: unique symbol = Symbol.for('larder:treat-as-miss')

/** A value as a cache holds it. */
export interface SerializedValue {
  readonly bytes: Uint8Array
  /** 0 to 2^32 - 1. Bits of the serializer's own `compressions` must be 0. */
  readonly flags: number
  /** `false` keeps the bytes as they are, so that memcached can count: `incr` needs decimal digits. Default: true. */
  readonly compressible?: boolean
}

/** Turns values into bytes and client flags, and back. Both throw where they cannot. It owns all 32 bits of the flags. */
export interface ValueSerializer {
  serialize(value: unknown): SerializedValue
  /**
   * `bytes` are the serializer's own, decompressed; the bits of the compression are removed from `flags`. An `E_CORRUPT`
   * that it throws keeps its message; of any other error only the type is shown, since a message may quote the value.
   */
  deserialize(bytes: Buffer, flags: number): unknown
  /** The forms of compression that it reads; the option `compression` chooses one to write. Default: none. */
  readonly compressions?: readonly ItemCompression[]
  /** Flags of a counter that `incr` creates from decimal digits, or how `initial` decides them. Default: 0. */
  readonly counterFlags?: number | ((initial: number | bigint) => number)
  /** Whether bytes may be added to an uncompressed item with these flags. Default: to all. */
  canAppend?(flags: number): boolean
}

/** Serializer and compression in one: what is stored for a value, and what a stored item stands for. */
export class ValueCoder {
  readonly #serializer: ValueSerializer
  readonly #compressor: Compressor

  constructor(serializer: ValueSerializer, compression: ResolvedCompression | undefined) {
    this.#serializer = serializer
    this.#compressor = new Compressor(serializer.compressions ?? [], compression)
  }

  /** Flags of a counter that is created. */
  counterFlags(initial: number | bigint): number {
    const { counterFlags = 0 } = this.#serializer
    return typeof counterFlags === 'number' ? counterFlags : counterFlags(initial)
  }

  encode(value: unknown): SerializedValue {
    const plain: Partial<SerializedValue> | undefined = this.#serializer.serialize(value)
    this.#check(plain)
    const smaller = plain.compressible === false ? undefined : this.#compressor.compress(plain.bytes)
    return smaller === undefined
      ? plain
      : { bytes: smaller.bytes, flags: (plain.flags | smaller.flags) >>> 0 }
  }

  /** Throws `E_CORRUPT` for what cannot be read; may answer with `TREAT_AS_MISS`. */
  decode(value: Buffer, flags: number, key: string): unknown {
    if (isLock({ flags, value })) return TREAT_AS_MISS
    try {
      const compression = this.#compressor.compressionOf(flags)
      if (compression === undefined) return this.#serializer.deserialize(value, flags)
      const bytes = this.#compressor.decompress(value, compression)
      return this.#serializer.deserialize(bytes, (flags & ~compression.mask) >>> 0)
    } catch (cause) {
      throw new StorageError('E_CORRUPT', `The item cannot be read: ${reasonOf(cause)}`, { key, cause })
    }
  }

  /** Throws `E_UNSUPPORTED` where bytes that are added to an item with these flags would be lost or damage it. */
  checkAppend(flags: number, key: string): void {
    const compression = this.#compressor.compressionOf(flags)
    if (compression === undefined && this.#serializer.canAppend?.(flags) !== false) return
    const form = compression === undefined ? `of a type that is no text (flags ${flags})` : compression.name
    throw new StorageError('E_UNSUPPORTED', `The item is ${form}, so nothing can be added to its bytes`, {
      key,
    })
  }

  #check(plain: Partial<SerializedValue> | undefined): asserts plain is SerializedValue {
    if (!(plain?.bytes instanceof Uint8Array) || typeof plain.flags !== 'number')
      throw new TypeError('A serializer must return bytes, as a Uint8Array, and flags')
    const { bytes, flags } = plain
    if (!Number.isInteger(flags) || flags < 0 || flags > 0xffff_ffff)
      throw new RangeError(`The flags of a serializer must be an integer from 0 to 2^32 - 1, got ${flags}`)
    const reserved = (flags & this.#compressor.reserved) >>> 0
    if (reserved !== 0)
      throw new RangeError(`The serializer set the flags ${reserved}, which its own compressions use`)
    if (isLock({ flags, value: bytes as Buffer }))
      throw new RangeError(`The flags ${flags} with an empty value mark a deletion; use others`)
  }
}

function reasonOf(cause: unknown): string {
  if (isStorageError(cause, 'E_CORRUPT')) return cause.message
  const name = cause instanceof Error ? cause.name : typeof cause
  return `its serializer threw ${/^[AEIO]/i.test(name) ? 'an' : 'a'} ${name}`
}
