import { LockTimeoutError } from '@larder/storage-core'
import { Backoff, eventLoopTurn, throwIfAborted } from '@larder/storage-core/driver'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueryRunner } from 'typeorm'
import { type Dialect, type Limits, type Outcome, type Statement, statement } from '../dialects/index.js'
import { commitError, isBusy, toStorageError } from '../sql-errors.js'
import type { Connection } from './connection.js'
import { watched } from './watched.js'

const PAUSES = Object.freeze({ firstMs: 1, longestMs: 25 })

/**
 * The connection to a SQLite file. SQLite's own busy time-out would stop the whole process, a hook that is about to
 * end the transaction waited for included; this waits without.
 */
export class SqliteConnection implements Connection {
  readonly dialect: Dialect
  readonly #runner: QueryRunner
  readonly #limits: Limits
  readonly #signal: AbortSignal | undefined
  #inTransaction = false

  constructor(dialect: Dialect, runner: QueryRunner, limits: Limits, signal: AbortSignal | undefined) {
    this.dialect = dialect
    this.#runner = runner
    this.#limits = limits
    this.#signal = signal
  }

  async run(statement: Statement): Promise<Outcome> {
    throwIfAborted(this.#signal)
    return this.#run(statement, this.#signal)
  }

  async runAll(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const statement of statements) {
      // Not within a transaction: another connection of this program would wait for it, and stop the loop meanwhile.
      if (!this.#inTransaction) await eventLoopTurn()
      outcomes.push(await this.run(statement))
    }
    return outcomes
  }

  async begin(lock: Statement): Promise<readonly Outcome[]> {
    await this.runAll(this.dialect.begin(this.#limits, this.#runner))
    this.#inTransaction = true
    return [await this.run(lock)]
  }

  async commit(): Promise<void> {
    try {
      await this.#run(statement('COMMIT'), undefined)
    } catch (error) {
      throw commitError(error)
    }
    this.#inTransaction = false
  }

  async rollback(): Promise<void> {
    if (!this.#inTransaction) return
    this.#inTransaction = false
    // SQLite has rolled back by itself after some errors, and says that there is nothing to roll back.
    const rollback = statement('ROLLBACK')
    const run = () => this.dialect.run(this.#runner, rollback)
    await watched(this.dialect, [rollback], run).catch(() => undefined)
  }

  #run(statement: Statement, signal: AbortSignal | undefined): Promise<Outcome> {
    const run = () => this.dialect.run(this.#runner, statement)
    return watched(this.dialect, [statement], () => whileBusy(run, this.#limits.lockTimeoutMs, signal))
  }
}

/** Repeats `work` while another process holds the file. */
export async function whileBusy<T>(
  work: () => Promise<T>,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  const deadline = performance.now() + limitMs
  const backoff = new Backoff(PAUSES)
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error)) throw toStorageError(error)
      if (performance.now() >= deadline) {
        throw new LockTimeoutError(`Another process held the file for ${limitMs} ms`, {
          cause: toStorageError(error).cause,
        })
      }
    }
    await sleep(backoff.next())
    throwIfAborted(signal)
  }
}
