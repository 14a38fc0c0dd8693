import type { PartStream, ResourceInfo, StoredPart } from '../resource.js'
import type {
  ByteSource,
  CallOptions,
  ExistsOptions,
  ListOptions,
  ListPage,
  PageOptions,
  PartsWriteOptions,
  PutArguments,
  ReadManyOptions,
  ResourceWrite,
  Storage,
  StorageFeatures,
  StorageTransaction,
  WriteOptions,
  WriteResult,
} from '../storage.js'
import type { TransactionOptions } from '../storage.js'
import type { TransactionResult } from '../transaction.js'

/** Hands every call on to another storage; for wrappers that change a few of them. */
export class ForwardingStorage implements Storage {
  readonly inner: Storage

  constructor(inner: Storage) {
    this.inner = inner
  }

  get supports(): StorageFeatures {
    return this.inner.supports
  }

  info(collection: string, resource?: string): ResourceInfo {
    return this.inner.info(collection, resource)
  }

  createContainer(collection: string, options?: CallOptions): Promise<void> {
    return this.inner.createContainer(collection, options)
  }

  getContent(info: ResourceInfo, options?: CallOptions): Promise<StoredPart> {
    return this.inner.getContent(info, options)
  }

  getMetaData(info: ResourceInfo, options?: CallOptions): Promise<StoredPart> {
    return this.inner.getMetaData(info, options)
  }

  getMany(infos: readonly ResourceInfo[], options?: ReadManyOptions): Promise<(StoredPart | undefined)[]> {
    return this.inner.getMany(infos, options)
  }

  openContent(info: ResourceInfo, options?: CallOptions): Promise<PartStream> {
    return this.inner.openContent(info, options)
  }

  putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions): Promise<WriteResult> {
    return this.inner.putContent(info, content, options)
  }

  putMetaData(info: ResourceInfo, metadata: ByteSource, options?: WriteOptions): Promise<WriteResult> {
    return this.inner.putMetaData(info, metadata, options)
  }

  put(info: ResourceInfo, ...args: PutArguments): Promise<WriteResult> {
    return this.inner.put(info, ...args)
  }

  removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.inner.removeContent(info, options)
  }

  removeMetaData(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.inner.removeMetaData(info, options)
  }

  remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult> {
    return this.inner.remove(info, options)
  }

  writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    return this.inner.writeMany(writes, options)
  }

  /** What is called on the transaction goes to the storage behind, past this wrapper. */
  transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    return this.inner.transaction(work, options)
  }

  within(manager: object): StorageTransaction {
    return this.inner.within(manager)
  }

  persist(infos: readonly ResourceInfo[], message?: string, options?: CallOptions): Promise<void> {
    return this.inner.persist(infos, message, options)
  }

  exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    return this.inner.exists(info, options)
  }

  ls(collection: string, ext?: string | ListOptions): Promise<Map<string, ResourceInfo>> {
    return this.inner.ls(collection, ext)
  }

  ils(collection: string, ext?: string | ListOptions): AsyncIterable<[name: string, info: ResourceInfo]> {
    return this.inner.ils(collection, ext)
  }

  page(collection: string, options?: PageOptions): Promise<ListPage> {
    return this.inner.page(collection, options)
  }

  claim(...args: Parameters<Storage['claim']>): Promise<number> {
    return this.inner.claim(...args)
  }

  onExternalChange(wake: () => void): () => void {
    return this.inner.onExternalChange(wake)
  }

  acknowledge(journalIds: readonly string[]): Promise<void> {
    return this.inner.acknowledge(journalIds)
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }
}
