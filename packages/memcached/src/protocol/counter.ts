import { notAllowed, wrongType } from '@larder/storage-core/base'

const MAX_UINT64 = 0xffff_ffff_ffff_ffffn

/** Refuses with a `RangeError` what does not fit memcached's 64 bits. */
export function checkCounter(value: bigint, what: string): bigint {
  if (typeof value !== 'bigint') throw wrongType(what, 'a bigint', value)
  if (value < 0n || value > MAX_UINT64) throw notAllowed(what, 'from 0 to 2^64 - 1', value)
  return value
}

/** Refuses a step that does not fit memcached's 64 bits in either direction. */
export function checkDelta(delta: bigint): void {
  if (typeof delta !== 'bigint') throw wrongType('delta', 'a bigint', delta)
  checkCounter(delta < 0n ? -delta : delta, 'delta')
}

/** memcached's sums (protocol.txt, "Increment/Decrement"): around at 2^64, and never below 0. */
export function addToCounter(value: bigint, delta: bigint): bigint {
  const sum = value + delta
  return sum < 0n ? 0n : sum & MAX_UINT64
}
