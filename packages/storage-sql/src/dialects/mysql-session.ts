import { processWide } from '@larder/storage-core/driver'
import type { QueryRunner } from 'typeorm'
import type { Dialect, Limits } from './dialect.js'
import {
  type KillableClient,
  SERVER_VARIABLES,
  type ServerSide,
  serverSideOf,
  variablesOf,
} from './mysql-kill.js'
import { type Statement, statement } from './statement.js'

interface Session {
  /** Of MariaDB or MySQL: ends a transaction that does nothing, respectively a connection that does nothing. */
  readonly idleVariable: 'idle_transaction_timeout' | 'wait_timeout'
  readonly lockWaitAsFound: number
  readonly tableLockWaitAsFound: number
  readonly idleAsFound: number
  /** The largest statement, or group of them, that the server takes. */
  readonly packetBytes: number
  readonly isGalera: boolean
  /** Undefined where the server cannot be told to end the connection. */
  readonly serverSide: ServerSide | undefined
}

const VARIABLES = [
  'innodb_lock_wait_timeout',
  'lock_wait_timeout',
  'idle_transaction_timeout',
  'wait_timeout',
  'max_allowed_packet',
  'wsrep_on',
  'wsrep_sync_wait',
  'pseudo_thread_id',
  ...SERVER_VARIABLES,
]

/** Of `wsrep_sync_wait`: a SELECT waits until the node has applied what the cluster has committed. */
const SYNC_READS = 1

const sessions = processWide('storage-sql/mysql-sessions@1', () => new WeakMap<object, Session>())

export function isPrepared(client: object): boolean {
  return sessions.has(client)
}

/** Reads the settings of a session. On a Galera node, reads wait for what other nodes have acknowledged. */
export async function prepare(client: KillableClient, dialect: Dialect, runner: QueryRunner): Promise<void> {
  const names = VARIABLES.map((name) => `'${name}'`).join(', ')
  const found = await dialect.run(runner, statement(`SHOW VARIABLES WHERE variable_name IN (${names})`))
  const variables = variablesOf(found.rows)
  const isGalera = variables.get('wsrep_on') === 'ON'
  if (isGalera) {
    const wait = Number(variables.get('wsrep_sync_wait')) | SYNC_READS
    await dialect.run(runner, statement(`SET SESSION wsrep_sync_wait = ${wait}`))
  }
  const idleVariable = variables.has('idle_transaction_timeout') ? 'idle_transaction_timeout' : 'wait_timeout'
  sessions.set(client, {
    idleVariable,
    lockWaitAsFound: Number(variables.get('innodb_lock_wait_timeout')),
    tableLockWaitAsFound: Number(variables.get('lock_wait_timeout')),
    idleAsFound: Number(variables.get(idleVariable)),
    packetBytes: Number(variables.get('max_allowed_packet')),
    isGalera,
    serverSide: serverSideOf(client, variables),
  })
}

export function isolation(verb: 'SET' | 'SET SESSION'): Statement {
  // Under REPEATABLE READ two writers of new neighbours lock the same gap, and deadlock.
  return statement(`${verb} TRANSACTION ISOLATION LEVEL READ COMMITTED`)
}

export function settings({ lockTimeoutMs, transactionTimeoutMs }: Limits, runner: QueryRunner): Statement[] {
  const { idleVariable } = sessionOf(runner)
  const lockSeconds = seconds(lockTimeoutMs)
  return [
    statement(
      `SET SESSION innodb_lock_wait_timeout = ${lockSeconds}, SESSION lock_wait_timeout = ${lockSeconds}, ` +
        `SESSION ${idleVariable} = ${seconds(transactionTimeoutMs)}`,
    ),
  ]
}

export function restoring(runner: QueryRunner): Statement[] {
  const { idleVariable, lockWaitAsFound, tableLockWaitAsFound, idleAsFound } = sessionOf(runner)
  return [
    statement(
      `SET SESSION innodb_lock_wait_timeout = ${lockWaitAsFound}, ` +
        `SESSION lock_wait_timeout = ${tableLockWaitAsFound}, SESSION ${idleVariable} = ${idleAsFound}, ` +
        '@larder_journaled = NULL',
    ),
  ]
}

/** The server ends a SELECT that takes longer: MariaDB's form, or MySQL's. */
export function selectWithin(
  { sql, values }: Statement,
  { statementTimeoutMs }: Limits,
  runner: QueryRunner,
): Statement {
  const isMariadb = sessionOf(runner).idleVariable === 'idle_transaction_timeout'
  return {
    sql: isMariadb
      ? `SET STATEMENT max_statement_time = ${statementTimeoutMs / 1_000} FOR ${sql}`
      : sql.replace(/^\s*SELECT\b/i, `SELECT /*+ MAX_EXECUTION_TIME(${statementTimeoutMs}) */`),
    values,
  }
}

export function serverSideFor(client: object): ServerSide | undefined {
  return sessions.get(client)?.serverSide
}

export function packetBytesOf(runner: QueryRunner): number {
  return preparedSession(runner)?.packetBytes ?? Infinity
}

/**
 * A Galera node says that it has aborted a transaction in answer to a packet only. Of several statements in one packet,
 * those that are left run after an abort, each committed by itself, and the packet is answered as if nothing were wrong.
 */
export function takesGroups(runner: QueryRunner): boolean {
  return preparedSession(runner)?.isGalera !== true
}

function sessionOf(runner: QueryRunner): Session {
  const session = preparedSession(runner)
  if (session === undefined) throw new Error('The session was not prepared')
  return session
}

function preparedSession(runner: QueryRunner): Session | undefined {
  const client = (runner as unknown as { readonly databaseConnection?: object }).databaseConnection
  return client && sessions.get(client)
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
