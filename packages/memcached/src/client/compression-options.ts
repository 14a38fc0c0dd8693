import {
  numberOption,
  optionTable,
  textOption,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'

/** How a `MemcacheClient` compresses values. */
export const COMPRESSION_OPTIONS = optionTable({
  /**
   * Which of the serializer's `compressions` to write: `'zlib'`, `'brotli'` or `'zstd'` with the client's own serializer.
   * Items are read in all of them. Default: the first.
   */
  algorithm: textOption(),
  /** Values from this length on are compressed, and kept so where that made them smaller. Default: 1,024. */
  minBytes: numberOption({ min: 0, isUnlimited: true }, 1024),
  /** 1 to 9 for zlib and gzip, to 11 for brotli (4 if omitted), to 22 for zstd (3 if omitted); 0 turns it off. */
  level: numberOption({ min: 0, max: 22, isInteger: true }),
})

/** How a `MemcacheClient` compresses values. */
export type CompressionOptions = OptionsOf<typeof COMPRESSION_OPTIONS>
export type ResolvedCompression = ResolvedOptions<typeof COMPRESSION_OPTIONS>
