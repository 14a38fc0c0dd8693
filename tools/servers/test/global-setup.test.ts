import { createMysqlDatabase, createPostgresDatabase } from '@larder/dev-servers'
import setup from '@larder/dev-servers/global-setup'
import { servers } from '@larder/dev-servers/vitest'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

// What a run is told: where its servers are. Here they are those of the run that this test is part of.
function givenServers(): { MEMCACHE_SERVERS: string; POSTGRES_URL: string; MYSQL_URL: string } {
  return {
    MEMCACHE_SERVERS: servers.memcached.servers,
    POSTGRES_URL: servers.postgres.url,
    MYSQL_URL: servers.mariadb.url,
  }
}

let told: { runId: string } | undefined
const project = { provide: (_: string, value: { runId: string }) => (told = value) }
const setUp = (): ReturnType<typeof setup> => setup(project as unknown as Parameters<typeof setup>[0])

beforeEach(() => {
  told = undefined
  for (const [name, value] of Object.entries(givenServers())) vi.stubEnv(name, value)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

async function databases(): Promise<string> {
  const client = new Client({ connectionString: servers.postgres.url })
  await client.connect()
  const onPostgres = await client.query('SELECT datname FROM pg_database')
  await client.end()
  const connection = await createConnection({ uri: servers.mariadb.url })
  const [onMariadb] = await connection.query('SHOW DATABASES')
  await connection.end()
  return JSON.stringify([onPostgres.rows, onMariadb])
}

test('servers given in the environment are used, and left without the databases of the run', async () => {
  const tearDown = await setUp()
  expect.assert(told)
  expect(told).toMatchObject({
    memcacheServers: servers.memcached.servers,
    postgresUrl: servers.postgres.url,
    mariadbUrl: servers.mariadb.url,
  })
  const one = await createPostgresDatabase(servers.postgres.url, told.runId)
  const two = await createMysqlDatabase(servers.mariadb.url, told.runId)
  await tearDown()
  const left = await databases()
  expect.assert(!left.includes(one.name) && !left.includes(two.name))
})

test.each([
  ['MEMCACHE_SERVERS', '127.0.0.1:1'],
  ['POSTGRES_URL', 'postgres://larder@127.0.0.1:1/postgres'],
  ['MYSQL_URL', 'mysql://larder@127.0.0.1:1/larder'],
])('a server that %s names and that does not answer fails the run', async (variable, value) => {
  vi.stubEnv(variable, value)
  await expect(setUp()).rejects.toThrow(new RegExp(`${variable} names does not answer`))
})
