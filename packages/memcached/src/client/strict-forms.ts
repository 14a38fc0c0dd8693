import { StorageError } from '@larder/storage-core/base'
import { isUtf8 } from 'node:buffer'

// Readers of text forms that refuse what `Number`, `BigInt` and `toString` would accept: no error quotes the content.

/** memcached pads a number that became shorter by `decr` with spaces (memcached.c, do_add_delta). */
const INTEGER = /^[+-]?\d+ *$/
const FLOAT = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Infinity|NaN)$/

export function corrupt(what: string): StorageError {
  return new StorageError('E_CORRUPT', what)
}

/** A number where that is exact, else a bigint. */
export function readInteger(bytes: Buffer): number | bigint {
  const value = readBigInt(bytes)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

export function readBigInt(bytes: Buffer): bigint {
  const text = bytes.toString('latin1')
  if (!INTEGER.test(text)) throw corrupt('its bytes are no decimal integer')
  return BigInt(text.trimEnd().replace(/^\+/, ''))
}

export function readFloat(bytes: Buffer): number {
  const text = bytes.toString('latin1')
  if (!FLOAT.test(text)) throw corrupt('its bytes are no decimal number')
  return Number(text)
}

export function readText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw corrupt('its bytes are no UTF-8')
  return bytes.toString()
}

export function readJson(bytes: Buffer): unknown {
  const text = readText(bytes)
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw corrupt('its bytes are no JSON')
  }
}

/** The bytes of a string. A string with a lone surrogate has no UTF-8: a `RangeError`. */
export function textBytes(text: string): Buffer {
  if (!text.isWellFormed()) throw new RangeError('The text contains half a surrogate pair')
  return Buffer.from(text)
}
