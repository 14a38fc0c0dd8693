import type { Codec } from '../codec.js'

/** Bytes as they are, uncopied. */
export const bytesCodec: Codec<Uint8Array> = {
  encode: (bytes) => ({ bytes, flags: 0 }),
  decode: (bytes) => bytes,
}
