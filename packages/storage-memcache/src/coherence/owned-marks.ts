import type { Cache, CasToken } from '@larder/memcached'
import { flagsOf, kindOf } from './entry.js'

/** How often an own mark is looked at again that changed, as it seems, in the moment between. */
const ATTEMPTS = 3

/**
 * Marks that say whose they are: the lock of writers where the storage behind has no transactions, and that of
 * `MemcacheLock`. Rejects where the server did not answer.
 */
export class OwnedMarks {
  readonly #cache: Cache

  constructor(cache: Cache) {
    this.#cache = cache
  }

  /** Sets or renews the owner's mark unless another's stands there. Undefined: one does, or somebody was faster. */
  async take(key: string, owner: Uint8Array, ttlMs: number): Promise<CasToken | undefined> {
    const options = { flags: flagsOf('mark'), ttlMs }
    const item = await this.#cache.get(key)
    if (item !== undefined && kindOf(item) === 'mark' && !item.value.equals(owner)) return undefined
    try {
      if (item === undefined) return await this.#cache.add(key, owner, options)
      const result = await this.#cache.cas(key, owner, item.cas, options)
      return result.status === 'stored' ? result.cas : undefined
    } catch (error) {
      // It may have been set although the answer was lost, and would keep everybody out until it expires.
      const own = await this.#find(key, owner)
      if (own === undefined) throw error
      return own
    }
  }

  /** Gives the owner's mark a new time to live. False: it does not stand there any more. */
  renew(key: string, owner: Uint8Array, ttlMs: number): Promise<boolean> {
    return this.#change(key, owner, (token) => this.confirm(key, owner, ttlMs, token))
  }

  /** The same for the very mark of that token. True: it has stood there ever since the token was given. */
  async confirm(key: string, owner: Uint8Array, ttlMs: number, token: CasToken): Promise<boolean> {
    const options = { flags: flagsOf('mark'), ttlMs }
    return (await this.#cache.cas(key, owner, token, options)).status === 'stored'
  }

  /** False: it did not stand there any more. */
  release(key: string, owner: Uint8Array): Promise<boolean> {
    return this.#change(key, owner, async (cas) => (await this.#cache.delete(key, { cas })) === 'deleted')
  }

  /** A change that fails has met another one, or a connection that is gone: both are looked at again. */
  async #change(
    key: string,
    owner: Uint8Array,
    change: (cas: CasToken) => Promise<boolean>,
  ): Promise<boolean> {
    for (let left = ATTEMPTS; left > 0; left--) {
      const cas = await this.#find(key, owner)
      if (cas === undefined) return false
      if (await change(cas)) return true
    }
    return false
  }

  /** The token of the owner's mark, if it stands there. */
  async #find(key: string, owner: Uint8Array): Promise<CasToken | undefined> {
    const item = await this.#cache.get(key)
    const isOwn = item !== undefined && kindOf(item) === 'mark' && item.value.equals(owner)
    return isOwn ? item.cas : undefined
  }
}
