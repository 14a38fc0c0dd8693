import { larderEntities, larderMigrations, SqlStorage } from '@larder/storage-sql'
import { DataSource } from 'typeorm'
import { describe, expect, test } from 'vitest'
import {
  DATABASE_NAMES,
  DATABASES,
  type DatabaseName,
  errorOf,
  openFresh,
  type Place,
  rawDatabase,
} from './databases.js'

const INDEX = 'larder_resource_by_time'

const INDEXES: Readonly<Record<DatabaseName, string>> = {
  sqlite: `SELECT name FROM sqlite_master WHERE name = '${INDEX}'`,
  postgres: `SELECT relname FROM pg_class WHERE relname = '${INDEX}'`,
  mariadb: `SELECT DISTINCT index_name FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND index_name = '${INDEX}'`,
}

async function hasIndex(name: DatabaseName, place: Place): Promise<boolean> {
  await using database = await rawDatabase(place)
  return (await database.query(INDEXES[name])).length === 1
}

/** A data source of the program's, with these migrations. */
async function programSource(place: Place, orderByModified: boolean, synchronize = false) {
  const type = place.typeorm.type as 'postgres'
  const migrations = larderMigrations(type, { orderByModified })
  const options = { ...place.typeorm, entities: larderEntities(type), migrations, synchronize }
  const dataSource = await new DataSource(options).initialize()
  return { dataSource, [Symbol.asyncDispose]: () => dataSource.destroy() }
}

describe.each(DATABASE_NAMES)('orderByModified on %s', (name) => {
  test('without it, a page in the order of the last write is refused, and there is no index for it', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    for (const order of ['newest', 'oldest'] as const) {
      const { code, message } = await errorOf(storage.page('c', { order }))
      expect(code).toBe('E_UNSUPPORTED')
      expect(message).toMatch(/orderByModified: true/)
    }
    expect((await storage.page('c')).entries.length).toBe(1)
    expect(storage.supports.orderByModified).toBe(false)
    expect(await hasIndex(name, opened.place)).toBe(false)
  })

  test('makes the index on tables that are there, also where several open at once', async () => {
    await using opened = await openFresh(name)
    for (const each of ['a', 'b']) await opened.storage.putContent(opened.storage.info('c', each), each)
    const storages = await Promise.all([1, 2, 3].map(() => opened.another({ orderByModified: true })))
    for (const storage of storages) {
      const { entries } = await storage.page('c', { order: 'newest' })
      expect(entries.map(({ name: each }) => each)).toEqual(['b', 'a'])
    }
    expect(await hasIndex(name, opened.place)).toBe(true)
    await opened.storage.putContent(opened.storage.info('c', 'a'), 'again')
    expect((await storages[0]?.page('c', { order: 'newest', limit: 1 }))?.entries[0]?.name).toBe('a')
  })

  test('makes the index again after it was dropped by hand', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    await opened.query(`DROP INDEX ${INDEX}${name === 'mariadb' ? ' ON larder_resource' : ''}`)
    await opened.another({ orderByModified: true })
    expect(await hasIndex(name, opened.place)).toBe(true)
  })

  test('names the missing index where it may not migrate', async () => {
    await using opened = await openFresh(name)
    const error = await errorOf(opened.another({ orderByModified: true, migrate: false }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(
      /index larder_resource_by_time is missing.*larder migrate --order-by-modified/,
    )
  })

  test('a migration of the program creates the index and drops it when reverted', async () => {
    await using place = await DATABASES[name]()
    {
      await using program = await programSource(place, true)
      const { dataSource } = program
      await dataSource.runMigrations()
      await using storage = await SqlStorage.open({ dataSource, orderByModified: true })
      await storage.putContent(storage.info('c', 'r'), 'x')
      expect((await storage.page('c', { order: 'oldest' })).entries.length).toBe(1)
    }
    await using program = await programSource(place, true)
    await program.dataSource.undoLastMigration()
    expect(await hasIndex(name, place)).toBe(false)
    await using storage = await SqlStorage.open({ dataSource: program.dataSource })
    expect((await storage.page('c')).entries.length).toBe(1)
  })

  test('the index outlives synchronize, and is no difference to the entities', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    await using program = await programSource(opened.place, false, true)
    expect(await hasIndex(name, opened.place)).toBe(true)
    const { upQueries } = await program.dataSource.driver.createSchemaBuilder().log()
    expect(upQueries.filter(({ query }) => query.includes(INDEX))).toEqual([])
  })
})

test('an index that PostgreSQL could not finish to build counts as missing', async () => {
  await using opened = await openFresh('postgres', { orderByModified: true })
  await opened.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${INDEX}'::regclass`)
  const error = await errorOf(opened.another({ orderByModified: true, migrate: false }))
  expect(error.message).toMatch(/is missing/)
})

/** How many of 49 updates of a resource were heap-only. */
async function heapOnlyUpdates(orderByModified: boolean): Promise<number> {
  await using opened = await openFresh('postgres', { orderByModified })
  const { storage } = opened
  for (let i = 0; i < 50; i++) await storage.putContent(storage.info('c', 'r'), `${i}`)
  // The server's processes report what they did at their end.
  await storage.shutdown()
  const counted = async () =>
    (
      await opened.query(
        "SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'larder_resource'",
      )
    )[0]
  await expect.poll(async () => Number((await counted())?.['all']), { timeout: 30_000 }).toBe(49)
  return Number((await counted())?.['hot'])
}

test('updates on PostgreSQL are heap-only without orderByModified, and never with it', async () => {
  expect(await heapOnlyUpdates(false)).toBeGreaterThan(30)
  expect(await heapOnlyUpdates(true)).toBe(0)
})
