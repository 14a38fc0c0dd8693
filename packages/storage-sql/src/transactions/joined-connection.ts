import { isStorageError, StorageError } from '@larder/storage-core'
import { tooLate, withDeadline } from '@larder/storage-core/driver'
import type { QueryRunner } from 'typeorm'
import {
  type Connection,
  SERVER_ANSWERS_WITHIN_MS,
  watched,
  whileBusy,
  withTimeout,
} from '../connections/index.js'
import type { Dialect, Limits, Outcome, Statement } from '../dialects/index.js'
import { isInDoubt, toStorageError } from '../sql-errors.js'

/** The transaction that a connection is of. */
export interface ConnectionTransaction {
  guard(): Promise<void>
  fail(error: StorageError): void
  /** When a statement is not waited for any more: an instant of `performance.now()`, or `Infinity`. */
  readonly deadline: number
  readonly signal: AbortSignal | undefined
}

/** The connection of a transaction that ends elsewhere. A statement that fails is the end of the transaction. */
export class JoinedConnection implements Connection {
  readonly dialect: Dialect
  readonly #runner: QueryRunner
  readonly #limits: Limits
  readonly #transaction: ConnectionTransaction
  #isAnswerDue = false
  #prepared: Promise<void> | undefined

  constructor(dialect: Dialect, runner: QueryRunner, limits: Limits, transaction: ConnectionTransaction) {
    this.dialect = dialect
    this.#runner = runner
    this.#limits = limits
    this.#transaction = transaction
  }

  /** A statement was given up, and its answer would be taken for the next one's. */
  get isAnswerDue(): boolean {
    return this.#isAnswerDue
  }

  run(statement: Statement): Promise<Outcome> {
    return this.#send([statement], () => this.dialect.run(this.#runner, statement))
  }

  runAll(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    return this.#send(statements, () => this.dialect.runAll(this.#runner, statements))
  }

  /** It has begun. */
  begin(lock: Statement): Promise<readonly Outcome[]> {
    return this.runAll([lock])
  }

  async commit(): Promise<void> {
    throw new StorageError('E_UNSUPPORTED', 'The transaction is committed by who began it')
  }

  async rollback(): Promise<void> {
    this.#transaction.fail(new StorageError('E_ABORTED', 'A write in the transaction failed'))
  }

  #send<T>(statements: readonly Statement[], work: () => Promise<T>): Promise<T> {
    return watched(this.dialect, statements, () => this.#bounded(work))
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.#prepared ??= this.dialect.prepareSession(this.#limits, this.#runner)
      await this.#prepared
      await this.#transaction.guard()
      return await (this.dialect.family === 'sqlite' ? this.#onFile(work) : this.#onServer(work))
    } catch (cause) {
      const error = toStorageError(cause)
      this.#transaction.fail(error)
      throw error
    }
  }

  /** Is never left: what comes after the rollback would be in no transaction. */
  #onFile<T>(work: () => Promise<T>): Promise<T> {
    const { deadline, signal } = this.#transaction
    const limitMs = Math.min(this.#limits.lockTimeoutMs, deadline - performance.now())
    return whileBusy(work, limitMs, signal)
  }

  async #onServer<T>(work: () => Promise<T>): Promise<T> {
    const { deadline, signal } = this.#transaction
    const limitMs = this.#limits.statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
    const answer = withTimeout(work(), limitMs, 'The statement')
    try {
      return await withDeadline(answer, deadline, () => tooLate(undefined), signal)
    } catch (error) {
      // A database's own error has answered the statement.
      this.#isAnswerDue ||= isStorageError(error) || isInDoubt(toStorageError(error))
      throw error
    }
  }
}
