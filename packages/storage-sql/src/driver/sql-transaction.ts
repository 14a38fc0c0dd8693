import type {
  KeyGenerator,
  PartName,
  PartStream,
  ResourceInfo,
  StorageFeatures,
  StoredPart,
  TransactionResult,
  WriteResult,
} from '@larder/storage-core'
import type {
  BoundCalls,
  DriverCall,
  DriverTransaction,
  ListRequest,
  ListRows,
  Participant,
  StorageDriver,
  TransactionRequest,
  TransactionSteps,
  WriteRequest,
} from '@larder/storage-core/driver'
import { StorageError } from '@larder/storage-core'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/index.js'
import { Journal } from '../journal.js'
import type { Settings } from '../options.js'
import type { TablePaths } from '../tables.js'
import { BoundSource, type OpenTransaction } from '../transactions/index.js'
import { ContentChunks } from './content-chunks.js'
import { Containers } from './containers.js'
import { discardWrites, type TakenWrite, takeWrites } from './content-intake.js'
import { Listing } from './listing.js'
import { Reader } from './reader.js'
import { type ChangedWrites, Writer } from './writer.js'
import { writtenCollections } from './written-collections.js'

/** What a transaction needs of the driver that it is of. */
export interface SqlParts {
  readonly supports: StorageFeatures
  readonly system: string
  readonly keyOf: KeyGenerator
  readonly tables: TablePaths
  readonly settings: Settings
  readonly clock: Clock
}

/** The storage operations on the connection of a transaction, and its end. */
export class SqlTransaction implements DriverTransaction, StorageDriver {
  readonly supports: StorageFeatures
  readonly system: string
  readonly keyOf: KeyGenerator
  readonly #transaction: OpenTransaction
  readonly #source: BoundSource
  readonly #settings: Settings
  readonly #containers: Containers
  readonly #journal: Journal
  readonly #chunks: ContentChunks
  readonly #reader: Reader
  readonly #listing: Listing
  readonly #writer: Writer

  constructor(transaction: OpenTransaction, { supports, system, keyOf, tables, settings, clock }: SqlParts) {
    this.supports = supports
    this.system = system
    this.keyOf = keyOf
    this.#transaction = transaction
    this.#settings = settings
    this.#source = new BoundSource(transaction)
    this.#containers = new Containers(this.#source, tables)
    this.#journal = new Journal(this.#source, tables)
    this.#chunks = new ContentChunks(this.#source, tables, settings)
    this.#reader = new Reader(this.#source, tables, this.#chunks)
    this.#listing = new Listing(this.#source, tables)
    this.#writer = new Writer(tables, this.#journal, this.#chunks, clock, settings)
  }

  get driver(): StorageDriver {
    return this
  }

  get native(): unknown {
    return this.#transaction.runner.manager
  }

  get outcome(): TransactionSteps['outcome'] {
    return this.#transaction.steps.outcome
  }

  get deadline(): number {
    return this.#transaction.deadline
  }

  async createContainer(collection: string, { signal }: DriverCall): Promise<void> {
    await this.#containers.make(collection, signal)
  }

  read(
    infos: readonly ResourceInfo[],
    part: PartName,
    { signal }: DriverCall,
  ): Promise<(StoredPart | undefined)[]> {
    return this.#reader.read(infos, part, signal)
  }

  openContent(info: ResourceInfo, { signal }: DriverCall): Promise<PartStream | undefined> {
    return this.#reader.open(info, signal)
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

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const [result] = await this.writeMany([request], call)
    if (result === undefined) throw new StorageError('E_STORAGE_UNAVAILABLE', 'The write has no result')
    return result
  }

  async writeMany(requests: readonly WriteRequest[], { signal }: DriverCall): Promise<WriteResult[]> {
    for (const collection of writtenCollections(requests)) await this.#containers.make(collection, signal)
    const taken = await takeWrites(requests, this.#chunks, this.#settings, signal)
    try {
      const changed = (connection: Connection) => this.#change(connection, taken)
      const { results } = await this.#source.write(changed, signal)
      return results
    } catch (error) {
      await discardWrites(taken, this.#chunks)
      throw error
    }
  }

  async #change(connection: Connection, taken: readonly TakenWrite[]): Promise<ChangedWrites> {
    const changed = await this.#writer.change(connection, taken)
    this.#transaction.steps.add(changed.calls, this.#transaction.depth)
    // What the program itself writes in the transaction is not journaled.
    if (taken.some(({ request }) => request.transaction?.journal !== undefined))
      await connection.runAll(connection.dialect.journaling.before(false, true))
    return changed
  }

  journal(keys: readonly string[]): Promise<string> {
    return this.#source.write((connection) => this.#journal.add(connection, keys), undefined)
  }

  enlist(participant: Participant): void {
    this.#transaction.steps.enlist(participant)
  }

  closing(): Promise<void> {
    return this.#transaction.steps.closing()
  }

  closeWith(calls: BoundCalls): void {
    this.#transaction.steps.closeWith(calls)
  }

  /** A savepoint, which TypeORM's events tell of. */
  async transaction<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    _request: TransactionRequest,
    _call: DriverCall,
  ): Promise<TransactionResult<T>> {
    const transaction = this.#transaction
    const { runner } = transaction
    await transaction.alone(() => runner.startTransaction())
    let value: T
    try {
      value = await work(new NestedTransaction(this))
      await transaction.alone(() => runner.commitTransaction())
    } catch (error) {
      await transaction.alone(() => runner.rollbackTransaction())
      throw error
    }
    return { value, cacheInvalidated: true }
  }

  async close(): Promise<void> {}
}

/** Its end is nobody's but its own. */
class NestedTransaction implements DriverTransaction {
  readonly driver: StorageDriver
  readonly #outer: SqlTransaction

  constructor(outer: SqlTransaction) {
    this.driver = outer
    this.#outer = outer
  }

  get native(): unknown {
    return this.#outer.native
  }

  get outcome(): TransactionSteps['outcome'] {
    return this.#outer.outcome
  }

  get deadline(): number {
    return this.#outer.deadline
  }

  journal(keys: readonly string[]): Promise<string> {
    return this.#outer.journal(keys)
  }

  enlist(participant: Participant): void {
    this.#outer.enlist(participant)
  }

  async closing(): Promise<void> {}

  closeWith(): void {}
}
