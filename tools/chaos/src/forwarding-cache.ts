import type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CallOptions,
  CasResult,
  CasToken,
  ItemOptions,
} from '@larder/memcached'

/** Hands every call on to another cache; for wrappers that change a few of them. */
export class ForwardingCache implements Cache {
  readonly inner: Cache

  constructor(inner: Cache) {
    this.inner = inner
  }

  get maxItemBytes(): number {
    return this.inner.maxItemBytes
  }

  get(key: string, options?: CallOptions): Promise<CacheItem | undefined> {
    return this.inner.get(key, options)
  }

  getMulti(keys: readonly string[], options?: CallOptions): Promise<CacheBatch> {
    return this.inner.getMulti(keys, options)
  }

  set(key: string, value: Uint8Array, options?: ItemOptions & CallOptions): Promise<CasToken> {
    return this.inner.set(key, value, options)
  }

  setMulti(entries: readonly CacheEntry[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    return this.inner.setMulti(entries, options)
  }

  add(key: string, value: Uint8Array, options?: ItemOptions & CallOptions): Promise<CasToken | undefined> {
    return this.inner.add(key, value, options)
  }

  replace(
    key: string,
    value: Uint8Array,
    options?: ItemOptions & CallOptions,
  ): Promise<CasToken | undefined> {
    return this.inner.replace(key, value, options)
  }

  cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions & CallOptions,
  ): Promise<CasResult> {
    return this.inner.cas(key, value, token, options)
  }

  append(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.inner.append(key, value, options)
  }

  prepend(key: string, value: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.inner.prepend(key, value, options)
  }

  delete(
    key: string,
    options?: CallOptions & { readonly cas?: CasToken },
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.inner.delete(key, options)
  }

  touch(key: string, ttlMs: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.inner.touch(key, ttlMs, options)
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
