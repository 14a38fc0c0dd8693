import { notAllowed, StorageError } from '@larder/storage-core/base'
import * as zlib from 'node:zlib'
import type { ResolvedCompression } from './compression-options.js'

/** One way to compress an item, and the client flags that mark it. */
export interface ItemCompression {
  readonly name: string
  /** The bits that are set on a compressed item. */
  readonly flags: number
  /** The bits that are compared with `flags` when an item is read, and removed before it is deserialized. */
  readonly mask: number
  /** The highest `level`. Absent: items are only read in this form. */
  readonly maxLevel?: number
  readonly compress?: (bytes: Uint8Array, level: number | undefined) => Buffer
  /** Throws where the bytes are damaged or would grow past 256 MiB. */
  readonly decompress: (bytes: Buffer) => Buffer
}

/** A bound on what a small item may grow to when it is read. */
export const MAX_INFLATED_BYTES = 256 * 1024 * 1024
const BOUNDS = { maxOutputLength: MAX_INFLATED_BYTES }

/** What zlib has of zstd, where it has any; the types that we build with are those of an older Node. */
interface Zstd {
  zstdCompressSync(bytes: Uint8Array, options: { params: Record<number, number> }): Buffer
  zstdDecompressSync(bytes: Uint8Array, options: typeof BOUNDS): Buffer
}
const zstd = zlib as unknown as Partial<Zstd>
/** zlib.constants.ZSTD_c_compressionLevel */
const ZSTD_LEVEL = 100

/** Deflate with zlib's header, as Python's and PHP's `zlib` and Ruby's `Zlib::Deflate` write it. */
export function zlibCompression(flags: number, mask = flags): ItemCompression {
  return {
    name: 'zlib',
    flags,
    mask,
    maxLevel: 9,
    compress: (bytes, level) => zlib.deflateSync(bytes, level === undefined ? {} : { level }),
    decompress: (bytes) => zlib.inflateSync(bytes, BOUNDS),
  }
}

/** Deflate with gzip's header, as Java's `GZIPOutputStream` and Perl's `Compress::Zlib` write it. */
export function gzipCompression(flags: number, mask = flags): ItemCompression {
  return {
    name: 'gzip',
    flags,
    mask,
    maxLevel: 9,
    compress: (bytes, level) => zlib.gzipSync(bytes, level === undefined ? {} : { level }),
    decompress: (bytes) => zlib.gunzipSync(bytes, BOUNDS),
  }
}

/** Brotli: smaller than zlib. */
export function brotliCompression(flags: number, mask = flags): ItemCompression {
  return {
    name: 'brotli',
    flags,
    mask,
    maxLevel: 11,
    // Its own default of 11 takes a hundred times as long for a tenth less.
    compress: (bytes, level = 4) =>
      zlib.brotliCompressSync(bytes, {
        params: {
          [zlib.constants.BROTLI_PARAM_QUALITY]: level,
          [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength,
        },
      }),
    decompress: (bytes) => zlib.brotliDecompressSync(bytes, BOUNDS),
  }
}

/** Zstandard: the fastest; Node has it from 22.15 on. */
export function zstdCompression(flags: number, mask = flags): ItemCompression {
  return {
    name: 'zstd',
    flags,
    mask,
    maxLevel: 22,
    compress: (bytes, level = 3) => withZstd().zstdCompressSync(bytes, { params: { [ZSTD_LEVEL]: level } }),
    decompress: (bytes) => withZstd().zstdDecompressSync(bytes, BOUNDS),
  }
}

/** Compresses as its options say, and decompresses every form that the serializer names. */
export class Compressor {
  /** The bits that the serializer must leave to its compressions. */
  readonly reserved: number
  readonly #all: readonly ItemCompression[]
  readonly #written: ItemCompression | undefined
  readonly #minBytes: number
  readonly #level: number | undefined

  /** Throws `TypeError` or `RangeError` for options that cannot be honoured. */
  constructor(compressions: readonly ItemCompression[], options: ResolvedCompression | undefined) {
    this.#all = compressions
    this.reserved = compressions.reduce((bits, { mask }) => bits | mask, 0) >>> 0
    this.#written = options && chosenFrom(compressions, options)
    this.#minBytes = options === undefined || options.level === 0 ? Infinity : options.minBytes
    this.#level = options?.level
  }

  /** Undefined where the bytes stay as they are: too short, or no smaller afterwards. */
  compress(bytes: Uint8Array): { readonly bytes: Buffer; readonly flags: number } | undefined {
    if (bytes.byteLength < this.#minBytes || this.#written === undefined) return undefined
    const smaller = this.#written.compress?.(bytes, this.#level)
    if (smaller === undefined || smaller.length >= bytes.byteLength) return undefined
    return { bytes: smaller, flags: this.#written.flags }
  }

  /** How an item with these flags is compressed; undefined: it is not. */
  compressionOf(flags: number): ItemCompression | undefined {
    if ((flags & this.reserved) === 0) return undefined
    return this.#all.find((one) => (flags & one.mask) >>> 0 === one.flags)
  }

  /** Throws `E_CORRUPT` where the bytes are not what the flags say. */
  decompress(bytes: Buffer, compression: ItemCompression): Buffer {
    try {
      return compression.decompress(bytes)
    } catch (cause) {
      if (cause instanceof RangeError && cause.message.startsWith('Node ')) throw cause
      throw new StorageError('E_CORRUPT', `the ${compression.name} data is damaged`, { cause })
    }
  }
}

function chosenFrom(
  compressions: readonly ItemCompression[],
  { algorithm, level }: ResolvedCompression,
): ItemCompression {
  const writable = compressions.filter(({ compress }) => compress !== undefined)
  const [first] = writable
  if (first === undefined) {
    throw new TypeError('The serializer has no `compressions`, so `compression` must not be set')
  }
  const chosen = algorithm === undefined ? first : writable.find(({ name }) => name === algorithm)
  if (chosen === undefined) {
    const names = writable.map(({ name }) => `'${name}'`).join(', ')
    throw notAllowed('compression.algorithm', `one of ${names}`, algorithm)
  }
  const { maxLevel = 9 } = chosen
  if (level !== undefined && level > maxLevel)
    throw notAllowed('compression.level', `an integer from 0 to ${maxLevel} for ${chosen.name}`, level)
  if (chosen.name === 'zstd') withZstd()
  return chosen
}

function withZstd(): Zstd {
  const { zstdCompressSync, zstdDecompressSync } = zstd
  if (zstdCompressSync !== undefined && zstdDecompressSync !== undefined)
    return { zstdCompressSync, zstdDecompressSync }
  throw new RangeError(`Node ${process.versions.node} has no zstd: it needs 22.15 or later`)
}
