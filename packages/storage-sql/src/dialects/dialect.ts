import type { QueryRunner } from 'typeorm'
import type { Family } from '../entities/index.js'
import type { Outcome, Statement, Value } from './statement.js'

/** In milliseconds. */
export interface Limits {
  readonly queueTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
  readonly transactionTimeoutMs: number
}

/** How triggers for other programs tell a change that is journaled already, and leave it alone. */
export interface Journaling {
  /** Comes before the change of a row, in its transaction. */
  /** `wasJournaled`: the change before it in the same transaction was. */
  readonly before: (journaled: boolean, wasJournaled: boolean) => readonly Statement[]
  /** What the new row of the journal, which comes before the change, has as `claimed_until_ms`, in SQL: 0 always. */
  readonly claimedUntilMs: number | string
}

/** What the databases do differently, and nothing else. */
export interface Dialect {
  readonly family: Family
  /** Milliseconds since 1970 by the database's clock. */
  readonly nowMs: string
  /** At the end of an `INSERT`, with any column of the key: a row that is there already is left alone. */
  orKeep(column: string): string
  /** At the end of an `INSERT`: where a row is there already, none is affected, or a collision reported. */
  readonly orCollide: string
  /** At the end of an `INSERT` whose new id is wanted. */
  readonly returningId: string
  /** At the end of a `SELECT` whose rows are to be locked. */
  readonly forUpdate: string
  readonly journaling: Journaling
  /** Sent together with a `SELECT` in the order of an index, which is to be followed instead of sorting all rows. */
  readonly alongIndex: readonly Statement[]
  /** A value as the driver takes it. */
  readonly bind: (value: Value) => unknown
  /** A name as it was stored. */
  name(value: unknown): string
  /** Where in `column` the text of one `?` begins, compared by bytes and counted from 1; 0 where it is not in it. */
  position(column: string): string
  endsWith(column: string, ext: string): Statement
  anyOf(column: string, names: readonly string[]): Statement
  /** Begins a transaction that can neither wait for a lock nor stay open for longer than `limits` say. */
  begin(limits: Limits, runner: QueryRunner): readonly Statement[]
  /** The same limits for a transaction that has begun. */
  limit(limits: Limits, runner: QueryRunner): readonly Statement[]
  /** For a connection that is used for the first time. */
  prepareSession(limits: Limits, runner: QueryRunner): Promise<void>
  /** What must be undone before others use the connection. */
  restoreSession(runner: QueryRunner): readonly Statement[]
  /** A `SELECT` outside of a transaction that the server ends after `statementTimeoutMs`, where it can. */
  readWithin(select: Statement, limits: Limits, runner: QueryRunner): Statement
  run(runner: QueryRunner, statement: Statement): Promise<Outcome>
  /** Rejects where the server has rolled back instead. */
  commit(runner: QueryRunner): Promise<void>
  /** In as few round trips as the driver allows; ends at the first that fails. */
  runAll(runner: QueryRunner, statements: readonly Statement[]): Promise<readonly Outcome[]>
  /** Closes a connection that cannot be trusted any more, and ends what it runs on the server where nothing else does. */
  discard(runner: QueryRunner): Promise<void>
}

/** For connections that take one statement at a time. */
export async function runOneByOne(
  run: (statement: Statement) => Promise<Outcome>,
  statements: readonly Statement[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const statement of statements) outcomes.push(await run(statement))
  return outcomes
}
