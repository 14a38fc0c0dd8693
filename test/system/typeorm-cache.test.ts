import { EmbeddedCache, systemEnvironment } from '@larder/memcached'
import { MemcacheQueryResultCache, type QueryResultCacheOptions } from '@larder/storage-memcache/typeorm'
import { servers } from '@larder/dev-servers/vitest'
import { onTableChanges, watchTables } from '@larder/storage-sql'
import { DataSource, EntitySchema, EntitySchemaOptions } from 'typeorm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PATIENT } from '@larder/dev-servers/vitest'

interface Film {
  id: number
  title: string
  rate: number
}

const Films = new EntitySchema<Film>(
  Object.assign(new EntitySchemaOptions<Film>(), {
    name: 'Film',
    tableName: 'film',
    columns: {
      id: { type: 'int', primary: true },
      title: { type: 'varchar' },
      rate: { type: 'int' },
    },
  } as const),
)

let prefixes = 0
const memcached = () => ({
  servers: servers.memcached.servers,
  client: PATIENT,
  keyPrefix: `t${process.pid}-${++prefixes}:`,
})

interface Setup {
  readonly cache?: QueryResultCacheOptions
  readonly alwaysEnabled?: boolean
  readonly duration?: number
  readonly ignoreErrors?: boolean
}

type Open = (
  setup?: Setup,
) => Promise<{ source: DataSource; cache: MemcacheQueryResultCache; queries: () => number }>

/** A data source with five films and no rows read yet. */
async function open(
  connection: { type: 'better-sqlite3'; database: string } | { type: 'postgres' | 'mariadb'; url: string },
  { cache: cacheOptions, ...setup }: Setup = {},
) {
  const cache = new MemcacheQueryResultCache(cacheOptions ?? memcached())
  let queries = 0
  const source = await new DataSource({
    ...connection,
    entities: [Films],
    synchronize: true,
    cache: { provider: () => cache, duration: 60_000, ...setup },
    logging: ['query'],
    logger: {
      logQuery: (query: string) => void (/^SELECT.*FROM .film/s.test(query) && queries++),
      logQueryError: () => undefined,
      logQuerySlow: () => undefined,
      logSchemaBuild: () => undefined,
      logMigration: () => undefined,
      log: () => undefined,
    },
  }).initialize()
  onTestFinished(async () => {
    if (source.isInitialized) await source.destroy()
  })
  const rows = Array.from({ length: 5 }, (_, i) => ({ id: i + 1, title: `film ${i + 1}`, rate: i }))
  await source.getRepository(Films).insert(rows)
  return { source, cache, queries: () => queries }
}

const databases: Readonly<Record<string, Open>> = {
  SQLite: (setup) => open({ type: 'better-sqlite3', database: ':memory:' }, setup),
  PostgreSQL: async (setup) => {
    const database = await servers.postgres.createDatabase()
    onTestFinished(() => database.drop())
    return open({ type: 'postgres', url: database.url }, setup)
  },
  MariaDB: async (setup) => {
    const database = await servers.mariadb.createDatabase()
    onTestFinished(() => database.drop())
    return open({ type: 'mariadb', url: database.url }, setup)
  },
}

const titles = (films: readonly Film[]) => films.map(({ title }) => title)

for (const [name, openSource] of Object.entries(databases)) {
  describe(`TypeORM's query cache on ${name}`, () => {
    const top = (source: DataSource) =>
      source.getRepository(Films).createQueryBuilder('film').orderBy('film.rate', 'DESC').limit(2)

    test('a query is cached only where it is asked for', async () => {
      const { source, queries } = await openSource()
      await top(source).getMany()
      await top(source).getMany()
      expect(queries()).toBe(2)
      expect(titles(await top(source).cache(true).getMany())).toEqual(['film 5', 'film 4'])
      expect(titles(await top(source).cache(true).getMany())).toEqual(['film 5', 'film 4'])
      expect(queries()).toBe(3)
      await source.getRepository(Films).update({ id: 1 }, { rate: 9 })
      expect(titles(await top(source).cache(true).getMany())).toEqual(['film 5', 'film 4'])
      expect(titles(await top(source).getMany())).toEqual(['film 1', 'film 5'])
    })

    test('alwaysEnabled caches every query but those that say no', async () => {
      const { source, queries } = await openSource({ alwaysEnabled: true })
      const films = source.getRepository(Films)
      for (let i = 0; i < 2; i++) expect(await films.findOneBy({ id: 3 })).toMatchObject({ title: 'film 3' })
      expect(queries()).toBe(1)
      for (let i = 0; i < 2; i++) await top(source).cache(false).getMany()
      expect(queries()).toBe(3)
    })

    test('queries with other parameters are separate, and raw, scalar and missing results are cached', async () => {
      const { source, queries } = await openSource()
      const films = source.getRepository(Films)
      for (let i = 0; i < 2; i++) {
        expect((await films.find({ where: { id: 1 }, cache: true }))[0]?.title).toBe('film 1')
        expect((await films.find({ where: { id: 2 }, cache: true }))[0]?.title).toBe('film 2')
        expect(await films.find({ where: { id: 99 }, cache: true })).toEqual([])
        expect(await films.count({ cache: true })).toBe(5)
        expect(await top(source).select('film.title', 't').cache(true).getRawOne()).toEqual({ t: 'film 5' })
      }
      expect(queries()).toBe(5)
    })

    test('remove(id) takes the count and the page along, and nothing else', async () => {
      const { source, queries } = await openSource()
      const films = source.getRepository(Films)
      const page = () =>
        films.findAndCount({
          order: { id: 'ASC' },
          skip: 4,
          take: 2,
          cache: { id: 'page', milliseconds: 60_000 },
        })
      const other = () => films.find({ where: { id: 1 }, cache: { id: 'other', milliseconds: 60_000 } })
      expect((await page())[1]).toBe(5)
      await other()
      await films.insert({ id: 6, title: 'film 6', rate: 0 })
      expect((await page())[1]).toBe(5)
      const before = queries()
      await source.queryResultCache?.remove(['page'])
      const [found, count] = await page()
      expect([titles(found), count]).toEqual([['film 5', 'film 6'], 6])
      expect(queries()).toBeGreaterThan(before)
      const after = queries()
      await other()
      expect(queries()).toBe(after)
    })

    test('one identifier with two queries gives each its own result', async () => {
      const { source } = await openSource()
      const films = source.getRepository(Films)
      const byId = (id: number) => films.find({ where: { id }, cache: { id: 'same', milliseconds: 60_000 } })
      expect(titles(await byId(1))).toEqual(['film 1'])
      expect(titles(await byId(2))).toEqual(['film 2'])
      expect(titles(await byId(1))).toEqual(['film 1'])
    })

    test('a query that a removal overtook is not stored', async () => {
      const { source, cache } = await openSource()
      const read = () => top(source).cache('top', 60_000).getMany()
      const query = { identifier: 'top', query: 'SELECT', duration: 60_000 }
      const saved = await cache.getFromCache(query)
      await cache.remove(['top'])
      await cache.storeInCache({ ...query, time: Date.now(), result: '["old"]' }, saved)
      expect((await cache.getFromCache(query))?.result).toBeUndefined()
      await read()
      await source.getRepository(Films).update({ id: 1 }, { rate: 9 })
      await source.queryResultCache?.remove(['top'])
      expect(titles(await read())).toEqual(['film 1', 'film 5'])
    })

    test('reads in a transaction are not cached', async () => {
      const { source, queries } = await openSource()
      await source
        .transaction(async (manager) => {
          await manager.update(Films, { id: 1 }, { rate: 9 })
          const seen = await manager.find(Films, { order: { rate: 'DESC' }, take: 1, cache: true })
          expect(titles(seen)).toEqual(['film 1'])
          throw new Error('roll back')
        })
        .catch(() => undefined)
      const read = () => source.getRepository(Films).find({ order: { rate: 'DESC' }, take: 1, cache: true })
      expect(titles(await read())).toEqual(['film 5'])
      const before = queries()
      await source.transaction(async (manager) => {
        await manager.find(Films, { order: { rate: 'DESC' }, take: 1, cache: true })
      })
      expect(queries()).toBeGreaterThan(before)
    })

    test('invalidateTables voids the queries that read them', async () => {
      const { source, cache, queries } = await openSource({
        cache: {
          ...memcached(),
          tables: ['film', 'inventory'],
        },
      })
      await top(source).cache(true).getMany()
      await cache.invalidateTables(['inventory'])
      await top(source).cache(true).getMany()
      expect(queries()).toBe(1)
      await cache.invalidateTables(['film'])
      await top(source).cache(true).getMany()
      expect(queries()).toBe(2)
      await expect(cache.invalidateTables(['rental', 'film'])).rejects.toThrow(/does not name rental$/)
      await top(source).cache(true).getMany()
      expect(queries()).toBe(3)
    })
  })
}

test('the provider is a handler of onTableChanges', async () => {
  const { source, cache, queries } = await open(
    { type: 'better-sqlite3', database: ':memory:' },
    { cache: { ...memcached(), tables: ['film'] } },
  )
  await watchTables(source, ['film'])
  const changes = await onTableChanges(source, cache, { intervalMs: 1_000_000_000 })
  onTestFinished(() => changes.close())
  const films = source.getRepository(Films)
  await films.find({ cache: true })
  await films.insert({ id: 6, title: 'film 6', rate: 0 })
  await changes.flush()
  expect(await films.find({ cache: true })).toHaveLength(6)
  expect(queries()).toBe(2)
})

describe('the provider', () => {
  const query = { query: `SELECT ${'x'.repeat(5_000)} -- PARAMETERS: [" \n"]`, duration: 60_000 }

  test('clear() invalidates the results under its own key prefix and leaves other items alone', async () => {
    const embedded = new EmbeddedCache()
    const some = new MemcacheQueryResultCache({ cache: embedded, keyPrefix: 'some:' })
    const other = new MemcacheQueryResultCache({ cache: embedded, keyPrefix: 'other:' })
    await embedded.set('item', Buffer.from('1'))
    for (const cache of [some, other]) {
      await cache.storeInCache({ ...query, result: '[1]' }, await cache.getFromCache(query))
    }
    await some.clear()
    expect((await some.getFromCache(query))?.result).toBeUndefined()
    expect((await other.getFromCache(query))?.result).toBe('[1]')
    expect(await embedded.get('item')).toBeDefined()
  })

  test('a result lasts as long as its duration says, to the millisecond', async () => {
    let wall = 1_000_000
    const environment = { ...systemEnvironment, wallClock: () => wall }
    const cache = new MemcacheQueryResultCache({ cache: new EmbeddedCache(), environment })
    const short = { ...query, duration: 100 }
    await cache.storeInCache({ ...short, result: '[1]' }, await cache.getFromCache(short))
    wall += 99
    expect((await cache.getFromCache(short))?.result).toBe('[1]')
    wall += 1
    const saved = await cache.getFromCache(short)
    expect(saved !== undefined && cache.isExpired(saved)).toBe(true)
  })

  test('runs one query at a time for all processes, and a reader that waits too long runs its own', async () => {
    const embedded = new EmbeddedCache()
    const one = new MemcacheQueryResultCache({ cache: embedded, fillWaitMs: 60_000 })
    const two = new MemcacheQueryResultCache({ cache: embedded, fillWaitMs: 0 })
    const saved = await one.getFromCache(query)
    const waiting = one.getFromCache(query)
    expect(await two.getFromCache(query)).toBeUndefined()
    await one.storeInCache({ ...query, result: '[1]' }, saved)
    expect((await waiting)?.result).toBe('[1]')
  })

  test('servers that are down cost no query; to remove and clear rejects', async () => {
    const cache = new MemcacheQueryResultCache({ servers: '127.0.0.1:1', client: { timeoutMs: 200 } })
    onTestFinished(() => cache.disconnect())
    const { source, queries } = await open(
      { type: 'better-sqlite3', database: ':memory:' },
      {
        cache: { servers: '127.0.0.1:1', client: { timeoutMs: 200 } },
      },
    )
    for (let i = 0; i < 2; i++) await source.getRepository(Films).find({ cache: true })
    expect(queries()).toBe(2)
    await expect(source.queryResultCache?.clear()).rejects.toMatchObject({
      code: expect.stringMatching(/^E_/),
    })
    await expect(source.queryResultCache?.remove(['x'])).rejects.toMatchObject({
      code: expect.stringMatching(/^E_/),
    })
  })

  test('a data source can be destroyed and initialized again', async () => {
    const { source } = await open({ type: 'better-sqlite3', database: ':memory:' })
    await source.getRepository(Films).find({ cache: true })
    await source.destroy()
    await source.initialize()
    // The database in memory is empty now; what answers is the memcached.
    expect(await source.getRepository(Films).find({ cache: true })).toHaveLength(5)
    expect(await source.getRepository(Films).find()).toEqual([])
  })

  test('options that make no sense', () => {
    expect(() => new MemcacheQueryResultCache({} as never)).toThrow(TypeError)
    expect(() => new MemcacheQueryResultCache({ cache: new EmbeddedCache(), leaseTtlMs: 0 })).toThrow(
      RangeError,
    )
    expect(() => new MemcacheQueryResultCache({ cache: new EmbeddedCache(), tables: [''] })).toThrow(
      RangeError,
    )
    expect(
      () => new MemcacheQueryResultCache({ cache: new EmbeddedCache(), tables: ['a.b-c(d)'] }),
    ).not.toThrow()
  })
})
