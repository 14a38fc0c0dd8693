import { toJsonText } from '@larder/storage-core/base'
import { corrupt, readFloat, readJson, readText, textBytes, type ValueSerializer } from '../client/index.js'

/** The flags in memcached 2.2.2 of npm, lib/memcached.js: FLAG_JSON, FLAG_BINARY, FLAG_NUMERIC. */
const Flag = Object.freeze({ text: 0, json: 1 << 1, binary: 1 << 2, numeric: 1 << 3 })

/** Values as the package `memcached` of npm writes and reads them. It does not compress. */
export function npmMemcachedSerializer(): ValueSerializer {
  return {
    serialize,
    deserialize,
    counterFlags: Flag.numeric,
    canAppend: (flags) => flags !== Flag.json && flags !== Flag.numeric,
  }
}

function serialize(value: unknown) {
  if (typeof value === 'string') return { bytes: textBytes(escaped(value)), flags: Flag.text }
  if (value instanceof Uint8Array) return { bytes: spread(value), flags: Flag.binary }
  if (typeof value === 'number') return { bytes: Buffer.from(String(value)), flags: Flag.numeric }
  return { bytes: Buffer.from(toJsonText(value)), flags: Flag.json }
}

function deserialize(bytes: Buffer, flags: number): unknown {
  switch (flags) {
    case Flag.text:
      return unescaped(readText(bytes))
    case Flag.json:
      return readJson(bytes)
    case Flag.binary:
      return Buffer.from(unescaped(readText(bytes)), 'latin1')
    case Flag.numeric:
      return readFloat(trimmed(bytes))
    default:
      throw corrupt(`the package memcached of npm has no type with the flags ${flags}`)
  }
}

/** That package writes each byte as the character of that number, in UTF-8. */
function spread(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  return Buffer.from(escaped(text))
}

/** That package writes a backslash before each line break, and removes it when it reads (lib/utils.js, escapeValue). */
function escaped(text: string): string {
  return text.replace(/[\r\n]/g, '\\$&')
}

function unescaped(text: string): string {
  return text.replace(/\\([\r\n])/g, '$1')
}

/** Without the spaces that memcached puts behind a number that became shorter. */
function trimmed(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0x20) end--
  return bytes.subarray(0, end)
}
