import { cacheKey } from '../proxy/cache-key.js'
import type { EntryAddress } from './fenced-entries.js'

/** What `invalidate` takes: a key, or what is tagged so, or what begins so. */
export type InvalidationTarget =
  | string
  | { readonly key: string }
  | { readonly tag: string }
  /** Must end with the `prefixSeparator`. */
  | { readonly prefix: string }

/** Where entries and stamps are. Keys that memcached cannot take are replaced by their SHA-256. */
export class QueryKeys {
  readonly #namespace: string
  readonly #separator: string | false
  readonly #clearable: boolean

  constructor(namespace: string, separator: string | false, clearable: boolean) {
    this.#namespace = namespace
    this.#separator = separator
    this.#clearable = clearable
  }

  /** Throws `TypeError` for what is no key or no tag. */
  address(key: string, tags: readonly string[] = NO_TAGS): EntryAddress {
    if (typeof key !== 'string' || key === '')
      throw new TypeError('A key must be a string of at least one character')
    if (
      tags.length === 0 &&
      !this.#clearable &&
      (this.#separator === false || !key.includes(this.#separator))
    )
      return new Address(this.#namespace, key, NO_KEYS)
    const stampKeys: string[] = []
    if (this.#clearable) stampKeys.push(this.clearKey())
    if (this.#separator !== false) {
      const separator = this.#separator
      for (
        let end = key.indexOf(separator);
        end !== -1;
        end = key.indexOf(separator, end + separator.length)
      ) {
        stampKeys.push(this.#stampKey('p', key.slice(0, end + separator.length)))
      }
    }
    // A string is a list of its characters, and would be void by none of the names that are meant.
    if (!Array.isArray(tags)) throw new TypeError('tags must be a list')
    for (const tag of tags as readonly string[]) stampKeys.push(this.#tagKey(tag))
    return new Address(this.#namespace, key, stampKeys)
  }

  clearKey(): string {
    return `${this.#namespace}#all`
  }

  /** What is to be dropped or renewed. Throws `TypeError` and `RangeError` for what can be neither. */
  target(target: InvalidationTarget): { readonly kind: 'entry' | 'stamp'; readonly key: string } {
    if (typeof target !== 'string' && (typeof target !== 'object' || target === null)) {
      throw new TypeError('Invalidate a key, a tag or a prefix')
    }
    if (typeof target === 'string') return { kind: 'entry', key: this.address(target).key }
    if ('key' in target) return { kind: 'entry', key: this.address(target.key).key }
    if ('tag' in target) return { kind: 'stamp', key: this.#tagKey(target.tag) }
    return { kind: 'stamp', key: this.#prefixKey(target.prefix) }
  }

  #tagKey(tag: string): string {
    if (typeof tag !== 'string' || tag === '')
      throw new TypeError('A tag must be a string of at least one character')
    return this.#stampKey('t', tag)
  }

  #prefixKey(prefix: string): string {
    if (typeof prefix !== 'string') throw new TypeError('Invalidate a key, a tag or a prefix')
    if (this.#separator === false) throw new TypeError('Without a prefixSeparator nothing goes by prefix')
    if (!prefix.endsWith(this.#separator)) {
      throw new RangeError(`A prefix must end with the prefixSeparator, '${this.#separator}'`)
    }
    return this.#stampKey('p', prefix)
  }

  /** An entry whose key begins with `#` is hashed, and a hash has no colon: the two never meet. */
  #stampKey(kind: 't' | 'p', name: string): string {
    return cacheKey(`${this.#namespace}#${kind}:`, name)
  }
}

/** The key of who refreshes is rarely asked for. */
class Address implements EntryAddress {
  readonly key: string
  readonly stampKeys: readonly string[]
  readonly #namespace: string
  readonly #generated: string

  constructor(namespace: string, generated: string, stampKeys: readonly string[]) {
    this.key = cacheKey(namespace, generated)
    this.stampKeys = stampKeys
    this.#namespace = namespace
    this.#generated = generated
  }

  get refreshKey(): string {
    return cacheKey(`${this.#namespace}#r:`, this.#generated)
  }
}

const NO_KEYS: readonly string[] = Object.freeze([])
const NO_TAGS: readonly string[] = Object.freeze([])
