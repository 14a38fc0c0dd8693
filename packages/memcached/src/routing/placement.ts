import { choiceOption, type Option } from '@larder/storage-core/base'
import type { ServerAddress } from '../server-address.js'
import { serverAt, type Continuum } from './continuum.js'
import type { HashFunction } from './hashes.js'
import { plainKetama, weightedKetama } from './ketama.js'
import { ketamaLabel, spyLabel } from './labels.js'
import { explained, PYLIBMC_DISTRIBUTIONS } from './pylibmc-names.js'

/**
 * How hashes become servers:
 * - `'ketama_weighted'`: a circle on which servers have points by weight. A server more or less moves only its own
 *   share of the keys.
 * - `'ketama'`: as `'ketama_weighted'` where a server has a weight other than 1. Else a circle with 100 points a server,
 *   made by the hash of the keys.
 * - `'ketama_spy'`: as `'ketama'`, with the names of servers that spymemcached hashes.
 * - `'modula'`: the remainder by the number of servers. A server more or less moves nearly all keys, and weights
 *   mean nothing.
 * - `'buckets'`: python-memcached's way: as `'modula'`, with each server counted as often as its weight says.
 *
 * pylibmc's names mean the same as there: `'consistent'` and `'consistent ketama'` are `'ketama'`,
 * `'consistent ketama spy'` is `'ketama_spy'`, `'consistent weighted'` is `'ketama_weighted'`.
 */
export type Distribution = OwnDistribution | keyof typeof PYLIBMC_DISTRIBUTIONS
type OwnDistribution = 'ketama_weighted' | 'ketama' | 'ketama_spy' | 'modula' | 'buckets'

const DISTRIBUTIONS: readonly Distribution[] = [
  'ketama_weighted',
  'ketama',
  'ketama_spy',
  'modula',
  'buckets',
  ...(Object.keys(PYLIBMC_DISTRIBUTIONS) as (keyof typeof PYLIBMC_DISTRIBUTIONS)[]),
]

export function distributionOption(fallback: Distribution): Option<Distribution, Distribution> {
  return explained(choiceOption(DISTRIBUTIONS, fallback))
}

/** From a hash, an integer that is not negative, to the index of a server. */
export type Placement = (hash: number) => number

/** `pointHash` makes the points of circles without weights. */
export function createPlacement(
  addresses: readonly ServerAddress[],
  distribution: Distribution,
  pointHash: HashFunction,
): Placement {
  const isWeighted = addresses.some(({ weight }) => weight !== 1)
  const circle = (label: typeof ketamaLabel) =>
    isWeighted ? weightedKetama(addresses, label) : plainKetama(addresses, label, pointHash)
  switch (ownName(distribution)) {
    case 'ketama_weighted':
      return around(weightedKetama(addresses, ketamaLabel))
    case 'ketama':
      return around(circle(ketamaLabel))
    case 'ketama_spy':
      return around(circle(spyLabel))
    case 'modula':
      return (hash) => hash % addresses.length
    case 'buckets':
      return buckets(addresses)
  }
}

function ownName(distribution: Distribution): OwnDistribution {
  return isPylibmcName(distribution) ? PYLIBMC_DISTRIBUTIONS[distribution] : distribution
}

function isPylibmcName(name: Distribution): name is keyof typeof PYLIBMC_DISTRIBUTIONS {
  return Object.hasOwn(PYLIBMC_DISTRIBUTIONS, name)
}

function around(continuum: Continuum): Placement {
  return (hash) => serverAt(continuum, hash >>> 0)
}

function buckets(addresses: readonly ServerAddress[]): Placement {
  let total = 0
  // Where the buckets of each server end: weights may be too large for an entry a bucket.
  const ends = addresses.map(({ weight }) => (total += weight))
  return (hash) => {
    const bucket = hash % total
    return ends.findIndex((end) => bucket < end)
  }
}
