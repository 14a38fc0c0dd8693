import type { Cache, CallOptions, CasResult, CasToken, ItemOptions } from '@larder/memcached'
import { ForwardingCache } from './forwarding-cache.js'
import { ItemFlags } from './item-flags.js'

type StoreOptions = ItemOptions & CallOptions

const NO_LEASE: CasToken = { id: 1n, equals: (other) => other === NO_LEASE }
const NO_MARK: CasToken = { id: 2n, equals: (other) => other === NO_MARK }

/** What nearly every cache does: readers store what they have read, writers delete or store after their commit. */
class Naive extends ForwardingCache {
  readonly #deletes: boolean

  constructor(inner: Cache, way: 'delete' | 'set') {
    super(inner)
    this.#deletes = way === 'delete'
  }

  override async set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    return options?.flags === ItemFlags.mark ? NO_MARK : super.set(key, value, options)
  }

  override async add(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken | undefined> {
    return options?.flags === ItemFlags.lease ? NO_LEASE : super.add(key, value, options)
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: StoreOptions,
  ): Promise<CasResult> {
    if (token !== NO_LEASE && token !== NO_MARK) return super.cas(key, value, token, options)
    if (token === NO_MARK && this.#deletes) {
      await super.delete(key)
      return { status: 'stored', cas: NO_LEASE }
    }
    return { status: 'stored', cas: await super.set(key, value, options) }
  }

  override async delete(
    key: string,
    { cas, ...options }: CallOptions & { readonly cas?: CasToken } = {},
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    if (cas === NO_LEASE || cas === NO_MARK) return 'not-found'
    return super.delete(key, cas === undefined ? options : { ...options, cas })
  }
}

/** Readers take leases, but writers set no marks: they delete after their commit. */
class NoMarks extends ForwardingCache {
  override async set(key: string, value: Uint8Array, options?: StoreOptions): Promise<CasToken> {
    return options?.flags === ItemFlags.mark ? NO_MARK : super.set(key, value, options)
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: StoreOptions,
  ): Promise<CasResult> {
    if (token !== NO_MARK) return super.cas(key, value, token, options)
    await super.delete(key)
    return { status: 'stored', cas: NO_MARK }
  }

  override async delete(
    key: string,
    { cas, ...options }: CallOptions & { readonly cas?: CasToken } = {},
  ): Promise<'deleted' | 'exists' | 'not-found'> {
    if (cas === NO_MARK) return 'not-found'
    return super.delete(key, cas === undefined ? options : { ...options, cas })
  }
}

/** A command of which the answer is lost is taken to have worked. */
class Guessing extends ForwardingCache {
  override cas(key: string, value: Uint8Array, token: CasToken, options?: StoreOptions): Promise<CasResult> {
    return super.cas(key, value, token, options).catch(() => ({ status: 'stored', cas: token }))
  }
}

/** Protocols with something left out, which the judge must find wanting. `none`: ours. */
export const VARIANTS = Object.freeze({
  none: (cache: Cache): Cache => cache,
  'delete-after-commit': (cache: Cache): Cache => new Naive(cache, 'delete'),
  'set-after-commit': (cache: Cache): Cache => new Naive(cache, 'set'),
  'no-marks': (cache: Cache): Cache => new NoMarks(cache),
  guessing: (cache: Cache): Cache => new Guessing(cache),
})

export type VariantName = keyof typeof VARIANTS

export function isVariant(name: string): name is VariantName {
  return Object.hasOwn(VARIANTS, name)
}
