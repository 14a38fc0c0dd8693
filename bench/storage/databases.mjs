// An empty database of each kind, which keeps what it acknowledges.
import { createMysqlDatabase, createPostgresDatabase, startMariadb, startPostgres } from '@larder/dev-servers'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DURABLE } from '../lib/durable.mjs'

const STARTERS = {
  PostgreSQL: () => onServer(startPostgres, DURABLE.postgres, createPostgresDatabase),
  MariaDB: () => onServer(startMariadb, DURABLE.mariadb, createMysqlDatabase),
  SQLite: sqlite,
}
export const DATABASES = Object.keys(STARTERS)

/** Resolves to `{ name, url, stop }`. */
export async function startDatabase(name) {
  return { name, ...(await STARTERS[name]()) }
}

async function onServer(start, settings, create) {
  const server = await start({ settings })
  const { url } = await create(server.url)
  return { url, stop: () => server.stop() }
}

async function sqlite() {
  const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
  const stop = async () => rmSync(folder, { recursive: true, force: true })
  return { url: `sqlite:${join(folder, 'bench.sqlite')}`, stop }
}
