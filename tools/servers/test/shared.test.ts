import { servers } from '@larder/dev-servers/vitest'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { ask } from './support.js'

test('the shared memcached answers', async () => {
  const { host, port } = servers.memcached
  expect(servers.memcached.servers).toContain(`${host}:${port}`)
  expect(await ask({ host, port }, 'version\r\n')).toMatch(/^VERSION /)
})

async function postgresNames(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database')
  await client.end()
  return rows.map(({ datname }) => datname)
}

async function mariadbNames(url: string): Promise<string[]> {
  const connection = await createConnection({ uri: url })
  const [rows] = await connection.query('SHOW DATABASES')
  await connection.end()
  return (rows as { Database: string }[]).map(({ Database }) => Database)
}

describe.each([
  { name: 'PostgreSQL', server: servers.postgres, names: postgresNames },
  { name: 'MariaDB', server: servers.mariadb, names: mariadbNames },
])('$name', ({ server, names }) => {
  test('databases are fresh, apart from each other, and dropped', async () => {
    const one = await server.createDatabase()
    const two = await server.createDatabase()
    expect(one.name).not.toBe(two.name)
    const both = await names(one.url)
    expect.assert(both.includes(one.name) && both.includes(two.name))
    await one.drop()
    await one.drop()
    await two.drop()
    const after = await names(server.url)
    expect.assert(!after.includes(one.name) && !after.includes(two.name))
  })
})

test('a database is dropped under open connections', async () => {
  const onPostgres = await servers.postgres.createDatabase()
  const client = new Client({ connectionString: onPostgres.url })
  client.on('error', () => undefined)
  await client.connect()
  await onPostgres.drop()
  const onMariadb = await servers.mariadb.createDatabase()
  const connection = await createConnection({ uri: onMariadb.url })
  connection.on('error', () => undefined)
  await onMariadb.drop()
  connection.destroy()
})

test('PostgreSQL sorts in the order of a language, where it can', async () => {
  await using database = await servers.postgres.createDatabase()
  const client = new Client({ connectionString: database.url })
  await client.connect()
  const { rows } = await client.query<{ less: boolean; provider: string }>(
    `SELECT 'a' < 'B' AS less, datlocprovider AS provider FROM pg_database WHERE datname = current_database()`,
  )
  await client.end()
  expect(rows[0]?.less).toBe(rows[0]?.provider === 'i')
})
