import { createConnection } from 'mysql2/promise'
import { connect } from 'node:net'
import { once } from 'node:events'
import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { dropMysqlDatabases, dropPostgresDatabases, newRunId } from './databases.js'
import { ensureServers, type ServerKind } from './install.js'
import { startMariadb } from './mariadb.js'
import { startMemcached } from './memcached.js'
import { startPostgres } from './postgres.js'
import './shared-servers.js'

interface Provision {
  readonly url: string
  stop(): Promise<void>
}

async function checkMemcached(servers: string): Promise<void> {
  for (const server of servers.split(/[\s,]+/).filter(Boolean)) {
    const [host = '', port = '11211'] = server.slice(server.lastIndexOf('@') + 1).split(':')
    const socket = connect({ host, port: Number(port) })
    await once(socket, 'connect')
    socket.destroy()
  }
}

async function checkPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.end()
}

async function checkMysql(url: string): Promise<void> {
  const connection = await createConnection({ uri: url })
  await connection.end()
}

interface Source {
  readonly kind: ServerKind
  readonly variable: string
  readonly given: string | undefined
  readonly check: (url: string) => Promise<void>
  readonly start: () => Promise<Provision>
}

async function provide({ variable, given, check, start }: Source): Promise<Provision> {
  if (given === undefined) return start()
  try {
    await check(given)
  } catch (cause) {
    throw new Error(`The server that ${variable} names does not answer`, { cause })
  }
  return { url: given, stop: () => Promise.resolve() }
}

function sourcesFrom(env: NodeJS.ProcessEnv): readonly [Source, Source, Source] {
  const given = (name: string): string | undefined => env[name]?.trim() || undefined
  return [
    {
      kind: 'memcached',
      variable: 'MEMCACHE_SERVERS',
      given: given('MEMCACHE_SERVERS'),
      check: checkMemcached,
      start: async () => {
        const server = await startMemcached()
        return { url: server.address, stop: () => server.stop() }
      },
    },
    {
      kind: 'postgres',
      variable: 'POSTGRES_URL',
      given: given('POSTGRES_URL'),
      check: checkPostgres,
      start: () => startPostgres(),
    },
    {
      kind: 'mariadb',
      variable: 'MYSQL_URL',
      given: given('MYSQL_URL'),
      check: checkMysql,
      start: () => startMariadb(),
    },
  ]
}

/** For vitest's `globalSetup`: the servers that all test files share. One that cannot be had fails the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const sources = sourcesFrom(process.env)
  const [memcached, postgres, mariadb] = sources
  ensureServers(...sources.filter((source) => source.given === undefined).map((source) => source.kind))
  const runId = newRunId()
  const provisions = await Promise.all([provide(memcached), provide(postgres), provide(mariadb)])
  const [{ url: memcacheServers }, { url: postgresUrl }, { url: mariadbUrl }] = provisions
  project.provide('larderServers', { runId, memcacheServers, postgresUrl, mariadbUrl })
  return async () => {
    if (postgres.given !== undefined) await dropPostgresDatabases(postgresUrl, runId)
    if (mariadb.given !== undefined) await dropMysqlDatabases(mariadbUrl, runId)
    await Promise.all(provisions.map((provision) => provision.stop()))
  }
}
