import { StorageError } from '../errors.js'
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
  StorageTransaction,
  WriteOptions,
  WriteResult,
} from '../storage.js'
import type { TransactionOptions } from '../storage.js'
import type { TransactionResult } from '../transaction.js'
import {
  type CallFaults,
  type CallFilter,
  type CallKind,
  type FaultPoint,
  Faults,
  gatedHook,
  type StorageCall,
} from './faults.js'
import { ForwardingStorage } from './forwarding-storage.js'
import type { Gate } from './gate.js'

/** What a `FaultyStorage` does, and to which calls. */
export interface FaultOptions {
  readonly at?: FaultPoint | undefined
  /** Only calls for which this is true; others pass and leave the fault in place. */
  readonly where?: CallFilter | undefined
}

/**
 * Hands every call on to another storage, and stops or breaks the ones that a test names, so that a race is played
 * step by step instead of hoped for:
 *
 * ```ts
 * import { MemoryStorage } from '@larder/storage-core'
 * import { FaultyStorage } from '@larder/storage-core/testing'
 *
 * const storage = new FaultyStorage(new MemoryStorage())
 * const info = storage.info('pages', 'home')
 * await storage.putContent(info, 'old')
 *
 * const gate = storage.pauseNextRead()
 * const slow = storage.getContent(info)
 * await gate.reached // the old bytes are read, and not yet answered
 * await storage.putContent(info, 'new')
 * gate.open()
 * console.log((await slow).bytes.toString())
 * ```
 *
 * ```text
 * old
 * ```
 *
 * A stopped call whose `signal` fires rejects with `E_ABORTED`, except a write that is already committed. Reads are
 * `getContent`, `getMetaData`, `getMany`, `openContent` and `exists`; listings `ls`, `ils` and `page`.
 */
export class FaultyStorage extends ForwardingStorage {
  readonly #faults = new Faults()
  #calls: StorageCall[] = []

  /** Every call so far, oldest first. */
  get calls(): readonly StorageCall[] {
    return this.#calls
  }

  /** How many calls there were of a kind or method. */
  count(kindOrMethod: string): number {
    return this.#calls.filter(({ kind, method }) => kind === kindOrMethod || method === kindOrMethod).length
  }

  forgetCalls(): void {
    this.#calls = []
  }

  /** Stops the next read. Default: `after`, so that it holds bytes which a write can overtake. */
  pauseNextRead({ at = 'after', where }: FaultOptions = {}): Gate {
    return this.#add('read', at, where)
  }

  /** Stops the next write. Default: `before`. */
  pauseNextWrite({ at = 'before', where }: FaultOptions = {}): Gate {
    return this.#add('write', at, where)
  }

  /** Stops the next listing. Default: `after`; `ils` has then yielded everything and not yet ended. */
  pauseNextListing({ at = 'after', where }: FaultOptions = {}): Gate {
    return this.#add('listing', at, where)
  }

  /** Lets the next `times` reads fail. Default: `before`. */
  failNextReads(times: number, error: Error, options?: FaultOptions): void {
    this.#fail('read', times, error, options)
  }

  /**
   * Lets the next `times` writes fail. Default: `before`, nothing was written. `commit`: rolled back. `after`: written,
   * and the caller does not know.
   */
  failNextWrites(times: number, error: Error, options?: FaultOptions): void {
    this.#fail('write', times, error, options)
  }

  failNextListings(times: number, error: Error, options?: FaultOptions): void {
    this.#fail('listing', times, error, options)
  }

  /** Takes back all faults that no call has met, and opens their gates. */
  clearFaults(): void {
    this.#faults.clear()
  }

  override createContainer(collection: string, options?: CallOptions): Promise<void> {
    this.#record('other', 'createContainer', [])
    return super.createContainer(collection, options)
  }

  override getContent(info: ResourceInfo, options?: CallOptions): Promise<StoredPart> {
    return this.#call('read', 'getContent', [info], options, () => super.getContent(info, options))
  }

  override getMetaData(info: ResourceInfo, options?: CallOptions): Promise<StoredPart> {
    return this.#call('read', 'getMetaData', [info], options, () => super.getMetaData(info, options))
  }

  override getMany(
    infos: readonly ResourceInfo[],
    options?: ReadManyOptions,
  ): Promise<(StoredPart | undefined)[]> {
    return this.#call('read', 'getMany', infos, options, () => super.getMany(infos, options))
  }

  override openContent(info: ResourceInfo, options?: CallOptions): Promise<PartStream> {
    return this.#call('read', 'openContent', [info], options, () => super.openContent(info, options))
  }

  override exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    return this.#call('read', 'exists', [info], options, () => super.exists(info, options))
  }

  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('putContent', info, options, (own) => super.putContent(info, content, own))
  }

  override putMetaData(
    info: ResourceInfo,
    metadata: ByteSource,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write('putMetaData', info, options, (own) => super.putMetaData(info, metadata, own))
  }

  override put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    return this.#write('put', info, options, (own) => super.put(info, ...([parts, own] as PutArguments)))
  }

  override removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('removeContent', info, options, (own) => super.removeContent(info, own))
  }

  override removeMetaData(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('removeMetaData', info, options, (own) => super.removeMetaData(info, own))
  }

  override remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult> {
    return this.#write('remove', info, options, (own) =>
      super.remove(info, own as PartsWriteOptions | undefined),
    )
  }

  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    // What is no write is for the storage behind to refuse.
    const infos = Array.isArray(writes)
      ? writes.flatMap((write: Partial<ResourceWrite> | null) => write?.info ?? [])
      : []
    return this.#gatedWrite('writeMany', infos, options, (faults) => {
      if (!faults.has('locked', 'commit')) return super.writeMany(writes, options)
      const gated = writes.map((write) => ({
        ...write,
        transaction: gatedHook(faults, write.transaction, options?.signal),
      }))
      return super.writeMany(gated, options)
    })
  }

  /** `locked` and `commit` stop or break it when it is about to commit, before and after the marks of caches. */
  override async transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    return this.#gatedWrite('transaction', [], options, (faults) => {
      if (!faults.has('locked', 'commit')) return super.transaction(work, options)
      const gated = async (tx: StorageTransaction): Promise<T> => {
        tx.enlist({ closing: () => faults.pass('locked', options?.signal) })
        const value = await work(tx)
        tx.enlist({ beforeCommit: () => faults.pass('commit', options?.signal) })
        return value
      }
      return super.transaction(gated, options)
    })
  }

  override persist(infos: readonly ResourceInfo[], message?: string, options?: CallOptions): Promise<void> {
    this.#record('other', 'persist', infos)
    return super.persist(infos, message, options)
  }

  override async ls(collection: string, ext?: string | ListOptions): Promise<Map<string, ResourceInfo>> {
    const options = typeof ext === 'string' ? undefined : ext
    return this.#call('listing', 'ls', [this.info(collection)], options, () => super.ls(collection, ext))
  }

  override ils(
    collection: string,
    ext?: string | ListOptions,
  ): AsyncIterable<[name: string, info: ResourceInfo]> {
    const pairs = super.ils(collection, ext)
    return this.#gatedPairs(collection, pairs, typeof ext === 'string' ? undefined : ext?.signal)
  }

  override async page(collection: string, options?: PageOptions): Promise<ListPage> {
    return this.#call('listing', 'page', [this.info(collection)], options, () =>
      super.page(collection, options),
    )
  }

  override acknowledge(journalIds: readonly string[]): Promise<void> {
    this.#record('other', 'acknowledge', [])
    return super.acknowledge(journalIds)
  }

  #record(kind: CallKind, method: string, infos: readonly ResourceInfo[]): CallFaults {
    const call = { kind, method, infos }
    this.#calls.push(call)
    return this.#faults.take(call)
  }

  #add(kind: CallKind, at: FaultPoint, where: CallFilter | undefined): Gate {
    if (at === 'locked' || at === 'commit') {
      if (kind !== 'write') throw new TypeError(`Only writes can be stopped at ${at}`)
      if (!this.supports.transactions)
        throw new StorageError('E_UNSUPPORTED', 'This storage has no transactions')
    }
    return this.#faults.add(kind, at, where)
  }

  #fail(kind: CallKind, times: number, error: Error, { at = 'before', where }: FaultOptions = {}): void {
    for (let i = 0; i < times; i++) this.#add(kind, at, where).fail(error)
  }

  async #call<T>(
    kind: CallKind,
    method: string,
    infos: readonly ResourceInfo[],
    options: CallOptions | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const faults = this.#record(kind, method, infos)
    try {
      // Without a fault not a turn later than without this wrapper: a shutdown that follows must find the call.
      if (faults.has('before')) await faults.pass('before', options?.signal)
      const answer = await work()
      await faults.pass('after', options?.signal)
      return answer
    } finally {
      faults.end()
    }
  }

  #write(
    method: string,
    info: ResourceInfo,
    options: WriteOptions | undefined,
    work: (options: WriteOptions | undefined) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    return this.#gatedWrite(method, [info], options, (faults) => {
      if (!faults.has('locked', 'commit')) return work(options)
      return work({ ...options, transaction: gatedHook(faults, options?.transaction, options?.signal) })
    })
  }

  async #gatedWrite<T>(
    method: string,
    infos: readonly ResourceInfo[],
    options: CallOptions | undefined,
    work: (faults: CallFaults) => Promise<T>,
  ): Promise<T> {
    const faults = this.#record('write', method, infos)
    try {
      if (faults.has('before')) await faults.pass('before', options?.signal)
      const answer = await work(faults)
      await faults.pass('after')
      return answer
    } finally {
      faults.end()
    }
  }

  async *#gatedPairs<T>(
    collection: string,
    pairs: AsyncIterable<T>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T, void, undefined> {
    const faults = this.#record('listing', 'ils', [this.info(collection)])
    try {
      await faults.pass('before', signal)
      yield* pairs
      await faults.pass('after', signal)
    } finally {
      faults.end()
    }
  }
}
