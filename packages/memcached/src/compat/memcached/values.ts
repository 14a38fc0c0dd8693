import type { CacheItem } from '../../cache.js'
import { npmMemcachedSerializer } from '../../serializers/index.js'
import type { SerializedValue } from '../../client/index.js'

const serializer = npmMemcachedSerializer()
const JSON_FLAG = 2
/** Every other item is text to npm `memcached`. */
const KNOWN_FLAGS: readonly number[] = [0, JSON_FLAG, 4, 8]

/**
 * The bytes and flags of a value. Objects become what `JSON.stringify` makes of them, as in npm `memcached`. A value
 * that has no JSON, as `undefined`, is a `TypeError`.
 */
export function encodeValue(value: unknown): SerializedValue {
  if (typeof value === 'string' || typeof value === 'number' || value instanceof Uint8Array)
    return serializer.serialize(value)
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined) throw new TypeError(`A value of type ${typeof value} cannot be stored`)
  return { bytes: Buffer.from(json), flags: JSON_FLAG }
}

/** The value of an item. Throws `E_CORRUPT` for what is not of the type that its flags name. */
export function decodeItem({ value, flags }: CacheItem): unknown {
  if (value.length === 0 && flags === 8) return 0
  return serializer.deserialize(value, KNOWN_FLAGS.includes(flags) ? flags : 0)
}
