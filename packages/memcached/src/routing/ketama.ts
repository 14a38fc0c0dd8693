import type { ServerAddress } from '../server-address.js'
import { ContinuumBuilder, type Continuum } from './continuum.js'
import type { HashFunction } from './hashes.js'
import { md5Words } from './md5.js'

/** libmemcached's MEMCACHED_POINTS_PER_SERVER and MEMCACHED_POINTS_PER_SERVER_KETAMA. */
const POINTS_PER_SERVER = 100
const WEIGHTED_POINTS_PER_SERVER = 160
const POINTS_PER_DIGEST = 4

type Label = (address: ServerAddress) => string

/** libmemcached's circle without weights: the points of a server are the hashes of `label-0` to `label-99`. */
export function plainKetama(
  addresses: readonly ServerAddress[],
  labelOf: Label,
  hash: HashFunction,
): Continuum {
  const builder = new ContinuumBuilder()
  for (const [server, address] of addresses.entries()) {
    const label = labelOf(address)
    for (let i = 0; i < POINTS_PER_SERVER; i++) {
      const bytes = Buffer.from(`${label}-${i}`)
      builder.add(hash(bytes, bytes.length), server)
    }
  }
  return builder.build()
}

/**
 * libmemcached's weighted circle: the four words of each MD5 digest of `label-i` are points of a server, which has
 * as many digests as its share of all weights. One with a very small share has none, and so no keys.
 */
export function weightedKetama(addresses: readonly ServerAddress[], labelOf: Label): Continuum {
  const total = addresses.reduce((sum, { weight }) => sum + weight, 0)
  const builder = new ContinuumBuilder()
  for (const [server, address] of addresses.entries()) {
    const label = labelOf(address)
    const digests = digestsOf(address.weight, total, addresses.length)
    for (let i = 0; i < digests; i++) {
      const bytes = Buffer.from(`${label}-${i}`)
      for (const point of md5Words(bytes, bytes.length)) builder.add(point, server)
    }
  }
  return builder.build()
}

/** Step for step in single precision as in libmemcached, which decides some roundings. */
function digestsOf(weight: number, total: number, servers: number): number {
  const share = Math.fround(Math.fround(weight) / Math.fround(total))
  const ofOne = Math.fround(Math.fround(share * WEIGHTED_POINTS_PER_SERVER) / POINTS_PER_DIGEST)
  return Math.floor(Math.fround(Math.fround(ofOne * servers) + 1e-10))
}
