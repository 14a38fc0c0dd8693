import { servers } from '@larder/dev-servers/vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh, empty database. */
export interface Place {
  readonly url: string
  drop(): Promise<void>
}

export const DATABASES: Readonly<Record<string, () => Promise<Place>>> = {
  SQLite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'larder-system-'))
    return {
      url: `sqlite:${join(folder, 'larder.db')}`,
      drop: () => rm(folder, { recursive: true, force: true }),
    }
  },
  PostgreSQL: () => servers.postgres.createDatabase(),
  MariaDB: () => servers.mariadb.createDatabase(),
}
