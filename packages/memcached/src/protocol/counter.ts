const MAX_UINT64 = 0xffff_ffff_ffff_ffffn

/** Refuses with a `RangeError` what does not fit memcached's 64 bits. */
export function checkCounter(value: bigint, what: string): bigint {
  if (typeof value !== 'bigint') throw new TypeError(`${what} must be a bigint`)
  if (value < 0n || value > MAX_UINT64)
    throw new RangeError(`${what} must be within 0 and 2^64 - 1, not ${value}`)
  return value
}

/** memcached's sums (protocol.txt, "Increment/Decrement"): around at 2^64, and never below 0. */
export function addToCounter(value: bigint, delta: bigint): bigint {
  const sum = value + delta
  return sum < 0n ? 0n : sum & MAX_UINT64
}
