import { StorageError } from '../errors.js'
import type { ResourceInfo } from '../resource.js'
import type {
  ByteSource,
  CallOptions,
  ListPage,
  PageOptions,
  PartsWriteOptions,
  PutArguments,
  ResourceWrite,
  Storage,
  StorageTransaction,
  StorageFeatures,
  WriteOptions,
  WriteResult,
} from '../storage.js'
import type { TransactionOptions } from '../storage.js'
import type { TransactionHook, TransactionResult } from '../transaction.js'
import { ForwardingStorage } from './forwarding-storage.js'

type Refusable =
  'atomicParts' | 'atomicMany' | 'transactions' | 'interactiveTransactions' | 'journal' | 'orderByModified'

/**
 * A storage that refuses what it could do: how users of a storage get on with a lesser one is tested with it, for
 * example the way of a cache proxy without transactions.
 */
export class LimitedStorage extends ForwardingStorage {
  readonly #without: ReadonlySet<string>

  constructor(inner: ForwardingStorage['inner'], without: readonly Refusable[]) {
    super(inner)
    // What is journaled is journaled in a transaction; and what a transaction is given has no limits.
    const hooks = without.includes('transactions') ? ['journal'] : []
    this.#without = new Set([
      ...without,
      ...hooks,
      ...(without.length > 0 ? ['interactiveTransactions'] : []),
    ])
  }

  override get supports(): StorageFeatures {
    const without = [...this.#without].map((feature) => [feature, false])
    return { ...this.inner.supports, ...(Object.fromEntries(without) as Partial<StorageFeatures>) }
  }

  override async putContent(
    info: ResourceInfo,
    content: ByteSource,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return super.putContent(info, content, this.#allowed(options))
  }

  override async putMetaData(
    info: ResourceInfo,
    metadata: ByteSource,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return super.putMetaData(info, metadata, this.#allowed(options))
  }

  override async put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    this.#refuseParts(parts)
    return super.put(info, ...([parts, this.#allowed(options)] as PutArguments))
  }

  override async removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return super.removeContent(info, this.#allowed(options))
  }

  override async removeMetaData(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return super.removeMetaData(info, this.#allowed(options))
  }

  override async remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult> {
    this.#refuse('atomicParts')
    return super.remove(info, this.#allowed(options))
  }

  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    this.#refuse('atomicMany')
    for (const write of writes) this.#refuseParts(write)
    return super.writeMany(
      writes.map((write) => ({ ...write, ...this.#hook(write.transaction) })),
      options,
    )
  }

  override async transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    this.#refuse('interactiveTransactions')
    return super.transaction(work, options)
  }

  override within(manager: object): StorageTransaction {
    this.#refuse('interactiveTransactions')
    return super.within(manager)
  }

  override async page(collection: string, options?: PageOptions): Promise<ListPage> {
    if (options?.order === 'oldest' || options?.order === 'newest') this.#refuse('orderByModified')
    return super.page(collection, options)
  }

  override async claim(...args: Parameters<Storage['claim']>): Promise<number> {
    return this.#without.has('journal') ? 0 : super.claim(...args)
  }

  #allowed<Options extends WriteOptions>(options: Options | undefined): Options | undefined {
    return options?.transaction === undefined ? options : { ...options, ...this.#hook(options.transaction) }
  }

  #hook(transaction: TransactionHook | undefined): Pick<WriteOptions, 'transaction'> {
    if (transaction === undefined) return {}
    this.#refuse('transactions')
    if (!this.#without.has('journal')) return { transaction }
    return { transaction: { beforeCommit: (pending) => transaction.beforeCommit(pending) } }
  }

  #refuseParts({ content, metadata }: { readonly content?: unknown; readonly metadata?: unknown }): void {
    if (content !== undefined && metadata !== undefined) this.#refuse('atomicParts')
  }

  #refuse(feature: Refusable): void {
    if (this.#without.has(feature))
      throw new StorageError('E_UNSUPPORTED', `This storage is without ${feature}`)
  }
}
