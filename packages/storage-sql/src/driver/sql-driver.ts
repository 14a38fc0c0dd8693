import {
  isStorageError,
  type KeyGenerator,
  PART_NAMES,
  type PartName,
  type PartStream,
  type ResourceInfo,
  StorageError,
  type StorageFeatures,
  type StoredPart,
  type TransactionResult,
  type WriteResult,
} from '@larder/storage-core'
import {
  assertConditions,
  Backoff,
  type DriverCall,
  type DriverTransaction,
  type JournalRow,
  type ListRequest,
  type ListRows,
  type StorageDriver,
  throwIfAborted,
  type TransactionRequest,
  type ClaimRequest,
  type WriteRequest,
} from '@larder/storage-core/driver'
import { setTimeout as sleep } from 'node:timers/promises'
import { ContentChunks } from './content-chunks.js'
import { ChunkCollector } from './chunk-collector.js'
import { type Clock, microClock } from '../clock.js'
import { type ConnectionSource, type Listener, SYSTEMS } from '../connections/index.js'
import { ChangeLog } from '../change-log.js'
import { Care } from './care.js'
import { Containers } from './containers.js'
import { discardWrites, type TakenWrite, takeWrites } from './content-intake.js'
import { Journal } from '../journal.js'
import { Listing } from './listing.js'
import type { OpenOptions, Settings } from '../options.js'
import { claimExternal } from './external-changes.js'
import { Reader } from './reader.js'
import { isCollision, isStale, toStorageError } from '../sql-errors.js'
import type { TablePaths } from '../tables.js'
import { canRepeat, type OpenTransaction, type Transactions } from '../transactions/index.js'
import { SqlTransaction } from './sql-transaction.js'
import { writtenCollections } from './written-collections.js'
import { Writer } from './writer.js'

const PAUSES = Object.freeze({ firstMs: 2, longestMs: 100 })

const FEATURES = Object.freeze({
  durable: true,
  atomicParts: true,
  atomicMany: true,
  transactions: true,
  interactiveTransactions: true,
  journal: true,
  streams: true,
} as const)

/** The storage operations on tables that exist. */
export class SqlDriver implements StorageDriver {
  readonly supports: StorageFeatures
  readonly system: string
  readonly keyOf: KeyGenerator
  readonly #source: ConnectionSource
  readonly #settings: Settings
  readonly #listener: Listener | undefined
  readonly #clock: Clock
  readonly #containers: Containers
  readonly #journal: Journal
  readonly #changes: ChangeLog
  readonly #chunks: ContentChunks
  readonly #collector: ChunkCollector
  readonly #reader: Reader
  readonly #listing: Listing
  readonly #writer: Writer
  readonly care: Care
  readonly #tables: TablePaths
  readonly #transactions: Transactions
  readonly #joined = new WeakMap<OpenTransaction, SqlTransaction>()

  constructor(
    source: ConnectionSource,
    tables: TablePaths,
    settings: Settings,
    listener: Listener | undefined,
    transactions: Transactions,
    { keyGenerator, now, orderByModified }: Pick<OpenOptions, 'keyGenerator' | 'now' | 'orderByModified'>,
  ) {
    this.supports = Object.freeze({ ...FEATURES, orderByModified })
    this.system = SYSTEMS[source.dialect.family]
    this.keyOf = keyGenerator
    this.#source = source
    this.#settings = settings
    this.#listener = listener
    this.#clock = microClock(now)
    this.#containers = new Containers(source, tables)
    this.#journal = new Journal(source, tables)
    this.#changes = new ChangeLog(source, tables.change)
    this.#chunks = new ContentChunks(source, tables, settings)
    this.#collector = new ChunkCollector(source, tables, settings)
    this.#reader = new Reader(source, tables, this.#chunks)
    this.#listing = new Listing(source, tables)
    this.care = new Care(source, tables, this.#collector, this.#changes)
    this.#tables = tables
    this.#transactions = transactions
    this.#writer = new Writer(tables, this.#journal, this.#chunks, this.#clock, settings)
  }

  async createContainer(collection: string, { signal }: DriverCall): Promise<void> {
    await this.#containers.make(collection, signal)
  }

  read(
    infos: readonly ResourceInfo[],
    part: PartName,
    call: DriverCall,
  ): Promise<(StoredPart | undefined)[]> {
    return this.#reader.read(infos, part, call.signal)
  }

  openContent(info: ResourceInfo, { signal }: DriverCall): Promise<PartStream | undefined> {
    return this.#reader.open(info, signal)
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const [result] = await this.writeMany([request], call)
    if (result === undefined) throw new StorageError('E_STORAGE_UNAVAILABLE', 'The write has no result')
    return result
  }

  async writeMany(requests: readonly WriteRequest[], { signal }: DriverCall): Promise<WriteResult[]> {
    for (const request of requests) await this.#judgeEarly(request, signal)
    for (const collection of writtenCollections(requests)) await this.#containers.make(collection, signal)
    const taken = await takeWrites(requests, this.#chunks, this.#settings, signal)
    try {
      const results = await this.#writeRepeatedly(taken, signal)
      this.#collector.poke()
      return results
    } catch (error) {
      if (!isStorageError(error, 'E_OUTCOME_UNKNOWN')) await discardWrites(taken, this.#chunks)
      throw error
    }
  }

  async transaction<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    { attempts = this.#settings.attempts, timeoutMs = Infinity }: TransactionRequest,
    { signal }: DriverCall,
  ): Promise<TransactionResult<T>> {
    const backoff = new Backoff(PAUSES)
    for (let attempt = 1; ; attempt++) {
      try {
        const ended = await this.#transactions.run((open) => work(this.#bound(open)), { timeoutMs, signal })
        this.#collector.poke()
        return ended
      } catch (error) {
        if (!canRepeat(error)) throw error
        if (attempt >= attempts)
          throw isStale(toStorageError(error))
            ? error
            : collidedTooOften('The transaction', attempt, undefined, error)
      }
      await pause(backoff, signal)
    }
  }

  join(manager: object): DriverTransaction {
    const open = this.#transactions.join(manager)
    const joined = this.#joined.get(open) ?? this.#bound(open)
    this.#joined.set(open, joined)
    return joined
  }

  #bound(open: OpenTransaction): SqlTransaction {
    return new SqlTransaction(open, {
      ...{ supports: this.supports, system: this.system, keyOf: this.keyOf },
      ...{ tables: this.#tables, settings: this.#settings, clock: this.#clock },
    })
  }

  /** Conditions are decided with the row locked; but what cannot come to be need not be stored before. */
  async #judgeEarly(request: WriteRequest, signal: AbortSignal | undefined): Promise<void> {
    const { info, conditions } = request
    if (!streams(request) || PART_NAMES.every((part) => conditions[part] === undefined)) return
    const versions = await this.#reader.versions(info, signal)
    assertConditions(info, conditions, (part) => versions[part])
  }

  containerExists(collection: string, { signal }: DriverCall): Promise<boolean> {
    return this.#containers.exists(collection, signal)
  }

  exists(info: ResourceInfo, part: PartName | undefined, { signal }: DriverCall): Promise<boolean> {
    return this.#reader.exists(info, part, signal)
  }

  list(request: ListRequest, { signal }: DriverCall): Promise<ListRows> {
    return this.#listing.page(request, signal)
  }

  listAll(
    request: Pick<ListRequest, 'collection' | 'ext'>,
    { signal }: DriverCall,
  ): AsyncIterable<readonly string[]> {
    return this.#listing.names(request, signal)
  }

  acknowledge(journalIds: readonly string[]): Promise<void> {
    return this.#journal.acknowledge(journalIds)
  }

  claim(
    request: ClaimRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    { signal }: DriverCall,
  ): Promise<number> {
    return this.#journal.claim(request, work, signal)
  }

  claimExternal(
    limit: number,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    { signal }: DriverCall,
  ): Promise<number> {
    return claimExternal(this.#changes, limit, work, signal)
  }

  onExternalChange(wake: () => void): () => void {
    return this.#listener?.subscribe(wake) ?? (() => undefined)
  }

  async close(): Promise<void> {
    this.#transactions.close()
    await this.#listener?.close()
    await this.#collector.close()
    await this.#source.close()
  }

  async #writeRepeatedly(
    jobs: readonly TakenWrite[],
    signal: AbortSignal | undefined,
  ): Promise<WriteResult[]> {
    const requests = jobs.map(({ request }) => request)
    const backoff = new Backoff(PAUSES)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#source.write((connection) => this.#writer.run(connection, jobs, signal), signal)
      } catch (error) {
        if (!isCollision(error)) throw error
        if (attempt >= this.#settings.attempts)
          throw collidedTooOften('The write', attempt, requests[0]?.info.key, error)
      }
      await pause(backoff, signal, requests[0]?.info.key)
      for (const collection of writtenCollections(requests)) {
        await this.#containers.makeAgain(collection, signal)
      }
    }
  }
}

function streams({ changes }: WriteRequest): boolean {
  return PART_NAMES.some((part) => {
    const change = changes[part]
    return typeof change === 'object' && 'stream' in change
  })
}

/** Before the next attempt. Rejects with `E_ABORTED`. */
async function pause(backoff: Backoff, signal: AbortSignal | undefined, key?: string): Promise<void> {
  await sleep(backoff.next())
  throwIfAborted(signal, key)
}

function collidedTooOften(
  what: string,
  attempts: number,
  key: string | undefined,
  cause: unknown,
): StorageError {
  return new StorageError('E_CONFLICT', `${what} collided with others ${attempts} times`, { key, cause })
}
