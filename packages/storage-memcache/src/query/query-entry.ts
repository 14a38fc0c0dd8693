import type { CacheItem } from '@larder/memcached'
import type { SplitBody } from '../coherence/index.js'

/**
 * How a result is written down. A JSON value makes one JSON text as a whole, `{"value":…}`, stored with the flags 0,
 * so that any client of any language can read it; a line break parts what is said of the value from the value.
 */
export interface QueryEntry {
  /** What the entry was made under; see `Stamps`. */
  readonly stamps?: readonly string[] | undefined
  /** Until when it is fresh, in milliseconds since 1970; for ever where it does not say. */
  readonly freshUntil?: number | undefined
  /** The loader brought `undefined`. */
  readonly nothing?: true | undefined
  /** Flags of the codec, where they are not 0. */
  readonly flags?: number | undefined
  /** Where the bytes are, when they are too many for one item. */
  readonly split?: SplitBody | undefined
}

/** Items of clients in other languages have the flags 0 too: a lease is told apart by a signature. */
export const LEASE_FLAGS = 0x4c44_5120
export const VALUE_FLAGS = 0

const LINE_BREAK = 10
const OPEN = '"value":\n'
const CLOSE = '}'
const PLAIN = Buffer.from(`{${OPEN}`)
const NO_DETAILS: QueryEntry = Object.freeze({})

/** The bytes of the item. */
export function encodeEntry(entry: QueryEntry, value: Uint8Array): Buffer {
  const details = JSON.stringify(entry)
  const start = details === '{}' ? PLAIN : Buffer.from(`${details.slice(0, -1)},${OPEN}`)
  const bytes = Buffer.allocUnsafe(start.length + value.length + CLOSE.length)
  bytes.set(start)
  bytes.set(value, start.length)
  bytes.write(CLOSE, start.length + value.length, 'latin1')
  return bytes
}

/** Undefined for what this library did not write. The value is a view of the item's bytes. */
export function decodeEntry({ value: bytes }: CacheItem): { entry: QueryEntry; value: Buffer } | undefined {
  const end = bytes.indexOf(LINE_BREAK) + 1
  if (end === 0 || bytes.length <= end) return undefined
  const value = bytes.subarray(end, -CLOSE.length)
  if (end === PLAIN.length)
    return bytes.compare(PLAIN, 0, end, 0, end) === 0 ? { entry: NO_DETAILS, value } : undefined
  const details = bytes.toString('latin1', 0, end)
  if (!details.startsWith('{') || !details.endsWith(`,${OPEN}`)) return undefined
  try {
    return { entry: JSON.parse(`${details.slice(0, -OPEN.length - 1)}}`) as QueryEntry, value }
  } catch {
    return undefined
  }
}
