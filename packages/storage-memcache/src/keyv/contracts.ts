import type { SlotAddress } from '../coherence/index.js'
import { QueryKeys } from '../query/index.js'

/** What a version of Keyv expects of a storage adapter, as far as versions differ. */
export interface KeyvContract {
  /** The key that is stored and listed. */
  fullKey(key: string, namespace: string | undefined): string
  /** The key as Keyv expects it from `iterator()`. */
  listedKey(fullKey: string, namespace: string | undefined): string
  /** How the full keys of a namespace begin. */
  beginning(namespace: string | undefined): string
  address(fullKey: string): SlotAddress
  /** The stamp that voids a namespace; without one, all keys of the adapter. */
  clearKey(namespace: string | undefined): string
  /** The remaining time to live, from the third argument of `set`. Infinite without one. */
  ttlMs(lifetime: number | undefined): number
}

/** Keyv 5 puts the namespace and a colon before each key, and passes a time to live. */
export class Keyv5Contract implements KeyvContract {
  readonly #keys: QueryKeys

  constructor(keyPrefix: string) {
    this.#keys = new QueryKeys(keyPrefix, ':', true)
  }

  fullKey(key: string): string {
    return key
  }

  listedKey(fullKey: string): string {
    return fullKey
  }

  beginning(namespace = ''): string {
    return namespace === '' ? '' : `${namespace}:`
  }

  address(fullKey: string): SlotAddress {
    return this.#keys.address(fullKey)
  }

  clearKey(namespace = ''): string {
    return namespace === '' ? this.#keys.clearKey() : this.#keys.target({ prefix: `${namespace}:` }).key
  }

  ttlMs(ttl: number | undefined): number {
    return ttl === undefined || ttl === 0 ? Infinity : ttl
  }
}

/** Keyv 6 leaves namespaces to the adapter, and passes the time at which a value expires. */
export class Keyv6Contract implements KeyvContract {
  readonly #keys: QueryKeys

  constructor(keyPrefix: string) {
    this.#keys = new QueryKeys(keyPrefix, false, true)
  }

  fullKey(key: string, namespace: string | undefined): string {
    return key === '' ? key : `${this.beginning(namespace)}${key}`
  }

  listedKey(fullKey: string, namespace: string | undefined): string {
    return fullKey.slice(this.beginning(namespace).length)
  }

  /** A namespace with a colon must not begin like the keys of another. */
  beginning(namespace = ''): string {
    return `${namespace.replaceAll('%', '%25').replaceAll(':', '%3A')}:`
  }

  address(fullKey: string): SlotAddress {
    return this.#keys.address(fullKey, [fullKey.slice(0, fullKey.indexOf(':') + 1)])
  }

  clearKey(namespace = ''): string {
    if (namespace === '') return this.#keys.clearKey()
    return this.#keys.target({ tag: this.beginning(namespace) }).key
  }

  ttlMs(expires: number | undefined): number {
    return expires === undefined ? Infinity : expires - Date.now()
  }
}
