import { MAX_KEY_BYTES } from '../protocol/key.js'
import type { ServerAddress } from '../server-address.js'
import { keyHashes, type KeyHash, type KeyHashName } from './hashes.js'
import { plainContinuum, serverAt, weightedContinuum } from './ketama.js'

/** Answers with the index of the server that a key lives on. The same key, the same server, in every process. */
export type Router = (key: string) => number

export interface RoutingOptions {
  /** Of the keys. Default: MD5. */
  readonly hash?: KeyHashName | KeyHash
  /**
   * `'ketama'`, the default: consistent, so that a server more or less moves only its own share of the keys, and
   * by weight; libmemcached's `ketama_weighted` where the hash is MD5. `'consistent'`: libmemcached's distribution
   * of that name, whose points are made by the hash of the keys unless a server has a weight. `'modulo'`: a
   * server more or less moves nearly all keys; weights mean nothing.
   */
  readonly distribution?: 'ketama' | 'consistent' | 'modulo'
}

const scratch = Buffer.alloc(MAX_KEY_BYTES)

/** Keys must have been checked. Refuses a hash or distribution that there is not with a `RangeError`. */
export function createRouter(addresses: readonly ServerAddress[], options: RoutingOptions = {}): Router {
  const { distribution = 'ketama' } = options
  const hash = hashOf(options.hash ?? 'md5')
  const hashKey = (key: string) => hash(scratch, scratch.write(key)) >>> 0
  if (!['ketama', 'consistent', 'modulo'].includes(distribution)) {
    throw new RangeError(`There is no distribution ${distribution}`)
  }
  if (addresses.length === 1) return () => 0
  if (distribution === 'modulo') return (key) => hashKey(key) % addresses.length
  const isWeighted = distribution === 'ketama' || addresses.some(({ weight }) => weight !== 1)
  const continuum = isWeighted ? weightedContinuum(addresses) : plainContinuum(addresses, hash)
  return (key) => serverAt(continuum, hashKey(key))
}

function hashOf(hash: KeyHashName | KeyHash): KeyHash {
  if (typeof hash === 'function') return hash
  const named = Object.hasOwn(keyHashes, hash) ? keyHashes[hash] : undefined
  if (named === undefined) throw new RangeError(`There is no hash ${hash}`)
  return named
}
