import { optionTable, resolveOptions, type OptionsOf } from '@larder/storage-core/base'
import type { ServerAddress } from '../server-address.js'
import { hashFunction, hashOption } from './hashes.js'
import { KeyScratch } from './key-scratch.js'
import { createPlacement, distributionOption } from './placement.js'

/** Which key lives on which server. Every process that shares the servers must say the same. */
export const ROUTING_OPTIONS = optionTable({
  /** How hashes become servers. Default: `'ketama_weighted'`. */
  distribution: distributionOption('ketama_weighted'),
  /** The hash of the keys. Default: `'md5'`. */
  hash: hashOption(),
  /**
   * The hash of the points on a circle without weights; default: as `hash`. `'one-at-a-time'` for a pylibmc client that was
   * given its hash after its distribution, which leaves the points as they were.
   */
  pointHash: hashOption(),
})

/** Which key lives on which server. */
export type RoutingOptions = OptionsOf<typeof ROUTING_OPTIONS>

/** The index of the server that a key lives on: for the same options and servers the same in every process. */
export interface Router {
  /** The key must have been checked. Throws only what a hash of the user's own throws. */
  serverOf(key: string): number
  /**
   * The server of a hash that the caller brings, as the first of python-memcached's pairs: an integer from 0 to
   * 2^53 - 1, of which a circle takes the lower 32 bits. Anything else is a `RangeError`.
   */
  serverOfHash(hash: number): number
}

/**
 * For servers that come or go, make another one: that takes less than 0.1 ms a server. Bad options are a `RangeError`
 * or `TypeError`.
 */
export function createRouter(addresses: readonly ServerAddress[], options: RoutingOptions = {}): Router {
  const { distribution, hash = 'md5', pointHash = hash } = resolveOptions('routing', ROUTING_OPTIONS, options)
  const hashKey = hashFunction(hash)
  const place = createPlacement(addresses, distribution, hashFunction(pointHash))
  const isOne = addresses.length === 1
  const scratch = new KeyScratch()
  return {
    serverOf: (key) => (isOne ? 0 : place(hashKey(scratch.bytes, scratch.write(key)))),
    serverOfHash(hash) {
      if (!Number.isSafeInteger(hash) || hash < 0) {
        throw new RangeError(`A hash must be an integer from 0 to 2^53 - 1, not ${String(hash)}`)
      }
      return place(hash)
    },
  }
}
