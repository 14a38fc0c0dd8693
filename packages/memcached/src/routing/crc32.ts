/** The polynomial of zlib and Ethernet, lowest bit first. */
const POLYNOMIAL = 0xedb88320

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1
  return rest >>> 0
})

/** CRC-32 of the first `length` bytes. Node's own came only with 20.15 and reads no shorter part of a buffer. */
export function crc32(bytes: Uint8Array, length: number): number {
  let rest = 0xffff_ffff
  for (let i = 0; i < length; i++) rest = (table[(rest ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (rest >>> 8)
  return ~rest >>> 0
}
