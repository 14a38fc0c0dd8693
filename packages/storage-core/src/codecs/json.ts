import type { JsonCodec } from '../codec.js'
import { StorageError } from '../errors.js'
import { toJsonText } from '../json-text.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * JSON, readable by other languages. `encode` throws a `TypeError` with the path of the first thing that JSON cannot
 * carry, at any depth: see `toJsonText`. `decode` throws `E_CORRUPT`, and no error repeats the content.
 */
export function jsonCodec<T = unknown>(): JsonCodec<T> {
  return {
    format: 'json',
    encode(value) {
      return { bytes: Buffer.from(toJsonText(value)), flags: 0 }
    },
    decode(bytes) {
      try {
        return JSON.parse(decoder.decode(bytes)) as T
      } catch {
        // The cause would quote the content.
        throw new StorageError('E_CORRUPT', 'The stored bytes are not JSON')
      }
    },
  }
}
