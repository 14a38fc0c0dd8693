import type { AddressMaker } from './address.js'
import type { ListEntry, PartName, PartStream, ResourceInfo, StoredPart } from './resource.js'
import type { JournalRow, ListOrder, StorageFeatures, WriteResult } from './storage.js'
import type {
  BoundCalls,
  OutboxTransaction,
  TransactionHook,
  TransactionOutcome,
  TransactionResult,
} from './transaction.js'

/** What comes with each call of a driver. */
export interface DriverCall {
  /** Aborted by the caller; drivers keep their own time-outs beside it. */
  readonly signal: AbortSignal | undefined
}

/**
 * What a part is to become: bytes, a stream of them, or nothing. A stream can be iterated once. It obeys the signal of
 * the call, and the shell stops it when the call has settled; a driver judges the conditions before it begins to read.
 */
export type PartChange =
  { readonly bytes: Uint8Array } | { readonly stream: AsyncIterable<Uint8Array> } | 'remove'

/** What must hold of a part: all that is named. Entity tags have no `W/`; an empty `match` never holds. */
export interface PartCondition {
  /** It has one of these entity tags; `'*'`: it exists. */
  readonly match?: '*' | readonly string[] | undefined
  /** It has none of these entity tags, as one that is missing; `'*'`: it is missing. */
  readonly noneMatch?: '*' | readonly string[] | undefined
}

/** One write: at least one part changes; parts that are not named stay as they are. */
export interface WriteRequest {
  readonly info: ResourceInfo
  readonly changes: Partial<Readonly<Record<PartName, PartChange>>>
  readonly conditions: Partial<Readonly<Record<PartName, PartCondition>>>
  readonly transaction: TransactionHook | undefined
}

/** A page of a listing, as a driver is asked for it. */
export interface ListRequest {
  readonly collection: string
  /** With its dot, or undefined for all. */
  readonly ext: string | undefined
  readonly order: ListOrder
  readonly limit: number
  /** The `next` of the page before, of the same collection, order and `ext`. Refused where it is malformed. */
  readonly after: string | undefined
}

/** What of the journal a driver is asked for. */
export interface ClaimRequest {
  readonly olderThanMs: number
  /** Empty for all. */
  readonly keyPrefix: string
  readonly limit: number
}

/** A line of a listing, before it has an info. */
export type ListRow = Omit<ListEntry, 'info'>

/** A page of a listing, as a driver answers. */
export interface ListRows {
  readonly rows: readonly ListRow[]
  /** The driver's own mark of where the next page begins; undefined where there is nothing more. */
  readonly next: string | undefined
  /** The same mark of the first row, for those who turn back; needed with `orderByModified`. */
  readonly first?: string | undefined
}

/** The options of `transaction` that a driver gets; undefined: its own default. */
export interface TransactionRequest {
  readonly attempts: number | undefined
  readonly timeoutMs: number | undefined
}

/** A transaction that a driver has open. */
export interface DriverTransaction extends OutboxTransaction {
  /** Its calls run in the transaction; its `transaction` nests. Its `close` does nothing. */
  readonly driver: StorageDriver
  /** As `StorageTransaction.native`. */
  readonly native: unknown
  readonly outcome: Promise<TransactionOutcome>
  /** The instant of `performance.now()` by which its work must be done. */
  readonly deadline: number
  /** Calls those who take part in it; in a nested one, nobody. */
  closing(): Promise<void>
  /** For a transaction that was joined: how the calls on it end, which is up to the driver. */
  closeWith(calls: BoundCalls): void
}

/**
 * What an implementer writes: the few operations that differ between storages. `DrivenStorage` makes a `Storage`
 * of it and does the rest: arguments are checked, infos are the driver's own, the storage is open, and closing
 * waits for calls in flight.
 */
export interface StorageDriver extends AddressMaker {
  readonly supports: StorageFeatures
  /** Published with calls as OpenTelemetry's `db.system.name`. Default: `'other'`. */
  readonly system?: string | undefined
  createContainer(collection: string, call: DriverCall): Promise<void>
  /** One part of each resource, in order, undefined where there is none; the bytes are owned by the caller. */
  read(infos: readonly ResourceInfo[], part: PartName, call: DriverCall): Promise<(StoredPart | undefined)[]>
  /** As `read` for a single resource, for a driver that has a shorter way for it. */
  readOne?(info: ResourceInfo, part: PartName, call: DriverCall): Promise<StoredPart | undefined>
  /** Undefined where there is no content. */
  openContent(info: ResourceInfo, call: DriverCall): Promise<PartStream | undefined>
  /**
   * All changes or none. Creates collection and resource where needed. Rejects with `E_PRECONDITION_FAILED`
   * before anything is changed. Removing what is not there changes nothing, and calls no hook.
   */
  write(request: WriteRequest, call: DriverCall): Promise<WriteResult>
  /**
   * The same for several resources, each of them once and at least one: all of them or none. Needed with
   * `supports.atomicMany`. Hooks are called when all is changed and locked, at once; should some reject, then with the
   * error of the first one, once all have ended.
   */
  writeMany?(requests: readonly WriteRequest[], call: DriverCall): Promise<WriteResult[]>
  /**
   * Needed with `supports.interactiveTransactions`: begins a transaction, and commits when `work` resolves. `work` may be
   * called again after a collision.
   */
  transaction?<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    request: TransactionRequest,
    call: DriverCall,
  ): Promise<TransactionResult<T>>
  /** As `Storage.within`: the same object for the same transaction. */
  join?(manager: object): DriverTransaction
  containerExists(collection: string, call: DriverCall): Promise<boolean>
  /** Whether that part exists; without one, whether any does. */
  exists(info: ResourceInfo, part: PartName | undefined, call: DriverCall): Promise<boolean>
  /** At most `limit` rows behind `after`. Creates the collection where it is missing. */
  list(request: ListRequest, call: DriverCall): Promise<ListRows>
  /** All names in code point order, each once, for a driver that has a better way than page after page. */
  listAll?(
    request: Pick<ListRequest, 'collection' | 'ext'>,
    call: DriverCall,
  ): AsyncIterable<readonly string[]>
  persist?(infos: readonly ResourceInfo[], message: string | undefined, call: DriverCall): Promise<void>
  acknowledge?(journalIds: readonly string[]): Promise<void>
  claim?(
    request: ClaimRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    call: DriverCall,
  ): Promise<number>
  /** As `claim`, for changes past the library; such a row has `external` and no keys. */
  claimExternal?(
    limit: number,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    call: DriverCall,
  ): Promise<number>
  /** As `Storage.onExternalChange`, for a driver that gets notifications. */
  onExternalChange?(wake: () => void): () => void
  /** Called once, when nothing is in flight any more. */
  close(): Promise<void>
}
