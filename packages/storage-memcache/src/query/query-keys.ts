import {
  checkOptions,
  nameOption,
  noEffect,
  notAllowed,
  optionTable,
  wrongType,
  type OptionsOf,
} from '@larder/storage-core/base'
import { cacheKey, type SlotAddress } from '../coherence/index.js'

const KEY = nameOption()

/** What `invalidate` takes: one of these. */
export const TARGET_OPTIONS = optionTable({
  /** The result under this key. */
  key: KEY,
  /** All results with this tag. */
  tag: nameOption(),
  /** All results whose keys begin so. Must end with the `prefixSeparator`. */
  prefix: nameOption(),
})

/** What `invalidate` takes: a key, or what is tagged so, or what begins so. */
export type InvalidationTarget =
  | string
  | { readonly [name in keyof Pick<typeof TARGET_OPTIONS, 'key'>]: string }
  | { readonly [name in keyof Pick<typeof TARGET_OPTIONS, 'tag'>]: string }
  | { readonly [name in keyof Pick<typeof TARGET_OPTIONS, 'prefix'>]: string }

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

  /** Throws `TypeError` or `RangeError` for what is no key; `tags` have been checked. */
  address(key: string, tags: readonly string[] = NO_TAGS): SlotAddress {
    KEY.check(key, 'key')
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
    for (const tag of tags) stampKeys.push(this.#tagKey(tag))
    return new Address(this.#namespace, key, stampKeys)
  }

  clearKey(): string {
    return `${this.#namespace}#all`
  }

  /** What is to be dropped or renewed. Throws `TypeError` and `RangeError` for what can be neither. */
  target(target: InvalidationTarget): { readonly kind: 'entry' | 'stamp'; readonly key: string } {
    if (typeof target === 'string') return { kind: 'entry', key: this.address(target).key }
    const given: unknown = target
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      throw wrongType('target', 'a key, or an object with `key`, `tag` or `prefix`', given)
    checkOptions('An invalidation target', TARGET_OPTIONS, given)
    const { key, tag, prefix } = target as OptionsOf<typeof TARGET_OPTIONS>
    if ([key, tag, prefix].filter((name) => name !== undefined).length !== 1)
      throw new TypeError('An invalidation target has one of `key`, `tag` and `prefix`')
    if (key !== undefined) return { kind: 'entry', key: this.address(key).key }
    if (tag !== undefined) return { kind: 'stamp', key: this.#tagKey(tag) }
    return { kind: 'stamp', key: this.#prefixKey(prefix ?? '') }
  }

  #tagKey(tag: string): string {
    return this.#stampKey('t', tag)
  }

  #prefixKey(prefix: string): string {
    if (this.#separator === false) throw noEffect('prefixSeparator', 'prefix')
    if (!prefix.endsWith(this.#separator))
      throw notAllowed('prefix', `text that ends with the prefixSeparator '${this.#separator}'`, prefix)
    return this.#stampKey('p', prefix)
  }

  /** An entry whose key begins with `#` is hashed, and a hash has no colon: the two never meet. */
  #stampKey(kind: 't' | 'p', name: string): string {
    return cacheKey(`${this.#namespace}#${kind}:`, name)
  }
}

/** The key of who refreshes is rarely asked for. */
class Address implements SlotAddress {
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
