import { MAX_KEY_BYTES } from './key.js'

/** memcached's limit for an item with everything that belongs to it, unless started with `-I`. */
export const DEFAULT_SERVER_ITEM_LIMIT_BYTES = 1024 * 1024

/** The largest `-I` that memcached takes (items of 1 GiB). */
export const MAX_SERVER_ITEM_LIMIT_BYTES = 1024 * 1024 * 1024

/**
 * The item's header, its CAS, client flags, the NUL behind the key and the line break behind the value, as
 * measured on 1.6.18 over a raw socket: with 1 MiB, a value of 1,048,263 bytes fits under a key of 250.
 */
const ITEM_OVERHEAD_BYTES = 48 + 8 + 4 + 1 + 2

/** The largest value that fits under a 250-byte key, where the server was started with that item limit. */
export function maxItemBytesFor(serverItemLimitBytes: number): number {
  return serverItemLimitBytes - ITEM_OVERHEAD_BYTES - MAX_KEY_BYTES
}

/** Refuses a value that would not fit with a `RangeError`: memcached deletes the old item where a store is too large. */
export function checkValue(value: Uint8Array, maxItemBytes: number): void {
  if (!(value instanceof Uint8Array)) throw new TypeError('A value must be a Uint8Array')
  if (value.byteLength > maxItemBytes) {
    throw new RangeError(`A value may have ${maxItemBytes} bytes, and this one has ${value.byteLength}`)
  }
}

/** Client flags as memcached keeps them; more than 32 bits would silently become 0 on the server. */
export function checkFlags(flags: number | undefined): number {
  if (flags === undefined) return 0
  if (!Number.isInteger(flags) || flags < 0 || flags > 0xffff_ffff) {
    throw new RangeError(`Flags must be an integer of 32 bits, not ${String(flags)}`)
  }
  return flags
}
