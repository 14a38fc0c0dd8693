import type {
  CallOptions,
  ExistsOptions,
  ListOptions,
  PageOptions,
  Preconditions,
  ReadManyOptions,
  TagsByPart,
  TransactionOptions,
  ClaimOptions,
  WriteOptions,
} from './call-options.js'
import type { ListEntry, PartStream, ResourceInfo, StoredPart } from './resource.js'
import type {
  OutboxTransaction,
  TransactionHook,
  TransactionOutcome,
  TransactionResult,
} from './transaction.js'

export type {
  CallOptions,
  EntityTags,
  ExistsOptions,
  ListOptions,
  ListOrder,
  Match,
  NoneMatch,
  PageOptions,
  Preconditions,
  ReadManyOptions,
  TagsByPart,
  TransactionOptions,
  ClaimOptions,
  WriteOptions,
} from './call-options.js'

/** A Node or web stream, or any other async iterable. */
export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

/**
 * Bytes to store, not to be changed before the promise settles: a string is stored as UTF-8. A stream is read once.
 *
 * A stream stays its caller's. Where the write is refused before it has read anything, the stream is as it was, and
 * another write can take it. Where it stops midway, a Node stream is not destroyed and a web stream not cancelled: what
 * was not read can be read, resumed or thrown away by the caller. Another async iterable is ended by `return()`, as a
 * loop does it that is left, so that the `finally` of a generator runs. A Node stream keeps an error listener.
 *
 * What a function opens is closed by the write, whether it succeeds or not: Node streams are destroyed, web streams
 * cancelled. The function is called once, when it is the stream's turn, and not at all for a write that is refused
 * before.
 */
export type ByteSource =
  | Uint8Array
  | string
  | ByteStream
  | (() => Uint8Array | string | ByteStream | Promise<Uint8Array | string | ByteStream>)

/** What a storage can do beyond the minimum. The contract suite asserts both answers. */
export interface StorageFeatures {
  /** What is stored outlives the process. */
  readonly durable: boolean
  /** Both parts of a resource can be written in one step that happens wholly or not at all. */
  readonly atomicParts: boolean
  /** Several resources can be written in one step that happens wholly or not at all (`writeMany`). */
  readonly atomicMany: boolean
  /** Writes take a `transaction` hook that runs with the row locked, before the commit. */
  readonly transactions: boolean
  /** Several calls can be made in one transaction (`transaction`). */
  readonly interactiveTransactions: boolean
  /** Writes keep a journal of keys to be settled in caches (see `TransactionHook.journal`). */
  readonly journal: boolean
  /** Content passes through without being held in memory as a whole. */
  readonly streams: boolean
  /** `page()` can order by the time of the last write. */
  readonly orderByModified: boolean
}

/** The same for a write of both parts, each of which has an entity tag of its own. */
export interface PartPreconditions {
  readonly ifMatch?: TagsByPart | undefined
  /** `'*'`: writes only if none of the parts exists. */
  readonly ifNoneMatch?: '*' | TagsByPart | undefined
}

/** What a write of both parts can be told. */
export interface PartsWriteOptions extends CallOptions, PartPreconditions {
  readonly transaction?: TransactionHook | undefined
}

/** One part, and not the other. */
export type OnePart<Source> =
  | { readonly content: Source; readonly metadata?: undefined }
  | { readonly metadata: Source; readonly content?: undefined }

/** What `put` stores: one part or both. A part that is not named stays as it is. */
export interface Parts {
  readonly content?: ByteSource | undefined
  readonly metadata?: ByteSource | undefined
}

/** What `put` takes behind the info: where both parts may be written, preconditions name theirs. */
export type PutArguments =
  | [parts: OnePart<ByteSource>, options?: WriteOptions | undefined]
  | [parts: Parts, options?: PartsWriteOptions | undefined]

/** What is to become of one resource among several. A part that is `undefined` stays, one that is `null` is removed. */
export type ResourceWrite = WriteTarget &
  ((OnePart<ByteSource | null> & Preconditions) | (PartChanges & PartPreconditions))

interface WriteTarget {
  readonly info: ResourceInfo
  /** Runs once all resources are changed and locked; those of several resources run at once. */
  readonly transaction?: TransactionHook | undefined
}

interface PartChanges {
  readonly content?: ByteSource | null | undefined
  readonly metadata?: ByteSource | null | undefined
}

/** What a write has done. */
export interface WriteResult {
  /** False where a removal found nothing; then nothing was written and `version` is 0. */
  readonly changed: boolean
  /** The version of every part that was written, or of the absence of what was removed. */
  readonly version: number
  readonly etag: string
  readonly modifiedAt: Date
  /** The resource had no part before. */
  readonly created: boolean
  /** The resource has no part any more. */
  readonly emptied: boolean
  /** The journal row of this write, where one was asked for. */
  readonly journalId?: string | undefined
}

/** A page of a listing. */
export interface ListPage {
  readonly entries: readonly ListEntry[]
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined
  /**
   * The `after` with which the opposite order goes on in front of the first entry, for orders by time: `'oldest'`
   * behind a page of `'newest'`, and the other way round. Undefined for pages by name and for empty ones.
   */
  readonly back?: string | undefined
}

/** A write whose caches are not known to be right. */
export interface JournalRow {
  readonly id: string
  /** As `TransactionHook.journal` named them. */
  readonly keys: readonly string[]
  /** That the write gave to the resource; 0 for a change that was made past the library. */
  readonly version: number
  /** How long it has waited, in milliseconds by the storage's clock, where the storage can tell. */
  readonly waitedMs?: number | undefined
  /** What was changed past the library; then `keys` is empty. */
  readonly external?: ExternalChange | undefined
}

/** A committed change that a program made which does not use the library. */
export interface ExternalChange {
  readonly collection: string
  readonly resource: string
  /** The resource came into the collection or went. */
  readonly listed: boolean
}

/** What keeps rows for messages that must be sent if, and only if, a transaction commits. Every `Storage` is one. */
export interface Outbox {
  /**
   * Binds to a transaction that the program opened itself. `manager` is TypeORM's `EntityManager` of it. The same
   * manager gives the same object until the transaction ends.
   *
   * Throws a `TypeError` for a manager of another database and for one without an open transaction, and `E_UNSUPPORTED`
   * where the storage is not kept in a database of the program's.
   */
  within(manager: object): OutboxTransaction

  /** Drops journal rows of writes whose caches are known to be right. Ids that are gone are passed over. */
  acknowledge(journalIds: readonly string[]): Promise<void>

  /**
   * Claims the oldest rows and hands them to `work`, which resolves to the ids that are to be acknowledged; these are
   * dropped, and the others stay, behind those that have not been handed out yet. Rows that one caller has claimed are passed over by others, where the storage can
   * tell. Of rows that have waited for more than a minute and name the same resource and keys, a storage may keep the
   * newest alone. Resolves to the number of rows handed over, 0 where no journal is kept. Should `work` reject, nothing is
   * dropped and the call rejects with the same error.
   */
  claim(
    options: ClaimOptions,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  ): Promise<number>
}

/**
 * Keeps resources (content and metadata) in named collections. Every implementation passes the suites of
 * `@larder/storage-core/testing`.
 *
 * Names are 1 to 255 bytes (collections) or 1 to 512 bytes (resources) of UTF-8, without U+0000 and lone
 * surrogates; others are a `RangeError` before any I/O, and what is no string a `TypeError`. Names are compared
 * code point by code point.
 *
 * A collection comes into being when it is first written to or listed. All rejections are `StorageError`s, except
 * that an error of the caller's own stream or hook comes back as it was thrown.
 */
export interface Storage extends Outbox, AsyncDisposable {
  readonly supports: StorageFeatures

  /** The address of a resource or, without one, of the collection. Pure: no I/O, same arguments, same key. */
  info(collection: string, resource?: string): ResourceInfo

  /** Makes the collection if there is none. */
  createContainer(collection: string, options?: CallOptions): Promise<void>

  /** Resolves to the content, or rejects with `E_NOT_FOUND`. */
  getContent(info: ResourceInfo, options?: CallOptions): Promise<StoredPart>
  /** Resolves to the metadata, or rejects with `E_NOT_FOUND`. */
  getMetaData(info: ResourceInfo, options?: CallOptions): Promise<StoredPart>
  /** One part of many resources, in the order of `infos`; undefined where there is none. */
  getMany(infos: readonly ResourceInfo[], options?: ReadManyOptions): Promise<(StoredPart | undefined)[]>
  /** The content as a stream, or `E_NOT_FOUND`. For what is too large to hold in memory. */
  openContent(info: ResourceInfo, options?: CallOptions): Promise<PartStream>

  putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions): Promise<WriteResult>
  putMetaData(info: ResourceInfo, metadata: ByteSource, options?: WriteOptions): Promise<WriteResult>
  /** Writes the parts that are given in one atomic step; with both, `supports.atomicParts` is needed. */
  put(info: ResourceInfo, ...args: PutArguments): Promise<WriteResult>

  /** What is missing is silently passed over, unless a precondition asks for it. */
  removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult>
  removeMetaData(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult>
  /** Removes both parts in one atomic step; `supports.atomicParts` is needed. */
  remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult>

  /**
   * Writes several resources in one transaction: all of them or, where one is refused, none. Needs
   * `supports.atomicMany`. Each resource is named once. Resolves to the results in the order of `writes`, which is also
   * the order of their times; every resource has a version, a journal row and a hook of its own. All together have the
   * time of one transaction.
   */
  writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]>

  /**
   * Runs `work` in one transaction. All that it writes through `tx` is committed together when its promise resolves,
   * and nothing of it when that rejects; then this call rejects with the same error. Needs
   * `supports.interactiveTransactions`.
   *
   * Resolves to what `work` resolved to and to whether all caches were invalidated. A commit that is followed by a cache that
   * does not answer is no error: `cacheInvalidated` is false. Calls on `tx` that were not awaited belong to the transaction as
   * well: it waits for them, and rolls back where one of them fails.
   *
   * A transaction that collided with another one is rolled back, and `work` runs again, up to `attempts` times; then it
   * rejects with `E_CONFLICT`. It rejects with `E_TIMEOUT` after `timeoutMs`, with `E_ABORTED` when the signal fires,
   * and with `E_OUTCOME_UNKNOWN` where no answer to the commit came. Calls on `tx` that are in flight end then, and their
   * sources are stopped, also one that never yields another chunk.
   *
   * In `work`, writes must go through `tx`: one on this storage rejects with `E_UNSUPPORTED`, as it would wait for the
   * transaction, or stay when that is rolled back.
   */
  transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>>

  /** As `Outbox.within`: all calls on the result run in that transaction, and end with it. */
  within(manager: object): StorageTransaction

  /** Tells the storage that these writes belong together, with a message for its log. Most do nothing. */
  persist(infos: readonly ResourceInfo[], message?: string, options?: CallOptions): Promise<void>

  /** Whether the resource has a part; for a collection's info, whether the collection has been made. */
  exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean>

  /** All members by name, in code point order. */
  ls(collection: string, ext?: string | ListOptions): Promise<Map<string, ResourceInfo>>
  /** All members one by one, in no promised order, without holding them all. */
  ils(collection: string, ext?: string | ListOptions): AsyncIterable<[name: string, info: ResourceInfo]>
  /** A part of the listing. Pages follow each other by keys, so that writes in between shift nothing. */
  page(collection: string, options?: PageOptions): Promise<ListPage>

  /**
   * Calls `wake` when changes past the library may have been committed, as `claim` hands them over with `external`.
   * Returns what ends it. A storage may never call it, or not for all: a subscriber polls now and then as well.
   */
  onExternalChange(wake: () => void): () => void

  /** Waits for what is in flight, then releases everything. Idempotent; later calls reject with `E_CLOSED`. */
  shutdown(): Promise<void>
}

/** Something that is invalidated by name, such as a `QueryCache`. */
export interface TransactionalInvalidator<Target> {
  /** Puts an outbox row into the transaction, and invalidates the targets after its commit. */
  invalidateIn(tx: OutboxTransaction, ...targets: readonly Target[]): Promise<void>
}

/**
 * A storage whose calls all run in one transaction. Reads see what the transaction has written and go past every cache;
 * they fill none. Hooks of its writes run when the transaction commits. Once it has ended, calls reject with
 * `E_CLOSED`. It cannot be shut down.
 *
 * `transaction` on it nests: what the inner `work` writes is undone where that rejects, and the outer transaction goes
 * on. `attempts` and `timeoutMs` have no meaning there. `acknowledge`, `claim` and `onExternalChange` do nothing.
 */
export interface StorageTransaction extends Storage, OutboxTransaction {
  /**
   * What the storage's own library calls the transaction: with `SqlStorage`, TypeORM's `EntityManager` (see `managerOf`
   * of `@larder/storage-sql`). Undefined where there is no such thing.
   */
  readonly native: unknown
  /** How the transaction ended. Never rejects; stays open as long as the transaction does. */
  readonly outcome: Promise<TransactionOutcome>

  /**
   * Invalidates cached queries, if and only if the transaction commits: an outbox row of it names the targets, so that
   * they are invalidated although this process may die or the cache may not answer.
   */
  invalidate<Target>(queries: TransactionalInvalidator<Target>, ...targets: readonly Target[]): Promise<void>
}
