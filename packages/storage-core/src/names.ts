import { hasLoneSurrogate } from './lone-surrogate.js'

/** The longest names, in bytes of UTF-8. */
export const MAX_COLLECTION_BYTES = 255
/** The longest name of a resource, in bytes of UTF-8. */
export const MAX_RESOURCE_BYTES = 512

/** Throws `TypeError` or `RangeError` unless `name` can be a collection's name in every storage. */
export function checkCollectionName(name: unknown): asserts name is string {
  checkName(name, 'collection', MAX_COLLECTION_BYTES)
}

/** Throws `TypeError` or `RangeError` unless `name` can be a resource's name in every storage. */
export function checkResourceName(name: unknown): asserts name is string {
  checkName(name, 'resource', MAX_RESOURCE_BYTES)
}

/** Throws `TypeError` or `RangeError` unless `name` can be a lock's name: the same names as for resources. */
export function checkLockName(name: unknown): asserts name is string {
  checkName(name, 'lock', MAX_RESOURCE_BYTES)
}

function checkName(name: unknown, what: string, maxBytes: number): asserts name is string {
  if (typeof name !== 'string')
    throw new TypeError(`The ${what} name must be a string, not ${describe(name)}`)
  if (name === '') throw new RangeError(`The ${what} name is empty`)
  // Databases either refuse U+0000 or end the string there; two names would become one.
  if (name.includes('\0')) throw new RangeError(`The ${what} name contains U+0000: ${JSON.stringify(name)}`)
  // A lone surrogate has no UTF-8: each would be stored as U+FFFD and all would collide.
  if (hasLoneSurrogate(name)) {
    throw new RangeError(`The ${what} name contains half a surrogate pair: ${JSON.stringify(name)}`)
  }
  const bytes = Buffer.byteLength(name)
  if (bytes > maxBytes) {
    throw new RangeError(`The ${what} name has ${bytes} bytes of UTF-8; at most ${maxBytes} are allowed`)
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value
}

/** Orders strings by code point, as UTF-8 bytes compare; JavaScript's own `<` goes by UTF-16 units. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above U+FFFF, so they sort behind U+E000 to U+FFFF.
    const xHigh = x >= 0xd800 && x <= 0xdfff
    const yHigh = y >= 0xd800 && y <= 0xdfff
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1
  }
  return a.length - b.length
}

/** `'atom'` and `'.atom'` become `'.atom'`; undefined stays. */
export function normalizeExt(ext: unknown): string | undefined {
  if (ext === undefined) return undefined
  if (typeof ext !== 'string') throw new TypeError(`ext must be a string, not ${describe(ext)}`)
  const dotted = ext.startsWith('.') ? ext : `.${ext}`
  if (dotted === '.') throw new RangeError('ext is empty; leave it out to list everything')
  checkName(dotted, 'ext', MAX_RESOURCE_BYTES)
  return dotted
}
