import {
  type KeyGenerator,
  type PartName,
  type PartStream,
  type ResourceInfo,
  isStorageError,
  type StorageFeatures,
  type StorageTransaction,
  type StoredPart,
  type TransactionResult,
  type WriteResult,
} from '@larder/storage-core'
import {
  type BoundCalls,
  type DriverCall,
  type DriverTransaction,
  type ListRequest,
  type ListRows,
  type Participant,
  type StorageDriver,
  type TransactionRequest,
  type WriteRequest,
} from '@larder/storage-core/driver'
import { forward, resourceWrite } from './forward.js'
import { guestKeys } from '../outbox/index.js'
import type { TransactionWrites } from './transaction-writes.js'

/** What a transaction needs of the driver that it is of. */
export interface ProxyTransactionOwner {
  readonly supports: StorageFeatures
  readonly keyOf: KeyGenerator
  innerOf(collection: string, resource: string | undefined): ResourceInfo
  partKeyOf(key: string, part: PartName): string
}

/** The calls of a transaction: all go to that of the storage behind, and the cache hears of them when it commits. */
export class ProxyTransaction implements StorageDriver, DriverTransaction {
  readonly system = 'memcached'
  readonly deadline = Infinity
  readonly #owner: ProxyTransactionOwner
  readonly #inner: StorageTransaction
  readonly #writes: TransactionWrites
  readonly #isNested: boolean
  readonly #calls: BoundCalls[] = []
  #closings: (() => Promise<void>)[] = []

  constructor(
    owner: ProxyTransactionOwner,
    inner: StorageTransaction,
    writes: TransactionWrites,
    isNested = false,
  ) {
    this.#owner = owner
    this.#inner = inner
    this.#writes = writes
    this.#isNested = isNested
    if (!isNested) inner.enlist(writes)
  }

  get driver(): StorageDriver {
    return this
  }

  get supports(): StorageFeatures {
    return this.#owner.supports
  }

  get keyOf(): KeyGenerator {
    return this.#owner.keyOf
  }

  get native(): unknown {
    return this.#inner.native
  }

  get outcome(): DriverTransaction['outcome'] {
    return this.#inner.outcome
  }

  innerOf(collection: string, resource: string | undefined): ResourceInfo {
    return this.#owner.innerOf(collection, resource)
  }

  partKeyOf(key: string, part: PartName): string {
    return this.#owner.partKeyOf(key, part)
  }

  createContainer(collection: string, call: DriverCall): Promise<void> {
    return this.#inner.createContainer(collection, call)
  }

  containerExists(collection: string, call: DriverCall): Promise<boolean> {
    return this.#inner.exists(this.#inner.info(collection), call)
  }

  read(
    infos: readonly ResourceInfo[],
    part: PartName,
    call: DriverCall,
  ): Promise<(StoredPart | undefined)[]> {
    return this.#inner.getMany(infos.map(behind), { ...call, part })
  }

  async openContent(info: ResourceInfo, call: DriverCall): Promise<PartStream | undefined> {
    try {
      return await this.#inner.openContent(behind(info), call)
    } catch (error) {
      if (isStorageError(error, 'E_NOT_FOUND')) return undefined
      throw error
    }
  }

  exists(info: ResourceInfo, part: PartName | undefined, call: DriverCall): Promise<boolean> {
    return this.#inner.exists(behind(info), { ...call, part })
  }

  async list({ collection, ...options }: ListRequest, call: DriverCall): Promise<ListRows> {
    const { entries, next, back } = await this.#inner.page(collection, { ...options, ...call })
    return { rows: entries, next, first: back }
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const write = this.#writes.begin(request)
    try {
      const extra = { ...call, transaction: write.hook }
      return write.done(await forward(this.#inner, write.request, write.recorder, extra))
    } catch (error) {
      await this.#writes.refuse([request], error)
      throw error
    }
  }

  async writeMany(requests: readonly WriteRequest[], call: DriverCall): Promise<WriteResult[]> {
    const writes = requests.map((request) => this.#writes.begin(request))
    try {
      const forwarded = writes.map((write) => resourceWrite(write, write.hook))
      const results = await this.#inner.writeMany(forwarded, call)
      return writes.map((write, i) => write.done(results[i]))
    } catch (error) {
      await this.#writes.refuse(requests, error)
      throw error
    }
  }

  async persist(
    infos: readonly ResourceInfo[],
    message: string | undefined,
    call: DriverCall,
  ): Promise<void> {
    await this.#inner.persist(infos.map(behind), message, call)
  }

  transaction<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    _request: TransactionRequest,
    call: DriverCall,
  ): Promise<TransactionResult<T>> {
    const nested = (inner: StorageTransaction) =>
      work(new ProxyTransaction(this.#owner, inner, this.#writes, true))
    return this.#inner.transaction(nested, call)
  }

  journal(keys: readonly string[]): Promise<string> {
    return this.#inner.journal(guestKeys(keys))
  }

  enlist(participant: Participant): void {
    this.#inner.enlist({
      beforeCommit: async () => participant.beforeCommit?.(),
      afterCommit: async () => (await participant.afterCommit?.()) ?? true,
      afterRollback: async (reason) => participant.afterRollback?.(reason),
    })
    this.#closings.push(async () => participant.closing?.())
  }

  /** Before the storage behind lets no more calls in. */
  async closing(): Promise<void> {
    if (this.#isNested) return
    for (const closing of this.#closings.splice(0).reverse()) await closing()
  }

  closeWith(calls: BoundCalls): void {
    this.#calls.push(calls)
    this.#inner.enlist({
      closing: async () => {
        await this.closing()
        for (const each of this.#calls) await each.drain()
      },
      afterRollback: async (reason) => {
        for (const each of this.#calls) await each.cut(reason)
      },
    })
  }

  async close(): Promise<void> {}
}

function behind(info: ResourceInfo): ResourceInfo {
  return info.inner ?? info
}
