import { crc32 } from './crc32.js'
import { md5Word } from './md5.js'

/** 32 bits for the first `length` bytes. Must be the same in every process that shares the servers. */
export type KeyHash = (bytes: Uint8Array, length: number) => number

/** libmemcached's hashes, by the names that pylibmc gives them, but for its `default`. */
export type KeyHashName = 'one-at-a-time' | 'md5' | 'crc' | 'fnv1_32' | 'fnv1a_32'

const FNV_OFFSET = 2166136261
const FNV_PRIME = 16777619

/** Each agrees with libmemcached 1.0.18 bit by bit; see `test/routing/golden`. */
export const keyHashes: Readonly<Record<KeyHashName, KeyHash>> = Object.freeze({
  'one-at-a-time': oneAtATime,
  md5: md5Word,
  // libmemcached keeps 15 bits, too few for a circle: modulo is what it is for.
  crc: (bytes: Uint8Array, length: number) => (crc32(bytes, length) >>> 16) & 0x7fff,
  fnv1_32: fnv1,
  fnv1a_32: fnv1a,
})

/** Bob Jenkins's one-at-a-time, as C with signed characters computes it. */
function oneAtATime(bytes: Uint8Array, length: number): number {
  let hash = 0
  for (let i = 0; i < length; i++) {
    hash = (hash + signed(bytes[i])) | 0
    hash = (hash + (hash << 10)) | 0
    hash ^= hash >>> 6
  }
  hash = (hash + (hash << 3)) | 0
  hash ^= hash >>> 11
  return (hash + (hash << 15)) >>> 0
}

function fnv1(bytes: Uint8Array, length: number): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < length; i++) hash = Math.imul(hash, FNV_PRIME) ^ signed(bytes[i])
  return hash >>> 0
}

function fnv1a(bytes: Uint8Array, length: number): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ signed(bytes[i]), FNV_PRIME)
  return hash >>> 0
}

function signed(byte = 0): number {
  return (byte << 24) >> 24
}
