import { describeValue, wrongType } from '@larder/storage-core/base'
import { createHash } from 'node:crypto'
import { keyBytes } from '../protocol/index.js'

/**
 * A key as users write it. Of a pair the second is the key; the first chooses the server, a number as the hash
 * itself (as in python-memcached), text as a key would. What was stored under a pair is found under the same pair.
 */
export type ClientKey = string | Uint8Array | readonly [hash: string | number, key: string | Uint8Array]

/** `'refuse'`: a `RangeError`. `'hash'`: SHA-256 of prefix and key together takes the place of both. */
export type InvalidKeys = 'refuse' | 'hash'

const EXPECTED = 'text, bytes, or a pair of a hash and one of those'
const HASHED_PREFIX = 'sha256:'
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The key on the wire. What does not fit there (too long, spaces, control characters, bytes that are no UTF-8)
 * is refused or hashed.
 */
export function wireKeyText(key: ClientKey, prefix: string, invalid: InvalidKeys): string {
  const own = plainKey(key)
  if (own.length === 0) throw new RangeError('`key` must not be empty')
  try {
    const text = joined(prefix, typeof own === 'string' ? own : decode(own))
    keyBytes(text)
    return text
  } catch (error) {
    if (invalid === 'refuse') throw error
    const hash = createHash('sha256').update(prefix)
    // Text and bytes are the same key where they are the same bytes.
    return HASHED_PREFIX + hash.update(typeof own === 'string' ? Buffer.from(own) : own).digest('hex')
  }
}

/** What chooses the server in place of the key: the first of a pair. */
export function routeOf(key: ClientKey): string | number | undefined {
  if (!Array.isArray(key)) return undefined
  const [hash] = key as readonly unknown[]
  if (key.length !== 2) throw wrongType('key', EXPECTED, key)
  if (typeof hash === 'string') return hash
  if (typeof hash !== 'number') throw wrongType('key[0]', 'text or a number', hash)
  if (Number.isSafeInteger(hash) && hash >= 0) return hash
  throw new RangeError(`\`key[0]\` must be an integer from 0 to 2^53 - 1, got ${describeValue(hash)}`)
}

function plainKey(key: ClientKey): string | Uint8Array {
  const own = Array.isArray(key) ? (key as readonly unknown[])[1] : key
  if (typeof own === 'string' || own instanceof Uint8Array) return own
  throw wrongType('key', EXPECTED, own)
}

/** What `+` makes of two strings is put together when it is first read, which takes twice as long. */
function joined(prefix: string, own: string): string {
  return prefix === '' ? own : [prefix, own].join('')
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new RangeError('A key of bytes must be UTF-8', { cause })
  }
}
