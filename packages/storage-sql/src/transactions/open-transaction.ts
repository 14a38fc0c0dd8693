import { isStorageError, OutcomeUnknownError, StorageError } from '@larder/storage-core'
import { KeyedMutex, throwIfAborted, tooLate, TransactionSteps } from '@larder/storage-core/driver'
import type { QueryRunner } from 'typeorm'
import { type Connection, SERVER_ANSWERS_WITHIN_MS } from '../connections/index.js'
import type { Dialect, Limits } from '../dialects/index.js'
import { isCollision, isConnectionLost, isInDoubt } from '../sql-errors.js'
import { Guard } from './guard.js'
import { JoinedConnection } from './joined-connection.js'
import { depthOf } from './runner-ends.js'

/** A transaction of a query runner from its first use until it ends, begun by the storage or the program. */
export class OpenTransaction {
  readonly runner: QueryRunner
  readonly connection: JoinedConnection
  readonly steps = new TransactionSteps()
  /** The instant of `performance.now()` by which the commit must be sent. */
  readonly deadline: number
  /** It was begun here, so that who began it calls `steps` when the connection is given back. */
  readonly isOwn: boolean
  readonly #signal: AbortSignal | undefined
  readonly #limits: Limits
  readonly #guard: Guard
  readonly #turns = new KeyedMutex()
  #state: 'open' | 'committing' | 'committed' | 'rolling back' | 'ended' = 'open'
  #failure: { readonly error: StorageError; readonly depth: number } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(
    runner: QueryRunner,
    dialect: Dialect,
    limits: Limits,
    own?: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ) {
    this.runner = runner
    this.isOwn = own !== undefined
    this.#signal = own?.signal
    this.#limits = limits
    this.deadline = performance.now() + Math.min(own?.timeoutMs ?? Infinity, limits.transactionTimeoutMs)
    this.#guard = new Guard(runner, () => this.depth)
    this.connection = new JoinedConnection(dialect, runner, limits, {
      guard: () => this.#guard.set(),
      fail: (error) => this.fail(error),
      deadline: own === undefined ? Infinity : this.deadline,
      signal: own?.signal,
    })
  }

  /** 1 for the transaction itself, more in nested ones. */
  get depth(): number {
    return depthOf(this.runner)
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isCommitted(): boolean {
    return this.#state === 'committed'
  }

  /** Why it cannot be committed. */
  get failure(): StorageError | undefined {
    return this.#failure?.error
  }

  /** From now on it can only be rolled back. */
  fail(error: StorageError): void {
    this.#failure ??= { error, depth: this.depth }
  }

  /** One piece of work at a time. */
  run<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const checked = async () => {
      if (!this.isOpen) throw new StorageError('E_CLOSED', 'The transaction has ended')
      if (this.#failure !== undefined) throw this.#failure.error
      throwIfAborted(signal)
      return work(this.connection)
    }
    return this.#turns.run('', checked, signal)
  }

  /**
   * Begins or ends a nested transaction, between pieces of work: a savepoint in the middle of a write would part its
   * statements from its hooks.
   */
  alone(work: () => Promise<void>): Promise<void> {
    return this.#turns.run('', work, undefined)
  }

  /** TypeORM is about to commit it, or a nested one. */
  async beforeCommit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.depth > 1) return this.#guard.check()
    try {
      if (!this.isOwn) await this.#close()
      await this.#guard.check()
      const before = await this.steps.beforeCommit(this.#signal, this.deadline)
      throwIfAborted(this.#signal)
      if (!(performance.now() < before)) throw tooLate(undefined)
    } catch (error) {
      if (isStorageError(error)) this.fail(error)
      if (isStorageError(error, 'E_OUTCOME_UNKNOWN')) await this.#endedBehind(error)
      throw error
    }
    this.#state = 'committing'
  }

  /** There may be nothing left to roll back, which only SQLite minds. */
  async #endedBehind(error: StorageError): Promise<void> {
    await this.end(error)
    if (this.connection.dialect.family === 'sqlite') await this.runner.query('BEGIN')
  }

  async #close(): Promise<void> {
    await this.steps.close(this.deadline)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Rejects with `E_OUTCOME_UNKNOWN` where the answer to the commit, once it was sent, takes too long. */
  untilAnswered<T>(committing: Promise<T>): Promise<T> {
    const limitMs = this.#limits.statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
    const late = new Promise<never>((_, reject) => {
      const giveUpAt = this.deadline + limitMs - performance.now()
      const message = 'Whether the transaction was committed is unknown: no answer came'
      this.#timer = setTimeout(() => reject(new OutcomeUnknownError(message)), Math.max(0, giveUpAt))
    })
    committing.catch(() => undefined)
    return Promise.race([committing, late]).finally(() => clearTimeout(this.#timer))
  }

  get isCommitting(): boolean {
    return this.#state === 'committing'
  }

  /** The database has answered the commit, of it or of a nested one. */
  async afterCommit(): Promise<void> {
    if (this.depth > 0) {
      this.steps.keep(this.depth)
      return this.#guard.renew()
    }
    if (this.#failure !== undefined) {
      await this.end(this.#failure.error)
      throw this.#failure.error
    }
    this.#state = 'committed'
    if (!this.isOwn) await this.steps.afterCommit()
  }

  /** TypeORM is about to roll it back, or a nested one. A statement that came after all of it would be committed. */
  async beforeRollback(): Promise<void> {
    if (this.depth > 1 || !this.isOpen) return
    this.#state = 'rolling back'
    await this.alone(async () => undefined)
  }

  /** A nested one was rolled back, or all of it. */
  async afterRollback(): Promise<void> {
    if (this.depth === 0) {
      if (!this.isOwn) await this.end(this.failure ?? rolledBackByProgram())
      return
    }
    this.steps.undo(this.depth)
    // What failed is undone, unless all of the transaction is.
    const failure = this.#failure
    if (failure !== undefined && failure.depth > this.depth && isCurable(failure.error)) {
      this.#failure = undefined
    }
    if (this.#failure === undefined) await this.#guard.renew()
  }

  /** Nothing of it was written; or, with an `E_OUTCOME_UNKNOWN`, that is unknown. */
  async end(reason: unknown): Promise<void> {
    if (this.#state === 'ended' || this.#state === 'committed') return
    this.#state = 'ended'
    await this.steps.afterRollback(reason)
  }
}

function isCurable(error: StorageError): boolean {
  const isOver = isCollision(error) || isConnectionLost(error) || isInDoubt(error)
  return !isOver && !isStorageError(error, 'E_OUTCOME_UNKNOWN')
}

function rolledBackByProgram(): StorageError {
  return new StorageError('E_ABORTED', 'The program rolled the transaction back')
}
