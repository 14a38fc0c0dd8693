import type { QueryRunner } from 'typeorm'
import { type Dialect, runOneByOne } from './dialect.js'
import { isBusy, type KillableClient, killOnServer } from './mysql-kill.js'
import {
  isolation,
  isPrepared,
  packetBytesOf,
  prepare,
  restoring,
  selectWithin,
  serverSideFor,
  settings,
  takesGroups,
} from './mysql-session.js'
import { packetGroups } from './packets.js'
import {
  asBuffer,
  joinSql,
  type Outcome,
  type Row,
  type Statement,
  statement,
  type Value,
} from './statement.js'

/** The little of `mysql2`'s connection that is used. */
interface MysqlClient extends KillableClient {
  readonly config: KillableClient['config'] & { readonly multipleStatements?: boolean }
  destroy(): void
}

interface MysqlWrite {
  readonly affectedRows: number
  readonly insertId: number
}

/**
 * `shared`: others use the same connections, so that their settings are put back after each transaction. Otherwise
 * the settings are made once a connection.
 */
export function mysqlDialect(shared: boolean): Dialect {
  const dialect: Dialect = {
    family: 'mysql',
    // Not by NOW(), which is ambiguous for an hour a year in a time zone with daylight saving.
    nowMs: "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000)",
    orKeep: (column) => `ON DUPLICATE KEY UPDATE ${column} = ${column}`,
    // With ON DUPLICATE KEY the drivers count a row that was there as affected, and IGNORE cuts what is too long.
    orCollide: '',
    returningId: '',
    forUpdate: 'FOR UPDATE',
    // Outlives the transaction, so that it is set for each. Of a shared connection it is taken away again.
    journaling: {
      before: (journaled) => [statement(`SET @larder_journaled = ${journaled ? '1' : 'NULL'}`)],
      claimedUntilMs: 0,
    },
    alongIndex: [],
    // Binary strings are sent as digits, so that neither sql_mode nor a character set can change their meaning.
    bind: (value) => (typeof value === 'string' ? Buffer.from(value) : bytesOrSame(value)),
    name: (value) => (Buffer.isBuffer(value) ? value.toString() : String(value)),
    // Strings are bound as binary ones, which LOCATE compares by bytes where the column is one as well.
    position: (column) => `LOCATE(?, CAST(${column} AS BINARY))`,
    endsWith: (column, ext) => statement(`RIGHT(${column}, LENGTH(?)) = ?`, ext, ext),
    anyOf: (column, names) => statement(`${column} IN (${names.map(() => '?').join(', ')})`, ...names),
    begin: (limits, runner) => [
      ...(shared ? [...settings(limits, runner), isolation('SET')] : []),
      statement('START TRANSACTION'),
    ],
    limit: (limits, runner) => (shared ? settings(limits, runner) : []),
    prepareSession: async (limits, runner) => {
      const client = (await runner.connect()) as MysqlClient
      if (isPrepared(client)) return
      await prepare(client, dialect, runner)
      if (!shared) await dialect.runAll(runner, [isolation('SET SESSION'), ...settings(limits, runner)])
    },
    restoreSession: (runner) => (shared ? restoring(runner) : []),
    readWithin: (select, limits, runner) => selectWithin(select, limits, runner),
    run: async (runner, each) => {
      packetGroups([each], packetBytesOf(runner))
      return send(dialect, runner, each)
    },
    commit: async (runner) => {
      await runner.query('COMMIT')
    },
    runAll: async (runner, statements) => {
      const client = (await runner.connect()) as MysqlClient
      const groups = packetGroups(statements, packetBytesOf(runner))
      if (client.config.multipleStatements !== true || !takesGroups(runner)) {
        return runOneByOne((each) => send(dialect, runner, each), statements)
      }
      const outcomes: Outcome[] = []
      for (const group of groups) outcomes.push(...(await sendTogether(dialect, runner, group)))
      return outcomes
    },
    discard: async (runner) => {
      const client = (await runner.connect()) as MysqlClient
      const serverSide = isBusy(client) ? serverSideFor(client) : undefined
      client.destroy()
      // A server that works for a connection, or waits for a lock, does not see that its client has left.
      if (serverSide !== undefined) await killOnServer(runner, client, serverSide)
    },
  }
  return Object.freeze(dialect)
}

async function send(dialect: Dialect, runner: QueryRunner, { sql, values }: Statement): Promise<Outcome> {
  return outcomeOf(await runner.query(sql, values.map(dialect.bind)))
}

async function sendTogether(
  dialect: Dialect,
  runner: QueryRunner,
  group: readonly Statement[],
): Promise<readonly Outcome[]> {
  const [first] = group
  if (first !== undefined && group.length === 1) return [await send(dialect, runner, first)]
  const { sql, values } = joinSql(group, '; ')
  const results: unknown = await runner.query(sql, values.map(dialect.bind))
  return (results as unknown[]).map(outcomeOf)
}

function bytesOrSame(value: Value): unknown {
  return value instanceof Uint8Array ? asBuffer(value) : value
}

function outcomeOf(result: unknown): Outcome {
  if (Array.isArray(result)) return { rows: result as Row[], affected: 0, insertId: undefined }
  const { affectedRows, insertId } = result as MysqlWrite
  return { rows: [], affected: affectedRows, insertId }
}
