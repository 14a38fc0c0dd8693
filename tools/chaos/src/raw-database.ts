import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'

type Rows = readonly Readonly<Record<string, unknown>>[]

/** How many rows of the journal there are, those that a relay has claimed included. */
export function journalSize(databaseUrl: string): Promise<number> {
  return countRows(databaseUrl, 'larder_journal')
}

export async function countRows(databaseUrl: string, table: string): Promise<number> {
  const [row] = await ask(databaseUrl, `SELECT count(*) AS found FROM ${table}`)
  return Number(row?.['found'])
}

/** Over a connection for this statement alone. */
export function ask(databaseUrl: string, sql: string): Promise<Rows> {
  return databaseUrl.startsWith('postgres') ? askPostgres(databaseUrl, sql) : askMariadb(databaseUrl, sql)
}

async function askPostgres(url: string, sql: string): Promise<Rows> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

async function askMariadb(url: string, sql: string): Promise<Rows> {
  const connection = await createConnection({ uri: url.replace(/^mariadb:/, 'mysql:') })
  try {
    const [rows] = await connection.query(sql)
    return Array.isArray(rows) ? (rows as Rows) : []
  } finally {
    await connection.end()
  }
}
