import type { Codec } from '../codec.js'
import { StorageError } from '../errors.js'
import { hasLoneSurrogate } from '../lone-surrogate.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A string as UTF-8. A string with half a surrogate pair has no UTF-8 and is refused. */
export const textCodec: Codec<string> = {
  encode(text) {
    if (hasLoneSurrogate(text)) throw new RangeError('The string contains half a surrogate pair')
    return { bytes: Buffer.from(text), flags: 0 }
  },
  decode(bytes) {
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      throw new StorageError('E_CORRUPT', 'The stored bytes are not UTF-8', { cause })
    }
  },
}
