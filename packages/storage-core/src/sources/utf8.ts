import { hasLoneSurrogate } from '../lone-surrogate.js'

/** A chunk as bytes. Throws `TypeError` for what has none, and `RangeError` for a string that has no UTF-8. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return utf8(chunk)
  throw new TypeError('A content stream must yield bytes or strings')
}

/** Throws a `RangeError` for a string that has no UTF-8. */
export function utf8(text: string): Uint8Array {
  // Half a pair would be stored as U+FFFD, and what is read back would not be what was written.
  if (hasLoneSurrogate(text))
    throw new RangeError('The text contains half a surrogate pair, which has no UTF-8')
  return Buffer.from(text)
}
