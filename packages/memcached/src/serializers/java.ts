/** `value` in big-endian two's complement of 8 bytes, without leading zero bytes: spymemcached's TranscoderUtils. */
export function packedLong(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return packed(bytes)
}

/** The same of 4 bytes. */
export function packedInt(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return packed(bytes)
}

/** The bits of a double, as `packedLong` would write them. */
export function packedDouble(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return packed(bytes)
}

/** `bytes` with the leading zero bytes back; undefined where there are more than `length`. */
export function unpacked(bytes: Buffer, length: number): Buffer | undefined {
  if (bytes.length > length) return undefined
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes])
}

function packed(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? Buffer.alloc(0) : bytes.subarray(first)
}
