import type { Codec } from '../codec.js'
import { StorageError } from '../errors.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Anything that JSON can say, readable by other languages. What it cannot say as a whole (undefined, functions,
 * bigint, cycles) is a `TypeError`.
 */
export function jsonCodec<T = unknown>(): Codec<T> {
  return {
    encode(value) {
      const json = JSON.stringify(value) as string | undefined
      if (json === undefined) throw new TypeError(`JSON has no form for a value of type ${typeof value}`)
      return { bytes: Buffer.from(json), flags: 0 }
    },
    decode(bytes) {
      try {
        return JSON.parse(decoder.decode(bytes)) as T
      } catch (cause) {
        throw new StorageError('E_CORRUPT', 'The stored bytes are not JSON', { cause })
      }
    },
  }
}
