import type {
  ExistsOptions,
  Parts,
  ResourceInfo,
  Storage,
  WriteOptions,
  WriteResult,
} from '@larder/storage-core'
import { ForwardingStorage } from '@larder/storage-core/testing'
import type { Cache, CacheItem, CasResult, CasToken, ItemOptions } from '@larder/storage-memcache'
import { naiveStorage } from '../support/naive-storages.js'
import { CALM, LISTING, PROXY, type WorldOptions } from './world.js'

/** A protocol with one thing left out, and a world in which that shows. */
export interface Variant {
  readonly world: WorldOptions
  /** What must be found. `either`: a stale read or a step back. */
  readonly found: 'stale after an acknowledged write' | 'either'
}

const HEAD = 0x4c44_5206
const VALUE = 0x4c44_5201
const LEASE = 0x4c44_5204
const MARK = 0x4c44_5205

/** A cache that forwards everything, to be wrong in one place. */
class Forwarding implements Cache {
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

const NO_TOKEN: CasToken = { id: 1n, equals: (other) => other === NO_TOKEN }
const MARK_TOKEN: CasToken = { id: 2n, equals: (other) => other === MARK_TOKEN }

/** Values are stored whatever stands there by now. */
class PlainSet extends Forwarding {
  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    if (options?.flags !== VALUE) return super.cas(key, value, token, options)
    return { status: 'stored', cas: await this.inner.set(key, value, options) }
  }
}

/** Readers fill under leases; writers only delete, after the commit. */
class LeasesAlone extends Forwarding {
  override async set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    return options?.flags === MARK ? MARK_TOKEN : super.set(key, value, options)
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    if (token !== MARK_TOKEN) return super.cas(key, value, token, options)
    await this.inner.delete(key)
    return { status: 'stored', cas: NO_TOKEN }
  }
}

/** Whoever has a newer version than what stands there stores it; there are neither leases nor marks. */
class VersionsAlone extends Forwarding {
  override async set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    return options?.flags === MARK ? MARK_TOKEN : super.set(key, value, options)
  }

  override async add(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return options?.flags === LEASE ? NO_TOKEN : super.add(key, value, options)
  }

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    if (token !== NO_TOKEN && token !== MARK_TOKEN) return super.cas(key, value, token, options)
    for (;;) {
      const item = await this.inner.get(key)
      if (item !== undefined && versionIn(item.value) >= versionIn(value))
        return { status: 'stored', cas: item.cas }
      if (item === undefined) {
        const cas = await this.inner.add(key, value, options)
        if (cas !== undefined) return { status: 'stored', cas }
        continue
      }
      const result = await this.inner.cas(key, value, item.cas, options)
      if (result.status === 'stored') return result
    }
  }
}

function versionIn(value: Uint8Array): number {
  return Buffer.from(value).readDoubleBE(0)
}

/** A CAS is taken for a number that means the same after the server's restart. */
class CasKept extends Forwarding {
  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    const item = await this.inner.get(key)
    return super.cas(key, value, item?.cas.id === token.id ? item.cas : token, options)
  }

  override async delete(key: string, options?: { readonly cas?: CasToken }): ReturnType<Cache['delete']> {
    const token = options?.cas
    if (token === undefined) return super.delete(key, options)
    const item = await this.inner.get(key)
    return super.delete(key, { cas: item?.cas.id === token.id ? item.cas : token })
  }
}

/** A command without an answer is taken to have worked. */
class Guessing extends Forwarding {
  override async cas(...args: Parameters<Cache['cas']>): Promise<CasResult> {
    return super.cas(...args).catch(() => ({ status: 'stored', cas: NO_TOKEN }) as const)
  }
}

/** A creation is told to a set that was not seen under the lock, whatever became of the resource meanwhile. */
class NoLookBehind extends ForwardingStorage {
  override async exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    await super.exists(info, options)
    return true
  }
}

/** A set is read while its writers do not log yet: they are told of it when it is ready. */
class LateLogs extends Forwarding {
  readonly #leases = new Map<CasToken, CasToken>()

  override async cas(
    key: string,
    value: Uint8Array,
    token: CasToken,
    options?: ItemOptions,
  ): Promise<CasResult> {
    if (options?.flags !== HEAD) return super.cas(key, value, token, options)
    if (!Buffer.from(value).toString().startsWith('building'))
      return super.cas(key, value, this.#leases.get(token) ?? token, options)
    const cas: CasToken = { id: 1n, equals: (other) => other === cas }
    this.#leases.set(cas, token)
    return { status: 'stored', cas }
  }
}

/** Of two entries about a name, the one that was logged first counts, and both count more than what was read. */
class NoVersionsInLogs extends Forwarding {
  override append(key: string, value: Uint8Array): Promise<boolean> {
    const entry = Buffer.from(value)
    entry.writeDoubleBE(Number.MAX_SAFE_INTEGER, 1)
    return super.append(key, entry)
  }
}

/** Runs the hook, and so sets the marks, before the row is locked. */
class HookOutside extends ForwardingStorage {
  override async put(info: ResourceInfo, parts: Parts, options?: WriteOptions): Promise<WriteResult> {
    return super.put(info, parts, await withoutHook(info, options))
  }
}

async function withoutHook(info: ResourceInfo, options: WriteOptions | undefined): Promise<WriteOptions> {
  const pending = {
    info,
    version: 0,
    written: ['content'] as const,
    removed: [],
    created: false,
    emptied: false,
  }
  await options?.transaction?.beforeCommit(pending)
  return { ...options, transaction: undefined }
}

const through =
  (wrap: (cache: Cache) => Cache): WorldOptions['make'] =>
  (storage, cache, environment) =>
    PROXY(storage, wrap(cache), environment)

export const variants: Readonly<Record<string, Variant>> = {
  'set after commit, set on a miss': {
    world: { ...CALM, make: (storage, cache) => naiveStorage(storage, cache, 'set after commit') },
    found: 'stale after an acknowledged write',
  },
  'delete after commit': {
    world: { ...CALM, make: (storage, cache) => naiveStorage(storage, cache, 'delete after commit') },
    found: 'stale after an acknowledged write',
  },
  'plain set': { world: { ...CALM, make: through((cache) => new PlainSet(cache)) }, found: 'either' },
  'leases alone': { world: { ...CALM, make: through((cache) => new LeasesAlone(cache)) }, found: 'either' },
  'versions alone': {
    world: { ...CALM, make: through((cache) => new VersionsAlone(cache)) },
    found: 'either',
  },
  'mark outside the row lock': {
    world: {
      ...CALM,
      make: (storage: Storage, cache, environment) => PROXY(new HookOutside(storage), cache, environment),
    },
    found: 'stale after an acknowledged write',
  },
  'creations told without a look at the storage': {
    world: {
      ...LISTING,
      evictions: 0.5,
      make: (storage: Storage, cache, environment) => PROXY(new NoLookBehind(storage), cache, environment),
    },
    found: 'stale after an acknowledged write',
  },
  'sets read before their writers log': {
    world: { ...LISTING, make: through((cache) => new LateLogs(cache)) },
    found: 'stale after an acknowledged write',
  },
  'entries without versions': {
    world: { ...LISTING, make: through((cache) => new NoVersionsInLogs(cache)) },
    found: 'stale after an acknowledged write',
  },
  'CAS kept over a reconnect': {
    world: { ...CALM, restarts: 0.3, make: through((cache) => new CasKept(cache)) },
    found: 'stale after an acknowledged write',
  },
  'acknowledged on a guess': {
    world: {
      ...CALM,
      losses: 0.2,
      evictions: 1,
      operations: 20,
      make: through((cache) => new Guessing(cache)),
    },
    found: 'stale after an acknowledged write',
  },
}
