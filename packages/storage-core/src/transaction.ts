import type { PartName, ResourceInfo } from './resource.js'

/** What a write is about to do, told inside of its transaction. */
export interface PendingWrite {
  readonly info: ResourceInfo
  /** The version that every written part gets; for a removed part, the version of its absence. */
  readonly version: number
  readonly written: readonly PartName[]
  readonly removed: readonly PartName[]
  /** The resource had no part before and has one now. */
  readonly created: boolean
  /** The resource had a part before and has none now. */
  readonly emptied: boolean
}

/** What a hook asks of the transaction it runs in. */
export interface CommitTerms {
  /**
   * The commit must have been sent before this instant of `performance.now()`; else the write rolls back and rejects
   * with `E_TIMEOUT`.
   */
  readonly commitBefore?: number | undefined
}

/**
 * Takes part in the transaction of a write. Only for storages with `supports.transactions`; others refuse it with
 * `E_UNSUPPORTED`.
 */
export interface TransactionHook {
  /**
   * Keys for the journal row that is inserted in the same transaction, where the storage has
   * `supports.journal`. The row stays until `acknowledge()` is called with the write's `journalId`.
   */
  readonly journal?: readonly string[] | undefined
  /**
   * Runs once the row is changed and locked, before the commit; not at all for a write that changes nothing.
   * Should it reject, the write is rolled back and rejects with the same error. It may run again, from the
   * start, when the storage repeats a transaction that collided with another. It must not call the same storage: the
   * transaction holds one of its connections, and on SQLite the only one that writes, so that both would wait. Such a
   * call rejects with `E_UNSUPPORTED`; one that comes after the hook has waited for something cannot be told from
   * others, and ends with the time of the transaction.
   */
  beforeCommit(pending: PendingWrite): Promise<CommitTerms | void>
}

/** Takes part in the end of a transaction. */
export interface Participant {
  /** Runs first, when the program has asked for the commit; what is written in it still belongs to the transaction. */
  closing?(): Promise<void>
  /** Runs after the hooks of all writes, with all rows locked. Should it reject, the transaction is rolled back. */
  beforeCommit?(): Promise<CommitTerms | void>
  /** Resolves to whether all caches know of the commit. A rejection means that they do not. */
  afterCommit?(): Promise<boolean>
  /**
   * Runs when nothing was written, with what the transaction failed with; and with an `E_OUTCOME_UNKNOWN` where that
   * is unknown. A rejection is ignored.
   */
  afterRollback?(reason: unknown): Promise<void>
}

/** The calls on a storage that is bound to a transaction. */
export interface BoundCalls {
  /**
   * Accepts no more calls and waits for those in flight. A driver calls it when the program asks for the commit, before
   * hooks run, and waits until its deadline at most. Should it reject, the transaction is rolled back.
   */
  drain(): Promise<void>
  /** Accepts no more calls and stops the sources of those in flight. A driver calls it after a rollback. */
  cut(reason: unknown): Promise<void>
}

/** A transaction that messages can be put into. */
export interface OutboxTransaction {
  /**
   * Inserts a row into the journal, as part of the transaction, and resolves to its id. It stays until `acknowledge()` is
   * called with the id. Needs `supports.journal`.
   */
  journal(keys: readonly string[]): Promise<string>
  /** Calls the participant when the transaction ends. Throws `E_CLOSED` after that. */
  enlist(participant: Participant): void
}

/** How a transaction ended. */
export interface TransactionOutcome {
  readonly status: 'committed' | 'rolled back' | 'unknown'
  /** Whether all caches know of it; true if there is nothing to tell them. */
  readonly cacheInvalidated: boolean
}

/** What `Storage.transaction` resolves to, after the commit. */
export interface TransactionResult<T> {
  /** What `work` resolved to. */
  readonly value: T
  /**
   * Whether all caches and queries were invalidated. If not, readers may get old values until an outbox row is relayed;
   * the guarantees tell for how long.
   */
  readonly cacheInvalidated: boolean
}
