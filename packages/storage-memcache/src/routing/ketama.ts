import { addressText, type ServerAddress } from '../server-address.js'
import { md5Words } from './md5.js'

const DIGESTS_PER_SERVER = 40
const POINTS_PER_DIGEST = 4
const DEFAULT_PORT = 11211

/** Points of servers on a circle of 32 bits, in ascending order. */
export interface Continuum {
  readonly points: Uint32Array
  /** The index of the server that each point belongs to. */
  readonly servers: Uint32Array
}

/**
 * libmemcached's weighted ketama: four points from each MD5 digest of `label-i`, as many digests a server as its
 * share of all weights. A label leaves the port out where it is 11211.
 */
export function ketama(addresses: readonly ServerAddress[]): Continuum {
  const total = addresses.reduce((sum, address) => sum + address.weight, 0)
  const pairs = addresses.flatMap((address, server) => {
    // libmemcached computes this in single precision, which decides some roundings.
    const share = Math.fround(Math.fround(address.weight) / Math.fround(total))
    const digests = Math.floor(
      Math.fround(Math.fround(share * DIGESTS_PER_SERVER * addresses.length) + 1e-10),
    )
    return Array.from({ length: digests }, (_, i) => md5Words(Buffer.from(`${label(address)}-${i}`))).flatMap(
      (words) => words.slice(0, POINTS_PER_DIGEST).map((point) => ({ point, server })),
    )
  })
  pairs.sort((a, b) => a.point - b.point)
  return {
    points: Uint32Array.from(pairs, ({ point }) => point),
    servers: Uint32Array.from(pairs, ({ server }) => server),
  }
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

function label(address: ServerAddress): string {
  if (address.path !== undefined) return `${address.path}:0`
  return address.port === DEFAULT_PORT ? address.host : addressText(address)
}
