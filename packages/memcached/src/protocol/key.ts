/** memcached's limit on a key, in bytes (KEY_MAX_LENGTH in its protocol.txt). */
export const MAX_KEY_BYTES = 250

/**
 * Answers with the key's length in bytes of UTF-8.
 *
 * Refuses with a `RangeError` what memcached would misread: an empty key, more than 250 bytes (a text server
 * answers such a command with two lines, so that every later reply is off by one), the bytes 0x00 to 0x20 and
 * 0x7f (a line break in a key is a command of its own). A lone surrogate is refused because it encodes to the
 * same bytes as any other, so that two keys would be one.
 */
export function keyBytes(key: string): number {
  if (typeof key !== 'string') throw new TypeError(`A key must be a string, not ${typeof key}`)
  const length = key.length
  if (length === 0) throw new RangeError('A key must not be empty')
  let bytes = length
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i)
    if (code > 0x20 && code < 0x7f) continue
    if (code <= 0x7f)
      throw new RangeError(`The key ${JSON.stringify(key)} contains a space or control character`)
    if (code < 0x800) bytes += 1
    else if (code < 0xd800 || code > 0xdfff) bytes += 2
    else {
      if (code > 0xdbff || (key.charCodeAt(i + 1) & 0xfc00) !== 0xdc00) {
        throw new RangeError(`The key ${JSON.stringify(key)} contains a lone surrogate`)
      }
      // Two code units, four bytes.
      bytes += 2
      i++
    }
  }
  if (bytes > MAX_KEY_BYTES) {
    throw new RangeError(`A key may have ${MAX_KEY_BYTES} bytes, and ${JSON.stringify(key)} has ${bytes}`)
  }
  return bytes
}
