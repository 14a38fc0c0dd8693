import { chooseCache, describeDatabaseUrl, isSqlite, sqlitePathOf } from '@larder/example-environment'
import { MemcacheClient } from '@larder/memcached'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import {
  larderEntities,
  larderMigrations,
  onTableChanges,
  SqlStorage,
  watchTables,
} from '@larder/storage-sql'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { createProducts, PRODUCT_TABLE, ProductSchema } from './product.js'

/** What tells the cache of a change: the transaction that makes it, or triggers, for programs that know no cache. */
export const INVALIDATIONS = ['outbox', 'triggers'] as const
export type Invalidation = (typeof INVALIDATIONS)[number]

/** The database, and the caches in front of it. */
export interface Shop extends AsyncDisposable {
  readonly dataSource: DataSource
  readonly invalidation: Invalidation
  /** For questions about the servers' health. */
  readonly memcached: MemcacheClient
  /** Results of queries about products. */
  readonly queries: QueryCache
  /** Images, in the same database. */
  readonly images: MemcacheStorage
  /** For people, a line each. */
  readonly description: readonly string[]
}

/** Opens everything. Closed in reverse order: the cache's side may have something left to tell the database. */
export async function openShop(env: NodeJS.ProcessEnv, invalidation: Invalidation = 'outbox'): Promise<Shop> {
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
    if (invalidation === 'triggers') closers.push(await invalidateByTriggers(storage, dataSource, queries))
    const memcached = new MemcacheClient(home.access)
    closers.push(() => memcached.close())
    const description = [`database: ${database}`, `cache: ${home.description}`, ...home.complaints]
    const parts = { dataSource, invalidation, memcached, queries, images, description }
    return { ...parts, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Triggers record each change of the table, and every server of the API handles the records. Returns how it ends. */
async function invalidateByTriggers(storage: SqlStorage, dataSource: DataSource, queries: QueryCache) {
  await watchTables(dataSource, [PRODUCT_TABLE])
  const invalidate = (tables: readonly string[]) => queries.invalidate(...tables.map((tag) => ({ tag })))
  const changes = await onTableChanges(storage, invalidate, { tables: [PRODUCT_TABLE] })
  return () => changes.close()
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
