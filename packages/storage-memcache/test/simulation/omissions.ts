import {
  type CallOptions,
  type ExistsOptions,
  isStorageError,
  PART_NAMES,
  type ResourceInfo,
  type ResourceWrite,
  type Storage,
  StorageError,
  type StorageTransaction,
  type TransactionOptions,
  type TransactionResult,
  type WriteOptions,
  type WriteResult,
} from '@larder/storage-core'
import { type Participant, type PutArguments, type PendingWrite } from '@larder/storage-core/driver'
import { ForwardingStorage } from '@larder/storage-core/testing'
import { SimTransaction } from './sim-transaction.js'
import type { Cache, CacheItem, CasResult, CasToken, ItemOptions, ItemState } from '@larder/memcached'
import { ForwardingCache } from './forwarding-cache.js'

// Caches and storages that do all that they should but for one thing.

const HEAD = 0x4c44_5206
const VALUE = 0x4c44_5201
const LEASE = 0x4c44_5204
const MARK = 0x4c44_5205

const NO_TOKEN: CasToken = { id: 1n, equals: (other) => other === NO_TOKEN }
const MARK_TOKEN: CasToken = { id: 2n, equals: (other) => other === MARK_TOKEN }

/** Values are stored whatever stands there by now. */
export class PlainSet extends ForwardingCache {
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

/** Whoever has been past the cache, and whoever has committed, lets older values and leases stand. */
export class NothingCleared extends ForwardingCache {
  override async delete(key: string, options?: { readonly cas?: CasToken }): ReturnType<Cache['delete']> {
    return options?.cas === undefined ? super.delete(key) : 'deleted'
  }
}

/** Readers fill under leases; writers only delete, after the commit. */
export class LeasesAlone extends NothingCleared {
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
export class VersionsAlone extends NothingCleared {
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
export class CasKept extends ForwardingCache {
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

/** What is to take a mark's place never arrives, and is taken to have worked. */
export class Guessing extends ForwardingCache {
  readonly #marks = new WeakSet<CasToken>()

  override async set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    const token = await super.set(key, value, options)
    if (options?.flags === MARK) this.#marks.add(token)
    return token
  }

  override async cas(...args: Parameters<Cache['cas']>): Promise<CasResult> {
    return this.#marks.has(args[2]) ? { status: 'stored', cas: NO_TOKEN } : super.cas(...args)
  }
}

/** What a write has marked is free again once it is rolled back, whoever's marks stood there before. */
export class MarksReleased extends ForwardingCache {
  readonly #marks = new Map<string, CasToken>()

  override async set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    const token = await super.set(key, value, options)
    if (options?.flags === MARK) this.#marks.set(key, token)
    return token
  }

  async release(): Promise<void> {
    for (const [key, cas] of this.#marks) await this.delete(key, { cas }).catch(() => undefined)
  }
}

/** Tells that cache of the writes that are rolled back. */
export class TellingOfRollbacks extends ForwardingStorage {
  readonly #cache: MarksReleased

  constructor(inner: Storage, cache: MarksReleased) {
    super(inner)
    this.#cache = cache
  }

  override async put(info: ResourceInfo, ...args: PutArguments): Promise<WriteResult> {
    try {
      return await super.put(info, ...args)
    } catch (error) {
      await this.#cache.release()
      throw error
    }
  }
}

/** An error that tells nothing of the commit is taken for the database's own: nothing was written. */
export class MiddlemenBelieved extends ForwardingStorage {
  override async put(info: ResourceInfo, ...args: PutArguments): Promise<WriteResult> {
    return super.put(info, ...args).catch(believe)
  }

  override async removeContent(...args: Parameters<Storage['removeContent']>): Promise<WriteResult> {
    return super.removeContent(...args).catch(believe)
  }
}

function believe(cause: unknown): never {
  throw isStorageError(cause) ? cause : new StorageError('E_SERVER', 'The database failed', { cause })
}

/** Whether a resource exists is the answer of two lookups, each of its own moment. */
export class AbsencesJoined extends ForwardingStorage {
  override async exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    const parts = PART_NAMES.map((part) => super.exists(info, { ...options, part }))
    return (await Promise.all(parts)).includes(true)
  }
}

/** Nobody looks after the writes of the dead. */
export class NoRelay extends ForwardingStorage {
  override async claim(): Promise<number> {
    return 0
  }
}

/** A creation is told to a set that was not seen under the lock, whatever became of the resource meanwhile. */
export class NoLookBehind extends ForwardingStorage {
  override async exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    await super.exists(info, options)
    return true
  }
}

/** A set is read while its writers do not log yet: they are told of it when it is ready. */
export class LateLogs extends ForwardingCache {
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
export class NoVersionsInLogs extends ForwardingCache {
  override append(key: string, value: Uint8Array): Promise<boolean> {
    const entry = Buffer.from(value)
    entry.writeDoubleBE(Number.MAX_SAFE_INTEGER, 1)
    return super.append(key, entry)
  }
}

/** A process takes its copies for what the server has, without asking. */
export class CopiesUnconfirmed extends ForwardingCache {
  readonly #states = new Map<string, ItemState>()

  override async get(key: string): Promise<CacheItem | undefined> {
    const item = await super.get(key)
    if (item !== undefined) this.#states.set(key, { flags: item.flags, cas: item.cas })
    return item
  }

  override async stateOf(key: string): Promise<ItemState | undefined> {
    return this.#states.get(key) ?? super.stateOf(key)
  }
}

/** A copy is confirmed by its number alone, of whatever connection. */
export class CopiesOfAnyConnection extends ForwardingCache {
  override async get(key: string): Promise<CacheItem | undefined> {
    const item = await super.get(key)
    return item && { ...item, cas: numberAlone(item.cas) }
  }

  override async stateOf(key: string): Promise<ItemState | undefined> {
    const state = await super.stateOf(key)
    return state && { ...state, cas: numberAlone(state.cas) }
  }

  override cas(key: string, value: Uint8Array, token: CasToken, options?: ItemOptions): Promise<CasResult> {
    return super.cas(key, value, token instanceof NumberAlone ? token.inner : token, options)
  }

  override delete(key: string, options?: { readonly cas?: CasToken }): ReturnType<Cache['delete']> {
    const token = options?.cas
    return super.delete(key, token instanceof NumberAlone ? { cas: token.inner } : options)
  }
}

class NumberAlone implements CasToken {
  readonly inner: CasToken

  constructor(inner: CasToken) {
    this.inner = inner
  }

  get id(): bigint {
    return this.inner.id
  }

  equals(other: CasToken): boolean {
    return this.id === other.id
  }
}

function numberAlone(token: CasToken): CasToken {
  return new NumberAlone(token)
}

/** Runs the hook, and so sets the marks, before the row is locked. */
export class HookOutside extends ForwardingStorage {
  override async put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    return super.put(info, ...([parts, await withoutHook(info, options)] as PutArguments))
  }
}

/** Several resources are written in as many transactions. */
export class OneAfterTheOther extends ForwardingStorage {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    const results: WriteResult[] = []
    for (const write of writes) results.push(...(await super.writeMany([write], options)))
    return results
  }
}

/** Transactions of several calls commit without marks. */
export class NoMarksCallByCall extends ForwardingStorage {
  override transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    const around = (participant: Participant): Participant => ({
      afterCommit: async () => (await participant.afterCommit?.()) ?? true,
    })
    const world = { step: async () => undefined, written: () => undefined, around }
    return super.transaction((tx) => work(new SimTransaction(tx, world)), options)
  }
}

/** Transactions of several calls are acknowledged without a word to the cache. */
export class UntoldCallByCall extends ForwardingStorage {
  override transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    const around = (): Participant => ({})
    const world = { step: async () => undefined, written: () => undefined, around }
    return super.transaction((tx) => work(new SimTransaction(tx, world)), options)
  }
}

/** Only the first hook, and so its marks, comes before the commit. */
export class FirstMarkOnly extends ForwardingStorage {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    const late: (() => unknown)[] = []
    const put = writes.map((write, i) => {
      const { transaction } = write
      if (i === 0 || transaction === undefined) return write
      const beforeCommit = async (pending: PendingWrite) =>
        void late.push(() => transaction.beforeCommit(pending))
      return { ...write, transaction: { journal: transaction.journal, beforeCommit } }
    })
    const results = await super.writeMany(put, options)
    await Promise.all(late.map((call) => call()))
    return results
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
