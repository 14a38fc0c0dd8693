import { randomBytes } from 'node:crypto'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'

/** A fresh database for one test file or test. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string
  readonly url: string
  /** Closes the connections that are left, and drops it. Idempotent. */
  drop(): Promise<void>
}

const PREFIX = 'larder_test_'

/** For one test run: names that no other run on the same server takes. */
export function newRunId(): string {
  return randomBytes(5).toString('hex')
}

function newName(runId: string): string {
  return `${PREFIX}${runId}_${randomBytes(5).toString('hex')}`
}

function urlFor(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

async function onPostgres<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

type MysqlConnection = Awaited<ReturnType<typeof createConnection>>

async function onMysql<T>(url: string, work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
  const connection = await createConnection({ uri: url })
  try {
    return await work(connection)
  } finally {
    await connection.end()
  }
}

const FIRST_WITH_ICU_DATABASES = 150_000

// In the order of a language, 'a' < 'B', as on most servers in use: code that counts on the order of bytes
// fails here and not at a user's.
const IN_LANGUAGE_ORDER = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"

async function createOnPostgres(serverUrl: string, name: string): Promise<void> {
  await onPostgres(serverUrl, async (client) => {
    const { rows } = await client.query<{ version: string }>(
      `SELECT current_setting('server_version_num') AS version,
              EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS icu`,
    )
    const [{ version, icu } = { version: '0', icu: false }] = rows as { version: string; icu: boolean }[]
    const withIcu = icu && Number(version) >= FIRST_WITH_ICU_DATABASES
    await client.query(`CREATE DATABASE ${name} ${withIcu ? IN_LANGUAGE_ORDER : ''}`)
  })
}

async function createOnMysql(serverUrl: string, name: string): Promise<void> {
  await onMysql(serverUrl, (connection) => connection.query(`CREATE DATABASE ${name}`))
}

async function dropOnPostgres(serverUrl: string, name: string): Promise<void> {
  await onPostgres(serverUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
}

async function dropOnMysql(serverUrl: string, name: string): Promise<void> {
  await onMysql(serverUrl, async (connection) => {
    const [users] = await connection.query('SELECT id FROM information_schema.processlist WHERE db = ?', [
      name,
    ])
    for (const { id } of users as { id: number }[]) {
      // It may have gone by itself.
      await connection.query(`KILL ${id}`).catch(() => undefined)
    }
    await connection.query(`DROP DATABASE IF EXISTS ${name}`)
  })
}

function databaseOf(serverUrl: string, name: string, drop: () => Promise<void>): TestDatabase {
  return { name, url: urlFor(serverUrl, name), drop, [Symbol.asyncDispose]: drop }
}

/** An empty PostgreSQL database beside the one that the URL names. */
export async function createPostgresDatabase(serverUrl: string, runId = newRunId()): Promise<TestDatabase> {
  const name = newName(runId)
  await createOnPostgres(serverUrl, name)
  return databaseOf(serverUrl, name, () => dropOnPostgres(serverUrl, name))
}

/** An empty MariaDB or MySQL database beside the one that the URL names. */
export async function createMysqlDatabase(serverUrl: string, runId = newRunId()): Promise<TestDatabase> {
  const name = newName(runId)
  await createOnMysql(serverUrl, name)
  return databaseOf(serverUrl, name, () => dropOnMysql(serverUrl, name))
}

/** Drops what a run has left on a server, for servers that outlive the run. */
export async function dropPostgresDatabases(serverUrl: string, runId: string): Promise<void> {
  const names = await onPostgres(serverUrl, async (client) => {
    const sql = 'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)'
    return (await client.query<{ name: string }>(sql, [`${PREFIX}${runId}_`])).rows
  })
  for (const { name } of names) await dropOnPostgres(serverUrl, name)
}

export async function dropMysqlDatabases(serverUrl: string, runId: string): Promise<void> {
  const names = await onMysql(serverUrl, async (connection) => {
    const sql = 'SELECT schema_name AS name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ?'
    const prefix = `${PREFIX}${runId}_`
    return (await connection.query(sql, [prefix.length, prefix]))[0] as { name: string }[]
  })
  for (const { name } of names) await dropOnMysql(serverUrl, name)
}
