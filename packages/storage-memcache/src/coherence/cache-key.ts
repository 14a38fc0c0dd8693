import { createHash } from 'node:crypto'

/** memcached's limit for a key, in bytes. */
const MAX_KEY_BYTES = 250
/** What the suffixes of this library need at most: part, body id and chunk number. */
const SUFFIX_BYTES = 40

const CLEAN = /^[\x21-\x7e]+$/

/**
 * The cache's key for what a key generator made: as it is where memcached can take it with every suffix, else its
 * SHA-256. A generated key that begins with the mark of the hashed ones is hashed too, so that none can pose as one.
 */
export function cacheKey(namespace: string, generated: string): string {
  const room = MAX_KEY_BYTES - SUFFIX_BYTES - namespace.length
  const asItIs = generated.length <= room && CLEAN.test(generated) && !generated.startsWith('#')
  return namespace + (asItIs ? generated : `#${createHash('sha256').update(generated).digest('base64url')}`)
}
