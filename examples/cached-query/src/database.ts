import { describeDatabaseUrl, isSqlite, sqlitePathOf } from '@larder/example-environment'
import type { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { FilmSchema } from './film.js'

/** Where the films are. */
export interface FilmDatabase extends AsyncDisposable {
  readonly url: string
  /** For people; without the password. */
  readonly description: string
  readonly isTemporary: boolean
}

/** The database that `DATABASE_URL` names, or an SQLite file in a temporary folder, which goes at the end. */
export async function chooseDatabase(env: NodeJS.ProcessEnv): Promise<FilmDatabase> {
  const url = env['DATABASE_URL']
  if (url) {
    const description = describeDatabaseUrl(url)
    return { url, description, isTemporary: false, [Symbol.asyncDispose]: async () => {} }
  }
  const folder = await mkdtemp(join(tmpdir(), 'larder-cached-query-'))
  const file = join(folder, 'sakila.sqlite')
  return {
    url: `sqlite:${file}`,
    description: `SQLite, ${file} (temporary)`,
    isTemporary: true,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Connects. `onFilmQuery` is called for each question about films that reaches the database. */
export async function openDataSource(
  { url, description }: FilmDatabase,
  cache: MemcacheQueryResultCache,
  onFilmQuery: () => void,
): Promise<DataSource> {
  const silent = (): void => undefined
  const dataSource = new DataSource({
    ...connectionOf(url),
    entities: [FilmSchema],
    cache: { provider: () => cache },
    logging: ['query'],
    logger: {
      logQuery: (sql) => {
        if (/^SELECT.+rental_rate/s.test(sql)) onFilmQuery()
      },
      logQueryError: silent,
      logQuerySlow: silent,
      logSchemaBuild: silent,
      logMigration: silent,
      log: silent,
    },
  })
  try {
    return await dataSource.initialize()
  } catch (cause) {
    throw new Error(`The database cannot be reached: ${description}`, { cause })
  }
}

function connectionOf(url: string): DataSourceOptions {
  if (isSqlite(url)) return { type: 'better-sqlite3', database: sqlitePathOf(url) }
  if (url.startsWith('postgres')) return { type: 'postgres', url }
  return { type: url.startsWith('mariadb') ? 'mariadb' : 'mysql', url }
}
