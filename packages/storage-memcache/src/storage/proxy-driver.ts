import type { Cache, Environment } from '@larder/memcached'
import {
  isStorageError,
  type KeyGenerator,
  PART_NAMES,
  type PartName,
  type PartStream,
  type ResourceInfo,
  type Storage,
  type StorageFeatures,
  type StorageTransaction,
  type StoredPart,
  type TransactionResult,
  type WriteResult,
} from '@larder/storage-core'
import {
  closeUnread,
  type DriverCall,
  type DriverTransaction,
  type JournalRow,
  type ListRequest,
  type ListRows,
  type ExternalChange,
  type StorageDriver,
  type TransactionRequest,
  type ClaimRequest,
  untilAborted,
  type WriteRequest,
} from '@larder/storage-core/driver'
import { cacheKey } from '../coherence/index.js'
import type { StorageCounters } from '../counters.js'
import { PartAddress } from './durable-reads.js'
import { Listing, MemberSet } from '../listing/index.js'
import { PartCache } from './part-cache.js'
import { PartReader } from './part-reader.js'
import { Presence } from './presence.js'
import { headKey, isHeadKey, NEWEST, externalKeys, partKey, partKeyOf } from '../storage-keys.js'
import type { WriterParts } from './guarded-write.js'
import { ProxyTransaction } from './proxy-transaction.js'
import { ProxyWriter } from './proxy-writer.js'
import { TransactionWrites, type WithheldRows } from './transaction-writes.js'
import type { Settings } from '../settings.js'
import { guestPrefix, Relay, Acknowledger } from '../outbox/index.js'
import { WriterQueue } from './writer-queue.js'

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

/** A read-through and write-through cache in front of another storage, by the consistency protocol. */
export class ProxyDriver implements StorageDriver {
  readonly system = 'memcached'
  readonly supports: StorageFeatures
  readonly keyOf: KeyGenerator
  readonly #storage: Storage
  readonly #settings: Settings
  readonly #counters: StorageCounters
  readonly #reader: PartReader
  readonly #presence: Presence
  readonly #parts: WriterParts
  readonly #writer: ProxyWriter
  readonly #withheld: WithheldRows = new Set()
  readonly #joined = new WeakMap<StorageTransaction, ProxyTransaction>()
  readonly #listing: Listing
  readonly #acknowledger: Acknowledger
  readonly #relay: Relay
  readonly #owned: ProxyParts['owned']
  readonly #queue: WriterQueue
  isClosed = false

  constructor({ cache, storage, settings, namespace, keyGenerator, env, counters, owned }: ProxyParts) {
    const { transactions, atomicMany, interactiveTransactions } = storage.supports
    // Marks as locks are set for one resource at a time.
    this.supports = Object.freeze({
      ...storage.supports,
      atomicMany: atomicMany && transactions,
      interactiveTransactions: interactiveTransactions && transactions,
    })
    this.keyOf = (collection, resource) => cacheKey(namespace, keyGenerator(collection, resource))
    this.#storage = storage
    this.#settings = settings
    this.#counters = counters
    this.#owned = owned
    this.#queue = new WriterQueue(transactions ? undefined : settings.lockTimeoutMs, env)
    const parts = new PartCache(cache, settings, env, counters)
    const readDurable = (infos: readonly ResourceInfo[], part: PartName) => storage.getMany(infos, { part })
    this.#reader = new PartReader(parts, readDurable, settings, env, counters)
    this.#presence = new Presence(parts)
    const members = new MemberSet(cache)
    this.#listing = new Listing({ storage, cache, settings, env, counters })
    const repair = (key: string, version: number) =>
      isHeadKey(key) ? members.drop(key) : parts.repair(key, version)
    const keysOf = (change: ExternalChange) => externalKeys(this.keyOf, change)
    this.#relay = new Relay(storage, namespace, repair, keysOf, settings, env, counters)
    this.#acknowledger = new Acknowledger((ids) => storage.acknowledge(ids), env)
    this.#parts = {
      ...{ storage, settings, env, counters, members },
      ...{
        cache: parts,
        reader: this.#reader,
        acknowledger: this.#acknowledger,
        keyOf: this.keyOf,
        namespace,
      },
    }
    this.#writer = new ProxyWriter(this.#parts)
  }

  innerOf(collection: string, resource: string | undefined): ResourceInfo {
    return this.#storage.info(collection, resource)
  }

  partKeyOf(key: string, part: PartName): string {
    return partKeyOf(key, part)
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
    const address = this.#address(info, 'content')
    const { key, inner } = address
    const cached = await untilAborted(this.#reader.cached(address), call.signal)
    if (cached === 'missing') return undefined
    if (cached !== 'unknown') return streamOf(cached)
    const opened = await openOrUndefined(this.#storage, inner, call)
    try {
      await untilAborted(this.#reader.evictOlder(key, opened), call.signal)
    } catch (error) {
      closeUnread(opened?.stream)
      throw error
    }
    if (opened === undefined || opened.size > this.#settings.maxCachedBytes) {
      this.#counters.durableReads++
      this.#counters.durableQueries++
      return opened
    }
    // Small enough to be cached: read the usual way, which fills.
    closeUnread(opened.stream)
    const found = await this.readOne(info, 'content', call)
    return found && streamOf(found)
  }

  async exists(info: ResourceInfo, part: PartName | undefined, call: DriverCall): Promise<boolean> {
    this.#relay.start()
    const asked = part === undefined ? PART_NAMES : [part]
    const keys = asked.map((name) => partKey(info, name))
    const known = await untilAborted(this.#presence.lookUp(keys), call.signal)
    if (known !== 'unknown') return known === 'exists'
    const exists = await this.#storage.exists(info.inner ?? info, { ...call, part })
    // As after any read past the cache: no item may contradict this answer to the next reader.
    await untilAborted(
      Promise.all(keys.map((key) => this.#reader.evictOlder(key, exists ? NEWEST : undefined))),
      call.signal,
    )
    return exists
  }

  async list({ collection, ...options }: ListRequest, call: DriverCall): Promise<ListRows> {
    this.#relay.start()
    this.#counters.durableListings++
    const { entries, next, back } = await this.#storage.page(collection, { ...options, ...call })
    return { rows: entries, next, first: back }
  }

  listAll(
    { collection, ext }: Pick<ListRequest, 'collection' | 'ext'>,
    call: DriverCall,
  ): AsyncIterable<readonly string[]> {
    this.#relay.start()
    return this.#listing.names({ headKey: this.#headKey(collection), collection, ext, signal: call.signal })
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    this.#relay.start()
    const work = () => this.#writer.write(request, call)
    return this.#mayOvertake([request]) ? work() : this.#queue.run([request.info.key], work, call.signal)
  }

  async writeMany(requests: readonly WriteRequest[], call: DriverCall): Promise<WriteResult[]> {
    this.#relay.start()
    const work = () => this.#writer.writeMany(requests, call)
    if (this.#mayOvertake(requests)) return work()
    const keys = requests.map(({ info }) => info.key)
    return this.#queue.run(keys, work, call.signal)
  }

  /** A source may take for ever: such writers meet at the row's lock, once they have all that is to be stored. */
  #mayOvertake(requests: readonly WriteRequest[]): boolean {
    return this.supports.transactions && requests.some(isStreaming)
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

  acknowledge(journalIds: readonly string[]): Promise<void> {
    return this.#storage.acknowledge(journalIds.filter((id) => !this.#withheld.has(id)))
  }

  transaction<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    request: TransactionRequest,
    { signal }: DriverCall,
  ): Promise<TransactionResult<T>> {
    this.#relay.start()
    const through = (inner: StorageTransaction) => work(this.#through(inner))
    return this.#storage.transaction(through, { ...request, signal })
  }

  join(manager: object): DriverTransaction {
    this.#relay.start()
    const inner = this.#storage.within(manager)
    const joined = this.#joined.get(inner) ?? this.#through(inner)
    this.#joined.set(inner, joined)
    return joined
  }

  #through(inner: StorageTransaction): ProxyTransaction {
    return new ProxyTransaction(this, inner, new TransactionWrites(this.#parts, this.#withheld))
  }

  /** What a proxy behind which this one stands asks for; this one's own keys are set right on the way. */
  claim(
    request: ClaimRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    call: DriverCall,
  ): Promise<number> {
    const options = { ...request, ...call, keyPrefix: guestPrefix(request.keyPrefix) }
    return this.#storage.claim(options, async (rows) => work(await this.#relay.repair(rows)))
  }

  claimExternal(
    limit: number,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    call: DriverCall,
  ): Promise<number> {
    this.#relay.standBehind()
    const options = { ...call, olderThanMs: 0, limit, external: true }
    return this.#storage.claim(options, async (rows) => work(await this.#relay.repairOutside(rows)))
  }

  onExternalChange(wake: () => void): () => void {
    return this.#storage.onExternalChange(wake)
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.#relay.stop()
    await this.#reader.settled()
    await this.#acknowledger.flush()
    for (const owned of this.#owned) await owned.close()
  }

  #address(info: ResourceInfo, part: PartName): PartAddress {
    return new PartAddress(partKey(info, part), info.inner ?? info, part)
  }

  #headKey(collection: string): string {
    return headKey(this.keyOf, collection)
  }
}

function isStreaming({ changes }: WriteRequest): boolean {
  return PART_NAMES.some((part) => typeof changes[part] === 'object' && 'stream' in changes[part])
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

function streamOf({ bytes, ...info }: StoredPart): PartStream {
  return { ...info, stream: chunk(bytes) }
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
