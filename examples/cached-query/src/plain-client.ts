// Another program, which knows nothing of any cache: it sends each line that it reads to the database of DATABASE_URL,
// and writes a line once that is committed.
import { isSqlite, sqlitePathOf } from '@larder/example-environment'
import { createInterface } from 'node:readline'

type Execute = (sql: string) => unknown

async function connect(url: string): Promise<Execute> {
  if (isSqlite(url)) {
    const { default: Database } = await import('better-sqlite3')
    const client = new Database(sqlitePathOf(url))
    return (sql) => client.exec(sql)
  }
  if (url.startsWith('postgres')) {
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    return (sql) => client.query(sql)
  }
  const { createConnection } = await import('mysql2/promise')
  const client = await createConnection(url.replace(/^mariadb:/, 'mysql:'))
  return (sql) => client.query(sql)
}

const execute = await connect(process.env['DATABASE_URL'] ?? '')
for await (const sql of createInterface({ input: process.stdin })) {
  await execute(sql)
  process.stdout.write('committed\n')
}
process.exit()
