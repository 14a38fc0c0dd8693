import { isStorageError, StorageError } from '@larder/storage-core'
import { throwIfAborted, untilAborted } from '@larder/storage-core/driver'
import type { QueryRunner } from 'typeorm'
import { type Dialect, type Limits, type Outcome, statement, type Statement } from '../dialects/index.js'
import { closedConnection, commitError, isConnectionLost, isInDoubt, toStorageError } from '../sql-errors.js'
import { callSessionHook } from '../session-hook.js'
import { watched } from './watched.js'
import { withTimeout } from './with-timeout.js'

// The server's own time-outs come first: they leave the connection usable.
export const SERVER_ANSWERS_WITHIN_MS = 1_000
const COMMIT = statement('COMMIT')
const ROLLBACK = statement('ROLLBACK')

/** A connection for one piece of work. It rejects with nothing but `StorageError`s. */
export interface Connection {
  readonly dialect: Dialect
  run(statement: Statement): Promise<Outcome>
  /** In as few round trips as the driver allows; ends at the first that fails. */
  runAll(statements: readonly Statement[]): Promise<readonly Outcome[]>
  /** Of a transaction that has not been committed, also if the connection is in doubt. Never rejects. */
  rollback(): Promise<void>
  begin(lock: Statement): Promise<readonly Outcome[]>
  /** Rejects with `E_OUTCOME_UNKNOWN` unless the error says that the transaction was rolled back. */
  commit(): Promise<void>
}

/** A connection from a pool. One that did not answer in time, or whose caller left, is closed instead of reused. */
export class PooledConnection implements Connection {
  readonly dialect: Dialect
  /** The driver's own, which many pieces of work have one after the other. */
  readonly client: object
  readonly runner: QueryRunner
  readonly #limits: Limits
  readonly #signal: AbortSignal | undefined
  readonly #isForReads: boolean
  #discarded = false
  #restored = true

  private constructor(
    dialect: Dialect,
    client: object,
    runner: QueryRunner,
    limits: Limits,
    signal: AbortSignal | undefined,
    isForReads: boolean,
  ) {
    this.dialect = dialect
    this.client = client
    this.runner = runner
    this.#limits = limits
    this.#signal = signal
    this.#isForReads = isForReads
  }

  static async take(
    dialect: Dialect,
    runner: QueryRunner,
    limits: Limits,
    signal: AbortSignal | undefined,
    isForReads: boolean,
  ): Promise<PooledConnection> {
    const connected = runner.connect() as Promise<object>
    try {
      const connecting = withTimeout(connected, limits.connectTimeoutMs, 'No connection to the database')
      const client = await untilAborted(connecting, signal)
      const preparing = dialect.prepareSession(limits, runner).then(() => callSessionHook(runner))
      await withTimeout(preparing, limits.connectTimeoutMs, 'The new connection')
      return new PooledConnection(dialect, client, runner, limits, signal, isForReads)
    } catch (error) {
      // It may still come, and nobody wants it any more.
      connected.then(() => dialect.discard(runner)).catch(() => undefined)
      if (isStorageError(error, 'E_ABORTED')) throw error
      const { message } = toStorageError(error)
      throw new StorageError('E_STORAGE_UNAVAILABLE', message, { cause: error })
    }
  }

  run(statement: Statement): Promise<Outcome> {
    const run = () => this.dialect.run(this.runner, this.#bounded(statement))
    return watched(this.dialect, [statement], () => this.#answered(run, this.#signal))
  }

  runAll(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    const run = () =>
      this.dialect.runAll(
        this.runner,
        statements.map((each) => this.#bounded(each)),
      )
    return watched(this.dialect, statements, () => this.#answered(run, this.#signal))
  }

  async begin(lock: Statement): Promise<readonly Outcome[]> {
    this.#restored = false
    const outcomes = await this.runAll([...this.dialect.begin(this.#limits, this.runner), lock])
    return outcomes.slice(-1)
  }

  /** For a transaction that TypeORM has begun on the runner. */
  async limit(): Promise<void> {
    this.#restored = false
    await this.runAll(this.dialect.limit(this.#limits, this.runner))
  }

  // Once sent it cannot be taken back, so no signal is heard any more.
  async commit(): Promise<void> {
    try {
      await watched(this.dialect, [COMMIT], () =>
        this.#answered(() => this.dialect.commit(this.runner), undefined),
      )
    } catch (cause) {
      const error = commitError(cause)
      if (isStorageError(error, 'E_OUTCOME_UNKNOWN')) this.discard()
      throw error
    }
  }

  async rollback(): Promise<void> {
    if (this.#discarded) return
    try {
      const run = () => this.dialect.run(this.runner, ROLLBACK)
      await watched(this.dialect, [ROLLBACK], () => this.#answered(run, undefined))
    } catch {
      this.discard()
    }
  }

  /** Gives it back. Never rejects. */
  async release(): Promise<void> {
    if (this.#discarded) return
    try {
      if (!this.#restored) {
        await this.#answered(
          () => this.dialect.runAll(this.runner, this.dialect.restoreSession(this.runner)),
          undefined,
        )
      }
      await this.runner.release()
    } catch {
      this.discard()
    }
  }

  #bounded(each: Statement): Statement {
    return this.#isForReads ? this.dialect.readWithin(each, this.#limits, this.runner) : each
  }

  async #answered<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    throwIfAborted(signal)
    if (this.#discarded) throw closedConnection()
    try {
      const limitMs = this.#limits.statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
      return await untilAborted(withTimeout(work(), limitMs, 'The statement'), signal)
    } catch (cause) {
      const error = toStorageError(cause)
      // An answer that is still to come would be taken for the next statement's.
      if (isConnectionLost(error) || isInDoubt(error) || isStorageError(error, 'E_ABORTED')) this.discard()
      throw error
    }
  }

  /** Closes it instead of giving it back, without waiting for that. */
  discard(): void {
    if (this.#discarded) return
    this.#discarded = true
    this.dialect.discard(this.runner).catch(() => undefined)
  }
}
