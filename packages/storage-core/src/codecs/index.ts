/** Values to bytes and back. */

export { bytesCodec } from './bytes.js'
export { COMPRESSED_CODEC_OPTIONS, compressedCodec, type CompressionOptions } from './compressed.js'
export { jsonCodec } from './json.js'
export { textCodec } from './text.js'
