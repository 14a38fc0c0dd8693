import { createHash } from 'node:crypto'

/** Makes a key of the arguments of `info()`. Other arguments must give another key, the same the same. */
export type KeyGenerator = (collection: string, resource: string | undefined) => string

const PLAIN = /^[A-Za-z0-9_.-]{1,64}$/

/**
 * The collection's name, then SHA-256 (base64url) over the arguments. The name is there for people who read keys;
 * one that is long or not plain ASCII is left out, since the digest covers it anyway. At most 108 bytes, and
 * always fit for memcached.
 */
export const defaultKeyGenerator: KeyGenerator = (collection, resource) => {
  // The length in front keeps ('ab', 'c') and ('a', 'bc') apart, and the mark a collection from its resources.
  const text = `${collection.length}:${collection}${resource === undefined ? '' : `:${resource}`}`
  const digest = createHash('sha256').update(text).digest('base64url')
  return PLAIN.test(collection) ? `${collection}:${digest}` : digest
}
