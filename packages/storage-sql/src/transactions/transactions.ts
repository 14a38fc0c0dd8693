import { isStorageError, StorageError } from '@larder/storage-core'
import { processWide } from '@larder/storage-core/driver'
import type { DataSource } from 'typeorm'
import {
  type ConnectionSource,
  SERVER_ANSWERS_WITHIN_MS,
  type Session,
  withTimeout,
} from '../connections/index.js'
import { type Limits, statement } from '../dialects/index.js'
import {
  commitError,
  isCollision,
  isConnectionLost,
  isStale,
  isUniqueViolation,
  staleConnection,
  toStorageError,
} from '../sql-errors.js'
import { TransactionEvents } from './events.js'
import { OpenTransaction } from './open-transaction.js'
import { setDepth } from './runner-ends.js'
import type { Turns } from './turns.js'
import { isEntityManager } from '../typeorm-marks.js'

/** How long a transaction of many calls may take, and what ends it. */
export interface TransactionLimits {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

const events = processWide(
  'storage-sql/transaction-events@1',
  () => new WeakMap<DataSource, TransactionEvents>(),
)

/** Begins, joins and ends transactions of a data source for one owner. */
export class Transactions {
  readonly #dataSource: DataSource
  readonly #source: ConnectionSource
  readonly #limits: Limits
  readonly #events: TransactionEvents
  /** A table of the owner's, with which SQLite is asked for its only lock. */
  readonly #table: string
  #owner: object | undefined

  constructor(dataSource: DataSource, source: ConnectionSource, limits: Limits, table: string) {
    this.#dataSource = dataSource
    this.#source = source
    this.#limits = limits
    this.#table = table
    this.#events = events.get(dataSource) ?? new TransactionEvents(dataSource, source.dialect)
    events.set(dataSource, this.#events)
  }

  /** `owner`: who is known to be called from within its own transactions. `turns`: what they wait for. */
  open(owner: object, turns: Turns | undefined): void {
    this.#owner = owner
    this.#events.addOwner(owner, turns)
  }

  close(): void {
    if (this.#owner !== undefined) this.#events.removeOwner(this.#owner)
  }

  /** The transaction that the program has open with this manager. Throws a `TypeError` where there is none. */
  join(manager: object): OpenTransaction {
    if (!isEntityManager(manager))
      throw new TypeError('within takes the EntityManager of an open transaction')
    const { queryRunner: runner, dataSource } = manager
    if (dataSource !== this.#dataSource)
      throw new TypeError(
        'The EntityManager is of another data source: open the storage with { dataSource }, the one whose transaction ' +
          'it is to join',
      )
    if (runner?.isTransactionActive !== true)
      throw new TypeError(
        'The EntityManager has no open transaction: take the one that dataSource.transaction() hands over, or that of ' +
          'a query runner after startTransaction()',
      )
    const known = this.#events.of(runner)
    if (known?.isOpen === false) throw new StorageError('E_CLOSED', 'The transaction has ended')
    if (known !== undefined) return known
    const joined = new OpenTransaction(runner, this.#source.dialect, this.#limits)
    this.#events.add(joined)
    return joined
  }

  /** Runs `work` in a transaction of its own, once. Rejects with an error that `canRepeat` where it may be repeated. */
  async run<T>(
    work: (transaction: OpenTransaction) => Promise<T>,
    limits: TransactionLimits,
  ): Promise<Ended<T>> {
    let begun: OpenTransaction | undefined
    let hasWorked = false
    const once = (transaction: OpenTransaction) => {
      hasWorked = true
      return work(transaction)
    }
    const runOn = (session: Session) => {
      begun = new OpenTransaction(session.runner, this.#source.dialect, this.#limits, limits)
      return this.#runOn(session, begun, once)
    }
    let ended: { readonly value: T; readonly transaction: OpenTransaction }
    try {
      ended = await this.#source.session(runOn, limits.signal, () => !hasWorked)
    } catch (error) {
      // The connection is given back by now: caches may take their time.
      await begun?.end(error)
      throw error
    }
    return { value: ended.value, cacheInvalidated: await ended.transaction.steps.afterCommit() }
  }

  async #runOn<T>(
    session: Session,
    transaction: OpenTransaction,
    work: (transaction: OpenTransaction) => Promise<T>,
  ): Promise<{ readonly value: T; readonly transaction: OpenTransaction }> {
    const { runner } = session
    this.#events.setOwn(runner)
    let value: T | undefined
    try {
      await this.#begin(session, transaction)
      value = await work(transaction)
      await transaction.untilAnswered(runner.commitTransaction().catch(rethrowLost))
      return { value, transaction }
    } catch (error) {
      // A subscriber of the program's failed after the commit.
      if (transaction.isCommitted) return { value: value as T, transaction }
      const reason = reasonOf(transaction, error)
      await this.#rollBack(session, transaction, reason)
      throw reason
    }
  }

  async #begin(session: Session, transaction: OpenTransaction): Promise<void> {
    const { runner } = session
    const { family } = this.#source.dialect
    try {
      // SQLite has one level, and no name for it that TypeORM knows.
      const isolation = family === 'sqlite' ? undefined : 'READ COMMITTED'
      await this.#inTime(runner.startTransaction(isolation))
      await session.limit()
    } catch (error) {
      const cause = toStorageError(error)
      throw isConnectionLost(cause) ? staleConnection(cause) : cause
    }
    this.#events.add(transaction)
    if (family !== 'sqlite') return
    const lock = statement(`DELETE FROM ${this.#table} WHERE 1 = 0`)
    await transaction.run((connection) => connection.run(lock), undefined)
  }

  async #rollBack(session: Session, transaction: OpenTransaction, reason: unknown): Promise<void> {
    const { runner } = session
    const isOver = isStorageError(reason, 'E_TIMEOUT') || isStorageError(reason, 'E_ABORTED')
    const isUnknown = isStorageError(reason, 'E_OUTCOME_UNKNOWN') || transaction.connection.isAnswerDue
    if (isUnknown && this.#source.dialect.family !== 'sqlite') session.discard()
    else if (runner.isTransactionActive) {
      // Nested ones that the work has left open end with it, in one statement.
      setDepth(runner, 1)
      // A statement of the program's own that takes too long stands in front of it.
      const limitMs = isOver ? SERVER_ANSWERS_WITHIN_MS : undefined
      await this.#inTime(runner.rollbackTransaction(), limitMs).catch(() => session.discard())
    }
  }

  #inTime<T>(work: Promise<T>, limitMs?: number): Promise<T> {
    const longestMs = this.#limits.statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
    return withTimeout(work, limitMs ?? longestMs, 'The statement')
  }
}

export interface Ended<T> {
  readonly value: T
  readonly cacheInvalidated: boolean
}

/** A connection that broke before the commit was sent: TypeORM fires no event of it. */
function rethrowLost(error: unknown): never {
  // By name, since the program may have another copy of TypeORM.
  const isOfCommit = error instanceof Error && 'query' in error && error.query === 'COMMIT'
  const isUnsent = error instanceof Error && error.name === 'QueryRunnerAlreadyReleasedError'
  throw isOfCommit || isUnsent ? commitError(error) : error
}

/** What the work failed with, unless that only follows from what has failed before. */
function reasonOf(transaction: OpenTransaction, error: unknown): unknown {
  const { failure } = transaction
  const isOutcome =
    failure !== undefined && (isCollision(failure) || isStorageError(failure, 'E_OUTCOME_UNKNOWN'))
  if (isOutcome || (failure !== undefined && isStorageError(error))) return failure
  return error
}

/**
 * Whether the transaction collided with another one, or met a server that is no primary any more; also where a statement
 * of the program's own did.
 */
export function canRepeat(error: unknown): boolean {
  if (error instanceof StorageError) return isCollision(error) || isStale(error)
  // Of any copy of TypeORM.
  if (!(error instanceof Error && 'driverError' in error)) return false
  const found = toStorageError(error)
  return isStale(found) || (isCollision(found) && !isUniqueViolation(error))
}
