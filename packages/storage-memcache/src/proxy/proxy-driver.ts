import {
  type CommitTerms,
  type DriverCall,
  isStorageError,
  KeyedMutex,
  type JournalRow,
  type KeyGenerator,
  type ListRequest,
  type ListRows,
  PART_NAMES,
  type PartName,
  type PartStream,
  type PendingWrite,
  type ResourceInfo,
  type Storage,
  type StorageDriver,
  type StorageFeatures,
  type StoredPart,
  type WriteOptions,
  type UnsettledRequest,
  type WriteRequest,
  type WriteResult,
} from '@larder/storage-core'
import { cacheKey } from './cache-key.js'
import type { Cache } from '../cache.js'
import type { StorageCounters } from './counters.js'
import type { Environment } from '../environment.js'
import { forward } from './forward.js'
import { Listing } from './listing.js'
import { MemberSet } from './member-set.js'
import { type Content, PartCache } from './part-cache.js'
import { PartReader } from './part-reader.js'
import { settleAll, untilAborted } from './promises.js'
import type { Settings } from './settings.js'
import { Relay } from './relay.js'
import { Settler } from './settler.js'
import { Recorder } from './stream-recorder.js'
import { WriteGuard } from './write-guard.js'

const LISTING_SUFFIX = ':l'
const PART_SUFFIX: Readonly<Record<PartName, string>> = Object.freeze({ content: ':c', metadata: ':m' })

export interface ProxyParts {
  readonly cache: Cache
  readonly storage: Storage
  readonly settings: Settings
  readonly namespace: string
  readonly keyGenerator: KeyGenerator
  readonly env: Environment
  readonly counters: StorageCounters
  /** What `close` shuts down beside what is the proxy's own. */
  readonly owned: readonly { close(): Promise<void> }[]
}

interface ListingView {
  readonly generation: string | undefined
  readonly isContested: boolean
}

const UNSEEN: ListingView = Object.freeze({ generation: undefined, isContested: true })

/** A read-through and write-through cache in front of another storage, by the consistency protocol. */
export class ProxyDriver implements StorageDriver {
  readonly supports: StorageFeatures
  readonly keyOf: KeyGenerator
  readonly #storage: Storage
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  readonly #parts: PartCache
  readonly #reader: PartReader
  readonly #members: MemberSet
  readonly #listing: Listing
  readonly #settler: Settler
  readonly #relay: Relay
  readonly #owned: ProxyParts['owned']
  /** Writers of one resource queue here rather than at the database's row lock, where each holds a connection. */
  readonly #writers = new KeyedMutex()

  constructor({ cache, storage, settings, namespace, keyGenerator, env, counters, owned }: ProxyParts) {
    this.supports = storage.supports
    this.keyOf = (collection, resource) => cacheKey(namespace, keyGenerator(collection, resource))
    this.#storage = storage
    this.#settings = settings
    this.#env = env
    this.#counters = counters
    this.#owned = owned
    this.#parts = new PartCache(cache, settings, env, counters)
    const readDurable = (infos: readonly ResourceInfo[], part: PartName) => storage.getMany(infos, { part })
    this.#reader = new PartReader(this.#parts, readDurable, settings, env, counters)
    this.#members = new MemberSet(cache, env, settings.listTtlMs, settings.leaseTtlMs)
    this.#listing = new Listing(storage, this.#members, settings, env, counters)
    const repair = (key: string, version: number) =>
      key.endsWith(LISTING_SUFFIX) ? this.#members.drop(key) : this.#parts.repair(key, version)
    this.#relay = new Relay(storage, namespace, repair, settings, env, counters)
    this.#settler = new Settler((ids) => storage.settle(ids), env)
  }

  innerOf(collection: string, resource: string | undefined): ResourceInfo {
    return this.#storage.info(collection, resource)
  }

  createContainer(collection: string, call: DriverCall): Promise<void> {
    return this.#storage.createContainer(collection, call)
  }

  containerExists(collection: string, call: DriverCall): Promise<boolean> {
    return this.#storage.exists(this.innerOf(collection, undefined), call)
  }

  read(
    infos: readonly ResourceInfo[],
    part: PartName,
    call: DriverCall,
  ): Promise<(StoredPart | undefined)[]> {
    this.#relay.start()
    return untilAborted(this.#reader.readMany(infos.map((info) => this.#address(info, part))), call.signal)
  }

  readOne(info: ResourceInfo, part: PartName, call: DriverCall): Promise<StoredPart | undefined> {
    this.#relay.start()
    const reading = this.#reader.read(this.#address(info, part))
    return call.signal === undefined ? reading : untilAborted(reading, call.signal)
  }

  async openContent(info: ResourceInfo, call: DriverCall): Promise<PartStream | undefined> {
    this.#relay.start()
    const { key, inner } = this.#address(info, 'content')
    const known = await untilAborted(this.#reader.peek(key), call.signal)
    if (known === 'missing') return undefined
    if (known === 'unknown') {
      const opened = await openOrUndefined(this.#storage, inner, call)
      await this.#reader.help(key, opened)
      if (opened === undefined || opened.size > this.#settings.maxCachedBytes) {
        this.#counters.durableReads++
        this.#counters.durableQueries++
        return opened
      }
      // Small enough to be cached: read the usual way, which fills.
      await opened.stream[Symbol.asyncIterator]().return?.()
    }
    const found = await this.readOne(info, 'content', call)
    return found && { ...found, stream: chunk(found.bytes) }
  }

  async exists(info: ResourceInfo, part: PartName | undefined, call: DriverCall): Promise<boolean> {
    this.#relay.start()
    const asked = part === undefined ? PART_NAMES : [part]
    const looks = asked.map((name) => this.#reader.peek(this.#address(info, name).key))
    const known = await untilAborted(Promise.all(looks), call.signal)
    if (known.includes('exists')) return true
    if (!known.includes('unknown')) return false
    return this.#storage.exists(info.inner ?? info, { ...call, part })
  }

  async list(request: ListRequest, call: DriverCall): Promise<ListRows> {
    this.#relay.start()
    this.#counters.durableListings++
    const { entries, next } = await this.#storage.page(request.collection, { ...request, ...call })
    return { rows: entries, next }
  }

  listAll(
    { collection, ext }: Pick<ListRequest, 'collection' | 'ext'>,
    call: DriverCall,
  ): AsyncIterable<readonly string[]> {
    this.#relay.start()
    return this.#listing.names(this.#headKey(collection), collection, ext, call.signal)
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    this.#relay.start()
    const release = await this.#writers.acquire(request.info.key, call.signal)
    try {
      return await (this.supports.transactions
        ? this.#writeInside(request, call)
        : this.#writeLocked(request, call))
    } finally {
      release()
    }
  }

  async persist(
    infos: readonly ResourceInfo[],
    message: string | undefined,
    call: DriverCall,
  ): Promise<void> {
    await this.#storage.persist(
      infos.map((info) => info.inner ?? info),
      message,
      call,
    )
  }

  settle(journalIds: readonly string[]): Promise<void> {
    return this.#storage.settle(journalIds)
  }

  /** What a proxy behind which this one stands asks for; this one's own keys are set right on the way. */
  unsettled(
    request: UnsettledRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    call: DriverCall,
  ): Promise<number> {
    const options = { ...request, ...call }
    return this.#storage.unsettled(options, async (rows) => work(await this.#relay.repair(rows)))
  }

  async close(): Promise<void> {
    await this.#relay.stop()
    await this.#settler.flush()
    for (const owned of this.#owned) await owned.close()
  }

  /** The marks are set inside of the storage's transaction, with its row lock held. */
  async #writeInside(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { info, transaction } = request
    const guard = new WriteGuard(this.#parts, this.#settings, this.#env, this.#counters)
    const headKey = this.#headKey(info.collection)
    let listing: ListingView = UNSEEN
    const beforeCommit = async (pending: PendingWrite): Promise<CommitTerms> => {
      const outer = await transaction?.beforeCommit({ ...pending, info })
      const changed = [...pending.written, ...pending.removed]
      // Commands to one server are executed in this order: the look comes before the mark.
      const [seen, commitBefore] = await Promise.all([
        this.#viewListing(headKey, guard, info, PART_NAMES),
        guard.mark(changed.map((part) => this.#partKey(info, part))),
      ])
      listing = seen
      return { commitBefore: Math.min(commitBefore, outer?.commitBefore ?? Infinity) }
    }
    const journal = this.supports.journal
      ? [...this.#changedKeys(request), headKey, ...(transaction?.journal ?? [])]
      : undefined
    const recorder = new Recorder(request.changes, this.#settings.maxCachedBytes)
    const result = await this.#apply(request, recorder, guard, call, { journal, beforeCommit })
    if (!result.changed) return result
    const confirmed = await this.#confirm(request, recorder, result, guard, listing)
    const { journalId, ...written } = result
    if (journalId === undefined) return result
    // A row that stays for the relay is not told to the caller, who might settle it.
    if (transaction?.journal !== undefined) return confirmed ? result : written
    if (confirmed) this.#settler.add(journalId)
    return written
  }

  /** The storage has no transactions: the marks are the lock, from before the write until after it. */
  async #writeLocked(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { info } = request
    const guard = new WriteGuard(this.#parts, this.#settings, this.#env, this.#counters)
    const recorder = new Recorder(request.changes, this.#settings.maxCachedBytes)
    try {
      await guard.lock(this.#changedKeys(request), call.signal)
    } catch (error) {
      await guard.rollBack(error)
      throw error
    }
    const unlocked = PART_NAMES.filter((part) => request.changes[part] === undefined)
    const listing = await this.#viewListing(this.#headKey(info.collection), guard, info, unlocked)
    const result = await this.#apply(request, recorder, guard, call, undefined)
    if (result.changed) await this.#confirm(request, recorder, result, guard, listing)
    return result
  }

  async #apply(
    request: WriteRequest,
    recorder: Recorder,
    guard: WriteGuard,
    call: DriverCall,
    transaction: WriteOptions['transaction'],
  ): Promise<WriteResult> {
    try {
      const result = await forward(this.#storage, request, recorder, { ...call, transaction })
      if (!result.changed) {
        await guard.rollBack(undefined)
        // It tells of an absence, as a read past the cache does.
        await Promise.all(this.#changedKeys(request).map((key) => this.#reader.help(key, undefined)))
      }
      return result
    } catch (error) {
      await guard.rollBack(error)
      throw error
    }
  }

  /** After the commit, before the write is acknowledged: whether the cache is known to be right. */
  async #confirm(
    request: WriteRequest,
    recorder: Recorder,
    result: WriteResult,
    guard: WriteGuard,
    listing: ListingView,
  ): Promise<boolean> {
    const { info } = request
    const { version } = result
    const { created, emptied } = result
    let listed = true
    if (created || emptied || listing.isContested) {
      const headKey = this.#headKey(info.collection)
      const change = { name: info.resource ?? '', version, present: !emptied }
      // Before the marks go: while one stands, the next writer knows that the listing may not have heard.
      listed = await guard.confirm(headKey, () => this.#members.record(headKey, listing.generation, change))
    }
    const installs = PART_NAMES.filter((part) => request.changes[part] !== undefined).map((part) => {
      const key = this.#partKey(info, part)
      const content: Content = recorder.contentOf(part, result)
      return this.supports.transactions
        ? guard.install(key, version, content)
        : guard.installOrDrop(key, content)
    })
    const confirmed = (await settleAll(installs)).every(Boolean) && listed
    this.#counters.writes++
    if (!confirmed) this.#counters.unconfirmedWrites++
    return confirmed
  }

  /** What stands of the listing, and of other writers of the resource, while this write holds its lock. */
  async #viewListing(
    headKey: string,
    guard: WriteGuard,
    info: ResourceInfo,
    parts: readonly PartName[],
  ): Promise<ListingView> {
    const [generation, isContested] = await Promise.all([
      this.#members.generation(headKey).catch(() => {
        // A set that is found later is then not trusted.
        this.#counters.cacheErrors++
        return undefined
      }),
      guard.isContested(parts.map((part) => this.#partKey(info, part))),
    ])
    return { generation, isContested }
  }

  #address(info: ResourceInfo, part: PartName): { key: string; inner: ResourceInfo; part: PartName } {
    return { key: this.#partKey(info, part), inner: info.inner ?? info, part }
  }

  #partKey(info: ResourceInfo, part: PartName): string {
    return info.key + PART_SUFFIX[part]
  }

  #changedKeys({ info, changes }: WriteRequest): string[] {
    return PART_NAMES.filter((part) => changes[part] !== undefined).map((part) => this.#partKey(info, part))
  }

  #headKey(collection: string): string {
    return this.keyOf(collection, undefined) + LISTING_SUFFIX
  }
}

async function openOrUndefined(
  storage: Storage,
  info: ResourceInfo,
  call: DriverCall,
): Promise<PartStream | undefined> {
  try {
    return await storage.openContent(info, call)
  } catch (error) {
    if (isStorageError(error, 'E_NOT_FOUND')) return undefined
    throw error
  }
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
