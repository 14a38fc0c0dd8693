import type { QueryRunner } from 'typeorm'
import { rolledBack } from '../sql-errors.js'
import { cancelQuery, type CancellableClient } from './cancel.js'
import type { Dialect } from './dialect.js'
import {
  asBuffer,
  joinSql,
  type Outcome,
  type Row,
  type Statement,
  statement,
  type Value,
} from './statement.js'

interface PostgresResult {
  readonly command: string
  readonly rows: readonly Row[]
  readonly rowCount: number | null
}

/** The little of `pg`'s client that is used. */
interface PostgresClient extends CancellableClient {
  query(text: string): Promise<PostgresResult | readonly PostgresResult[]>
  end(): Promise<void>
}

// Literals are twice the size of what they stand for.
const MAX_JOINED_BYTES = 16_384

export const postgres: Dialect = Object.freeze({
  family: 'postgres',
  nowMs: '(extract(epoch FROM clock_timestamp()) * 1000)::bigint',
  orKeep: () => 'ON CONFLICT DO NOTHING',
  orCollide: 'ON CONFLICT DO NOTHING',
  returningId: 'RETURNING id',
  forUpdate: 'FOR UPDATE',
  journaling: {
    before: (journaled, wasJournaled) =>
      wasJournaled && !journaled ? [statement("SELECT set_config('larder.journaled', '', true)")] : [],
    // In the same statement as the row: one more would cost about as much as the row does.
    claimedUntilMs: "length(set_config('larder.journaled', 'on', true)) - 2",
  },
  // While a table has no statistics yet, it is taken for one of a few rows, which are quicker sorted than looked up.
  // A sort that cannot be avoided then looks so expensive that PostgreSQL would compile the query first.
  alongIndex: [statement("SELECT set_config('enable_sort', 'off', true), set_config('jit', 'off', true)")],
  bind: (value) => (value instanceof Uint8Array ? asBuffer(value) : value),
  name: String,
  position: (column) => `strpos(${column}, ?)`,
  endsWith: (column, ext) => statement(`right(${column}, length(?)) = ?`, ext, ext),
  anyOf: (column, names) => statement(`${column} = ANY(?)`, names),
  begin: (limits, runner) => [
    statement('BEGIN ISOLATION LEVEL READ COMMITTED'),
    ...postgres.limit(limits, runner),
  ],
  limit: ({ statementTimeoutMs, lockTimeoutMs, transactionTimeoutMs }) => [
    statement(`SET LOCAL statement_timeout = ${statementTimeoutMs}`),
    statement(`SET LOCAL lock_timeout = ${lockTimeoutMs}`),
    // Should this process stop with the row locked, the server ends the transaction.
    statement(`SET LOCAL idle_in_transaction_session_timeout = ${transactionTimeoutMs}`),
  ],
  prepareSession: async () => undefined,
  restoreSession: () => [],
  readWithin: (select) => select,
  run: async (runner, { sql, values }) => {
    const bound = values.map((value) => postgres.bind(value))
    const { records, affected } = await runner.query(numbered(sql), bound, true)
    return { rows: (records as Row[] | undefined) ?? [], affected: affected ?? 0, insertId: undefined }
  },
  commit: async (runner) => {
    const client = (await runner.connect()) as PostgresClient
    runner.dataSource.logger.logQuery('COMMIT', [], runner)
    const result = (await client.query('COMMIT')) as PostgresResult
    // The answer where a statement of the transaction has failed: no error, and nothing is committed.
    if (result.command === 'ROLLBACK') throw rolledBack()
  },
  runAll: async (runner, statements) => {
    const outcomes: Outcome[] = []
    for (const group of smallGroups(statements)) {
      const [first] = group
      if (first !== undefined && group.length === 1) outcomes.push(await postgres.run(runner, first))
      else outcomes.push(...(await runJoined(runner, group)))
    }
    return outcomes
  },
  discard: async (runner) => {
    const client = (await runner.connect()) as PostgresClient
    // A server that waits for a lock does not see that its client has left.
    await cancelQuery(client)
    // With a statement under way this closes the socket at once.
    client.end().catch(() => undefined)
    await runner.release()
  },
} satisfies Dialect)

/** Not those in the name of a schema. */
function replaceMarks(sql: string, by: () => string): string {
  return sql.replace(/"[^"]*"|\?/g, (found) => (found === '?' ? by() : found))
}

function numbered(sql: string): string {
  let count = 0
  return replaceMarks(sql, () => `$${++count}`)
}

/** Several statements travel as one text, which takes no parameters: the values become literals of digits. */
async function runJoined(runner: QueryRunner, statements: readonly Statement[]): Promise<readonly Outcome[]> {
  const client = (await runner.connect()) as PostgresClient
  const { sql, values } = joinSql(statements, '; ')
  let next = 0
  const text = replaceMarks(sql, () => literal(values[next++] ?? null))
  runner.dataSource.logger.logQuery(sql, [...values], runner)
  const results = await client.query(text)
  return (results as readonly PostgresResult[]).map(({ rows, rowCount }) => ({
    rows,
    affected: rowCount ?? 0,
    insertId: undefined,
  }))
}

// What means the same with any settings of the server, and in any encoding; quick to parse.
const PLAIN = /^[ -&(-[\]-~]*$/

/** Otherwise hexadecimal and decimal digits only: there is never anything to escape. */
function literal(value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string' && PLAIN.test(value)) return `'${value}'::text`
  if (typeof value === 'string') return `convert_from(${literal(Buffer.from(value))}, 'UTF8')`
  if (value instanceof Uint8Array) return `decode('${asBuffer(value).toString('hex')}', 'hex')`
  return `ARRAY[${value.map(literal).join(', ')}]::text[]`
}

/** Those that travel together; one that is large goes alone. */
function smallGroups(statements: readonly Statement[]): Statement[][] {
  const groups: Statement[][] = []
  let left = 0
  for (const each of statements) {
    const bytes = sizeOf(each)
    const last = groups.at(-1)
    if (last === undefined || bytes > left) groups.push([each])
    else last.push(each)
    left = (last === undefined || bytes > left ? MAX_JOINED_BYTES : left) - bytes
  }
  return groups
}

function sizeOf({ values }: Statement): number {
  return values.reduce<number>(
    (sum, value) => sum + (typeof value === 'object' || typeof value === 'string' ? (value?.length ?? 0) : 0),
    0,
  )
}
