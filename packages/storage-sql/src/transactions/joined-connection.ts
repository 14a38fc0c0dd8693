import { StorageError } from '@larder/storage-core'
import type { QueryRunner } from 'typeorm'
import { type Connection, SERVER_ANSWERS_WITHIN_MS } from '../connections/connection.js'
import { whileBusy } from '../connections/sqlite-connection.js'
import { watched } from '../connections/watched.js'
import { within } from '../connections/within.js'
import type { Dialect, Limits } from '../dialects/dialect.js'
import type { Outcome, Statement } from '../dialects/statement.js'
import { toStorageError } from '../sql-errors.js'

/** The connection of a transaction that ends elsewhere. A statement that fails is the end of the transaction. */
export class JoinedConnection implements Connection {
  readonly dialect: Dialect
  readonly #runner: QueryRunner
  readonly #limits: Limits
  readonly #guard: () => Promise<void>
  readonly #fail: (error: StorageError) => void
  #prepared: Promise<void> | undefined

  constructor(
    dialect: Dialect,
    runner: QueryRunner,
    limits: Limits,
    guard: () => Promise<void>,
    fail: (error: StorageError) => void,
  ) {
    this.dialect = dialect
    this.#runner = runner
    this.#limits = limits
    this.#guard = guard
    this.#fail = fail
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
    this.#fail(new StorageError('E_ABORTED', 'A write in the transaction failed'))
  }

  #send<T>(statements: readonly Statement[], work: () => Promise<T>): Promise<T> {
    return watched(this.dialect, statements, () => this.#bounded(work))
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    const limitMs = this.#limits.statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
    const inTime = () => within(work(), limitMs, 'The statement')
    try {
      this.#prepared ??= this.dialect.prepareSession(this.#limits, this.#runner)
      await this.#prepared
      await this.#guard()
      const { family } = this.dialect
      return await (family === 'sqlite' ? whileBusy(inTime, this.#limits.lockTimeoutMs, undefined) : inTime())
    } catch (cause) {
      const error = toStorageError(cause)
      this.#fail(error)
      throw error
    }
  }
}
