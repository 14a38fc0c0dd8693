import { MAX_KEY_BYTES } from '../protocol/index.js'

/** The bytes of one key at a time, in memory that is used again. */
export class KeyScratch {
  readonly bytes = Buffer.alloc(MAX_KEY_BYTES)

  /** Answers with the key's length in bytes of UTF-8. A loop is faster than the call for keys of usual length. */
  write(key: string): number {
    const { bytes } = this
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i)
      if (code > 0x7f) return bytes.write(key)
      bytes[i] = code
    }
    return key.length
  }
}
