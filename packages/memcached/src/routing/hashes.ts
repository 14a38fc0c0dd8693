import { choiceOption, type Option } from '@larder/storage-core/base'
import { adler32 } from './adler32.js'
import { crc32 } from './crc32.js'
import { fnv1ax32, fnv1ax64, fnv1x32, fnv1x64 } from './fnv.js'
import { lookup3 } from './jenkins.js'
import { md5Word } from './md5.js'
import { murmur2 } from './murmur.js'
import { oneAtATime } from './one-at-a-time.js'
import { explained, PYLIBMC_HASHES } from './pylibmc-names.js'

/**
 * The hashes that other clients know. By pylibmc's names for those of libmemcached: `'default'`, which is
 * `'one-at-a-time'`, `'md5'`, `'crc'`, `'fnv1_32'`, `'fnv1a_32'`, `'fnv1_64'`, `'fnv1a_64'`, `'jenkins'`, `'murmur'`.
 * python-memcached's `serverHashFunction`: `'cmemcache'` (its default), `'crc32'`, `'adler32'`.
 * `crc` and `cmemcache` have 15 bits, too few for a circle. FNV makes points that lie together: with `'ketama'` and
 * fnv1_64, one of three servers had 97 % of the keys, here as in libmemcached.
 */
export type KeyHashName = keyof typeof hashFunctions | keyof typeof PYLIBMC_HASHES

/**
 * A hash of the user's own: an unsigned integer of 32 bits for the bytes of a key, the same in every process that
 * shares the servers. The bytes are lent for the call; another answer is a `RangeError` of the command.
 */
export type KeyHash = (key: Uint8Array) => number

/** The first `length` of `bytes` as an unsigned integer of 32 bits. Nothing is allocated. */
export type HashFunction = (bytes: Uint8Array, length: number) => number

/** Each was compared with the client it comes from, key for key: see `test/routing/golden`. */
const hashFunctions = Object.freeze({
  'one-at-a-time': oneAtATime,
  md5: md5Word,
  crc: upperCrc,
  fnv1_32: fnv1x32,
  fnv1a_32: fnv1ax32,
  fnv1_64: fnv1x64,
  fnv1a_64: fnv1ax64,
  jenkins: lookup3,
  murmur: murmur2,
  cmemcache: (bytes: Uint8Array, length: number) => upperCrc(bytes, length) || 1,
  crc32,
  adler32,
})

/** The name of a hash, or a function. */
export function hashOption(): Option<KeyHashName | KeyHash> {
  return explained({
    takes: `${HASH_NAME.takes}, or a function`,
    fallback: undefined,
    check: (value, name) => (typeof value === 'function' ? (value as KeyHash) : HASH_NAME.check(value, name)),
  })
}

const HASH_NAME = choiceOption(
  [...Object.keys(hashFunctions), ...Object.keys(PYLIBMC_HASHES)] as KeyHashName[],
  'md5',
)

export function hashFunction(hash: KeyHashName | KeyHash): HashFunction {
  if (typeof hash === 'function') return checked(hash)
  return hashFunctions[hash === 'default' ? PYLIBMC_HASHES.default : hash]
}

function checked(hash: KeyHash): HashFunction {
  return (bytes, length) => {
    const value = hash(bytes.subarray(0, length))
    if (typeof value === 'number' && value >>> 0 === value) return value
    throw new RangeError(`A hash must be an unsigned integer of 32 bits, not ${String(value)}`)
  }
}

function upperCrc(bytes: Uint8Array, length: number): number {
  return (crc32(bytes, length) >>> 16) & 0x7fff
}
