import type { Cache, CacheItem, CasResult, CasToken, ItemOptions, ItemState } from '@larder/memcached'

/** A cache that forwards everything, to be wrong in one place. */
export class ForwardingCache implements Cache {
  readonly inner: Cache

  constructor(inner: Cache) {
    this.inner = inner
  }

  get maxItemBytes(): number {
    return this.inner.maxItemBytes
  }

  get(key: string): Promise<CacheItem | undefined> {
    return this.inner.get(key)
  }

  async stateOf(key: string): Promise<ItemState | undefined> {
    return this.inner.stateOf === undefined ? this.inner.get(key) : this.inner.stateOf(key)
  }

  getMulti(keys: readonly string[]): ReturnType<Cache['getMulti']> {
    return this.inner.getMulti(keys)
  }

  set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    return this.inner.set(key, value, options)
  }

  setMulti(entries: Parameters<Cache['setMulti']>[0]): ReturnType<Cache['setMulti']> {
    return this.inner.setMulti(entries)
  }

  add(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return this.inner.add(key, value, options)
  }

  replace(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return this.inner.replace(key, value, options)
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: ItemOptions): Promise<CasResult> {
    return this.inner.cas(key, value, token, options)
  }

  append(key: string, value: Uint8Array): Promise<boolean> {
    return this.inner.append(key, value)
  }

  prepend(key: string, value: Uint8Array): Promise<boolean> {
    return this.inner.prepend(key, value)
  }

  delete(key: string, options?: { readonly cas?: CasToken }): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.inner.delete(key, options)
  }

  touch(key: string, ttlMs: number | undefined): Promise<boolean> {
    return this.inner.touch(key, ttlMs)
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
