import { chooseCache, describeDatabaseUrl, isSqlite, sqlitePathOf } from '@larder/example-environment'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { larderEntities, larderMigrations, SqlStorage } from '@larder/storage-sql'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { createProducts, ProductSchema } from './product.js'

/** The database, and the caches in front of it. */
export interface Shop extends AsyncDisposable {
  readonly dataSource: DataSource
  /** Results of queries about products. */
  readonly queries: QueryCache
  /** Images, in the same database. */
  readonly images: MemcacheStorage
  /** For people, a line each. */
  readonly description: readonly string[]
}

/** Opens everything. Closed in reverse order: the cache's side may have something left to tell the database. */
export async function openShop(env: NodeJS.ProcessEnv): Promise<Shop> {
  const closers: (() => PromiseLike<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    const url = env['DATABASE_URL'] || `sqlite:${await temporaryFile(closers)}`
    const database = describeDatabaseUrl(url)
    const home = await chooseCache(env)
    closers.push(() => home[Symbol.asyncDispose]())
    const connection = connectionOf(url)
    const entities = [ProductSchema, ...larderEntities(connection.type)]
    const migrations = larderMigrations(connection.type)
    const dataSource = await new DataSource({ ...connection, entities, migrations }).initialize()
    closers.push(() => dataSource.destroy())
    await createProducts(dataSource)
    const storage = await SqlStorage.open({ dataSource, migrate: true })
    closers.push(() => storage.shutdown())
    const owner = createHash('sha256').update(database).digest('base64url').slice(0, 12)
    const images = new MemcacheStorage({ ...home.access, storage, keyPrefix: `images:${owner}:` })
    closers.push(() => images.shutdown())
    const queries = new QueryCache({ ...home.access, outbox: storage, keyPrefix: `products:${owner}:` })
    closers.push(() => queries.close())
    const description = [`database: ${database}`, `cache: ${home.description}`, ...home.complaints]
    return { dataSource, queries, images, description, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function temporaryFile(closers: (() => PromiseLike<unknown>)[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-api-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'shop.sqlite')
}

function connectionOf(url: string) {
  if (isSqlite(url)) return { type: 'better-sqlite3', database: sqlitePathOf(url) } as const
  if (url.startsWith('postgres')) return { type: 'postgres', url } as const
  return { type: url.startsWith('mariadb') ? 'mariadb' : 'mysql', url } as const
}
