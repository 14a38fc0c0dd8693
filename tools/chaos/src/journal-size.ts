import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'

const COUNT = 'SELECT count(*) AS waiting FROM larder_journal'

/** How many journal rows are there, those that a relay has claimed included. */
export async function journalSize(databaseUrl: string): Promise<number> {
  return databaseUrl.startsWith('postgres') ? onPostgres(databaseUrl) : onMariadb(databaseUrl)
}

async function onPostgres(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ waiting: string }>(COUNT)
    return Number(rows[0]?.waiting)
  } finally {
    await client.end()
  }
}

async function onMariadb(url: string): Promise<number> {
  const connection = await createConnection({ uri: url.replace(/^mariadb:/, 'mysql:') })
  try {
    const [rows] = await connection.query(COUNT)
    return Number((rows as { waiting: number }[])[0]?.waiting)
  } finally {
    await connection.end()
  }
}
