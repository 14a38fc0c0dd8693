import { createHash } from 'node:crypto'
import type { Config } from './options.js'

/** A command, which is `this` in its callback, as in npm `memcached`. */
export interface Query {
  readonly type: string
  /** With the namespace; for `getMulti` all keys. */
  readonly key?: string | string[]
  readonly value?: unknown
  readonly lifetime?: number
  readonly cas?: string
  readonly number?: number
  readonly slabid?: number
  readonly validate?: readonly Validation[]
  readonly redundancyEnabled?: boolean
  readonly multi?: boolean
  readonly command: string
  readonly callback: unknown
  /** When the command was sent, in milliseconds since 1970. */
  start?: number
  /** Milliseconds from `start` to the answer. */
  execution?: number
}

type Validation = readonly [
  name: 'key' | 'value' | 'lifetime' | 'number' | 'slabid' | 'callback',
  type: Constructor,
]
type Constructor = StringConstructor | NumberConstructor | FunctionConstructor | ArrayConstructor

/** What is checked of the commands that npm `memcached` checks. */
export const VALIDATE = {
  key: [
    ['key', String],
    ['callback', Function],
  ],
  keys: [
    ['key', Array],
    ['callback', Function],
  ],
  touch: [
    ['key', String],
    ['lifetime', Number],
    ['callback', Function],
  ],
  store: [
    ['key', String],
    ['value', String],
    ['lifetime', Number],
    ['callback', Function],
  ],
  count: [
    ['key', String],
    ['value', Number],
    ['callback', Function],
  ],
  dump: [
    ['number', Number],
    ['slabid', Number],
    ['callback', Function],
  ],
} as const satisfies Record<string, readonly Validation[]>

/** The error of a query with bad arguments. A command without a callback is executed all the same. */
export function refusalOf(
  query: Query,
  limits: Pick<Config, 'maxKeySize' | 'keyCompression'>,
): Error | undefined {
  for (const [name, type] of query.validate ?? []) {
    if (name === 'value' && type === String) continue
    const value = query[name]
    if (name === 'callback' && value === undefined) continue
    if (!isOf(type, value)) return new Error(`Argument "${name}" is not a valid ${type.name}.`)
    if (name !== 'key') continue
    for (const key of [value].flat()) {
      const error = keyError(key as string, limits)
      if (error !== undefined) return error
    }
  }
  return undefined
}

/** The key on the wire: MD5 takes the place of one that is too long. */
export function wireKey(key: string, { maxKeySize }: Pick<Config, 'maxKeySize'>): string {
  return key.length > maxKeySize ? createHash('md5').update(key).digest('hex') : key
}

function keyError(
  key: string,
  { maxKeySize, keyCompression }: Pick<Config, 'maxKeySize' | 'keyCompression'>,
) {
  if (key.length > maxKeySize)
    return keyCompression
      ? undefined
      : new Error(`Argument "key" is longer than the maximum allowed length of ${maxKeySize}`)
  return /\s/.test(key) ? new Error('The key should not contain any whitespace or new lines') : undefined
}

function isOf(type: Constructor, value: unknown): boolean {
  if (type === Array) return Array.isArray(value)
  return typeof value === type.name.toLowerCase()
}
