import { chooseCache, describeDatabaseUrl } from '@larder/example-environment'
import { QueryCache } from '@larder/storage-memcache'
import { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
import { onTableChanges, unwatchTables, watchTables } from '@larder/storage-sql'
import { createHash } from 'node:crypto'
import type { DataSource } from 'typeorm'
import { chooseDatabase, type FilmDatabase, openDataSource } from './database.js'
import { FilmSchema } from './film.js'
import { createSakila, dropSakila, TABLES } from './sakila.js'
import { helper } from './ways/helper.js'
import { noCache } from './ways/no-cache.js'
import { typeorm } from './ways/typeorm.js'
import type { Way } from './ways/way.js'

const CHANGES_EVERY_MS = 50

/** A database of films, a cache, and three ways to ask. */
export interface Shop extends AsyncDisposable {
  readonly database: FilmDatabase
  readonly cacheDescription: string
  readonly cacheComplaints: readonly string[]
  readonly hasMadeTables: boolean
  readonly dataSource: DataSource
  readonly queries: QueryCache
  readonly ways: readonly Way[]
  /** How many questions about films have reached the database. */
  filmQueries(): number
}

/** Connects, makes what is missing, and listens to what others commit. `drop` removes it all when the shop closes. */
export async function openShop(env: NodeJS.ProcessEnv, drop: boolean): Promise<Shop> {
  const closers: (() => PromiseLike<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    const database = await chooseDatabase(env)
    closers.push(() => database[Symbol.asyncDispose]())
    const home = await chooseCache(env)
    closers.push(() => home[Symbol.asyncDispose]())
    const owner = ownerOf(database)
    let filmQueries = 0
    const resultCache = new MemcacheQueryResultCache({
      ...home.access,
      keyPrefix: `typeorm:${owner}`,
      tables: TABLES,
    })
    const dataSource = await openDataSource(database, resultCache, () => filmQueries++)
    closers.push(() => dataSource.destroy())
    const hasMadeTables = await createSakila(dataSource)
    if (drop) closers.push(() => dropSakila(dataSource))
    await watchTables(dataSource, TABLES)
    if (drop) closers.push(() => unwatchTables(dataSource, TABLES))
    const queries = new QueryCache({ ...home.access, keyPrefix: `cached:${owner}` })
    closers.push(() => queries.close())
    const films = dataSource.getRepository(FilmSchema)
    const ways = [noCache(films), helper(films, queries), typeorm(films, resultCache)]
    const tellWays = async (tables: readonly string[]): Promise<void> => {
      await Promise.all(ways.map((way) => way.onChange(tables)))
    }
    const changes = await onTableChanges(dataSource, tellWays, {
      tables: TABLES,
      intervalMs: CHANGES_EVERY_MS,
    })
    closers.push(() => changes.close())
    return {
      database,
      cacheDescription: home.description,
      cacheComplaints: home.complaints,
      hasMadeTables,
      dataSource,
      queries,
      ways,
      filmQueries: () => filmQueries,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The same for all who use one database, and another for each. */
function ownerOf({ url }: FilmDatabase): string {
  return `${createHash('sha256').update(describeDatabaseUrl(url)).digest('base64url').slice(0, 12)}:`
}
