import { MAX_KEY_BYTES } from '../protocol/key.js'
import type { ServerAddress } from '../server-address.js'
import { ketama, serverAt } from './ketama.js'
import { md5Word } from './md5.js'

/** Answers with the index of the server that a key lives on. The same key, the same server, in every process. */
export type Router = (key: string) => number

const scratch = Buffer.alloc(MAX_KEY_BYTES)

/** Consistent hashing: a server more or less moves only its own share of the keys. The key was checked before. */
export function createRouter(addresses: readonly ServerAddress[]): Router {
  if (addresses.length === 1) return () => 0
  const continuum = ketama(addresses)
  return (key) => serverAt(continuum, md5Word(scratch, scratch.write(key)))
}
