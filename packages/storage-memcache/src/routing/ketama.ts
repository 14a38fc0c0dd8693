import { addressText, type ServerAddress } from '../server-address.js'
import type { KeyHash } from './hashes.js'
import { md5Words } from './md5.js'

const DIGESTS_PER_SERVER = 40
const PLAIN_POINTS_PER_SERVER = 100
const DEFAULT_PORT = 11211

/** Points of servers on a circle of 32 bits, in ascending order. */
export interface Continuum {
  readonly points: Uint32Array
  /** The index of the server that each point belongs to. */
  readonly servers: Uint32Array
}

interface Point {
  readonly point: number
  readonly server: number
}

/**
 * libmemcached's weighted ketama: the four words of each MD5 digest of `label-i` are points, and a server has as
 * many digests as its share of all weights.
 */
export function weightedContinuum(addresses: readonly ServerAddress[]): Continuum {
  const total = addresses.reduce((sum, address) => sum + address.weight, 0)
  const points = addresses.flatMap((address, server) => {
    // libmemcached computes this in single precision, which decides some roundings.
    const share = Math.fround(Math.fround(address.weight) / Math.fround(total))
    const digests = Math.floor(
      Math.fround(Math.fround(share * DIGESTS_PER_SERVER * addresses.length) + 1e-10),
    )
    const words = labels(address, digests).flatMap((label) => md5Words(Buffer.from(label)))
    return words.map((point) => ({ point, server }))
  })
  return continuumOf(points)
}

/** libmemcached's circle where no server has a weight: 100 points each, by the hash of the keys. */
export function plainContinuum(addresses: readonly ServerAddress[], hash: KeyHash): Continuum {
  const points = addresses.flatMap((address, server) =>
    labels(address, PLAIN_POINTS_PER_SERVER).map((label) => {
      const bytes = Buffer.from(label)
      return { point: hash(bytes, bytes.length) >>> 0, server }
    }),
  )
  return continuumOf(points)
}

/** The server of the first point at or after `hash`, around the circle. */
export function serverAt({ points, servers }: Continuum, hash: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((points[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return servers[low === points.length ? 0 : low] ?? 0
}

function continuumOf(points: Point[]): Continuum {
  points.sort((a, b) => a.point - b.point)
  return {
    points: Uint32Array.from(points, ({ point }) => point),
    servers: Uint32Array.from(points, ({ server }) => server),
  }
}

/** A name leaves the port out where it is memcached's own, and says 0 for a socket. */
function labels(address: ServerAddress, count: number): readonly string[] {
  const name =
    address.path !== undefined
      ? `${address.path}:0`
      : address.port === DEFAULT_PORT
        ? address.host
        : addressText(address)
  return Array.from({ length: count }, (_, i) => `${name}-${i}`)
}
