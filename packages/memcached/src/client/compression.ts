import type { NamesOf } from '@larder/storage-core/base'
import * as zlib from 'node:zlib'
import { CompressionFlag } from './value-flags.js'

/** zlib is what other clients read; brotli is smaller; zstd is fastest, and there from Node 22.15 on. */
export type CompressionAlgorithm = 'zlib' | 'brotli' | 'zstd'

/** How a `MemcacheClient` compresses values. */
export interface CompressionOptions {
  /** Default: `'zlib'`. What is read may be any of them, whatever is written. */
  readonly algorithm?: CompressionAlgorithm
  /** Values from this length on are compressed, and kept so where that made them smaller. */
  readonly minBytes: number
  /** 1 to 9 for zlib, to 11 for brotli (default 4), to 22 for zstd (default 3); 0 turns it off. */
  readonly level?: number
}

/** The names of the options of compression, for `checkOptionNames`. */
export const COMPRESSION_NAMES: NamesOf<CompressionOptions> = Object.freeze({
  algorithm: true,
  minBytes: true,
  level: true,
})

/** A bound on what a small item may grow to when it is read. */
const MAX_INFLATED_BYTES = 256 * 1024 * 1024
const BOUNDS = { maxOutputLength: MAX_INFLATED_BYTES }

/** What zlib has of zstd, where it has any; the types that we build with are those of an older Node. */
interface Zstd {
  zstdCompressSync(bytes: Uint8Array, options: { params: Record<number, number> }): Buffer
  zstdDecompressSync(bytes: Uint8Array, options: typeof BOUNDS): Buffer
}
const zstd = zlib as unknown as Partial<Zstd>
/** zlib.constants.ZSTD_c_compressionLevel */
const ZSTD_LEVEL = 100

interface Codec {
  readonly flag: number
  readonly maxLevel: number
  compress(bytes: Uint8Array, level: number | undefined): Buffer
  decompress(bytes: Uint8Array): Buffer
}

const CODECS: Readonly<Record<CompressionAlgorithm, Codec>> = {
  zlib: {
    flag: CompressionFlag.zlib,
    maxLevel: 9,
    compress: (bytes, level) => zlib.deflateSync(bytes, level === undefined ? {} : { level }),
    decompress: (bytes) => zlib.inflateSync(bytes, BOUNDS),
  },
  brotli: {
    flag: CompressionFlag.brotli,
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
  },
  zstd: {
    flag: CompressionFlag.zstd,
    maxLevel: 22,
    compress: (bytes, level = 3) => withZstd().zstdCompressSync(bytes, { params: { [ZSTD_LEVEL]: level } }),
    decompress: (bytes) => withZstd().zstdDecompressSync(bytes, BOUNDS),
  },
}
const ALL_FLAGS = Object.values(CODECS).reduce((flags, { flag }) => flags | flag, 0)

/** Compresses as its options say, and decompresses whatever a client of ours may have written. */
export class Compressor {
  readonly #codec: Codec
  readonly #minBytes: number
  readonly #level: number | undefined

  /** What cannot be honoured is a `RangeError`. */
  constructor(options: CompressionOptions | undefined) {
    const { algorithm = 'zlib', minBytes = Infinity, level } = options ?? {}
    if (!Object.hasOwn(CODECS, algorithm)) throw new RangeError(`There is no compression ${algorithm}`)
    this.#codec = CODECS[algorithm]
    const { maxLevel } = this.#codec
    if (level !== undefined && !(Number.isInteger(level) && level >= 0 && level <= maxLevel)) {
      throw new RangeError(`The compression level must be within 0 and ${maxLevel}, not ${String(level)}`)
    }
    if (!(minBytes >= 0)) throw new RangeError('minBytes must be 0 or more')
    if (algorithm === 'zstd') withZstd()
    this.#minBytes = level === 0 ? Infinity : minBytes
    this.#level = level
  }

  /** Undefined where the bytes are to stay as they are: too short, or no smaller afterwards. */
  compress(bytes: Uint8Array): { readonly bytes: Buffer; readonly flag: number } | undefined {
    if (bytes.byteLength < this.#minBytes) return undefined
    const smaller = this.#codec.compress(bytes, this.#level)
    return smaller.length < bytes.byteLength ? { bytes: smaller, flag: this.#codec.flag } : undefined
  }

  /** Throws where the bytes are not what the flags say. */
  decompress(bytes: Buffer, flags: number): Buffer {
    const compressed = flags & ALL_FLAGS
    if (compressed === 0) return bytes
    const codec = Object.values(CODECS).find(({ flag }) => flag === compressed)
    if (codec === undefined) throw new Error(`The flags ${flags} name two compressions`)
    return codec.decompress(bytes)
  }
}

function withZstd(): Zstd {
  const { zstdCompressSync, zstdDecompressSync } = zstd
  if (zstdCompressSync !== undefined && zstdDecompressSync !== undefined)
    return { zstdCompressSync, zstdDecompressSync }
  throw new RangeError(`Node ${process.versions.node} has no zstd: it needs 22.15 or later`)
}
