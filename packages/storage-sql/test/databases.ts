import { servers } from '@larder/dev-servers/vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh, empty database. */
export interface Place extends AsyncDisposable {
  readonly url: string
}

async function sqliteFile(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-sqlite-'))
  return {
    url: `sqlite:${join(folder, 'test.db')}`,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

export const DATABASES: Readonly<Record<'sqlite' | 'postgres' | 'mariadb', () => Promise<Place>>> = {
  sqlite: sqliteFile,
  postgres: () => servers.postgres.createDatabase(),
  mariadb: () => servers.mariadb.createDatabase(),
}
