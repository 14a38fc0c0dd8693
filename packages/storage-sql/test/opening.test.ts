import { larderEntities, larderMigrations, SqlStorage } from '@larder/storage-sql'
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { DataSource } from 'typeorm'
import { describe, test } from 'vitest'
import { DATABASE_NAMES, DATABASES, errorOf, type Place, rawDatabase } from './databases.js'

const OPEN_WITHOUT_DRIVERS = new URL('fixtures/open-without-drivers.mjs', import.meta.url)
const OPEN_AND_WRITE = new URL('fixtures/open-and-write.mjs', import.meta.url)

describe.each(DATABASE_NAMES)('opening %s', (name) => {
  test('ten processes at once on an empty database all succeed', async () => {
    await using place = await DATABASES[name]()
    const children = Array.from({ length: 10 }, (_, id) => fork(OPEN_AND_WRITE, [place.url, `process-${id}`]))
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    assert.deepEqual(codes, Array(10).fill(0))
    await using storage = await SqlStorage.open({ url: place.url })
    assert.equal((await storage.ls('all')).size, 10)
    await using raw = await rawDatabase(place)
    assert.equal((await raw.query('SELECT name FROM larder_migration')).length, 1)
  })

  test('the entities are what the migrations make', async () => {
    await using place = await DATABASES[name]()
    await (await SqlStorage.open({ url: place.url })).shutdown()
    await usingDataSource(place, {}, async (dataSource) => {
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log()
      assert.deepEqual(
        upQueries.map(({ query }) => query),
        [],
      )
    })
  })

  test('tables made by synchronize work', async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, { synchronize: true }, async (dataSource) => {
      await using storage = await SqlStorage.open({ dataSource })
      await checkWriting(storage)
    })
  })

  test("a user's data source stays open, and its migrations are the user's to run", async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, {}, async (dataSource) => {
      const error = await errorOf(SqlStorage.open({ dataSource }))
      assert.equal(error.code, 'E_STORAGE_UNAVAILABLE')
      assert.match(error.message, /larderMigrations/)
      assert.ok(dataSource.isInitialized)
      await dataSource.runMigrations()
      const storage = await SqlStorage.open({ dataSource })
      await checkWriting(storage)
      await storage.shutdown()
      assert.ok(dataSource.isInitialized)
    })
  })

  test('a data source that is not initialised is, and is destroyed with the storage', async () => {
    await using place = await DATABASES[name]()
    const dataSource = dataSourceOf(place, {})
    const storage = await SqlStorage.open({ dataSource, migrate: true })
    await checkWriting(storage)
    await storage.shutdown()
    assert.ok(!dataSource.isInitialized)
  })

  test('a data source without the entities is refused with their names', async () => {
    await using place = await DATABASES[name]()
    const dataSource = new DataSource({ ...place.typeorm })
    await assert.rejects(SqlStorage.open({ dataSource }), (error) => {
      assert.ok(error instanceof TypeError)
      assert.match(error.message, /larder_resource.*larderEntities\('(better-sqlite3|postgres|mariadb)'\)/)
      return true
    })
    assert.ok(!dataSource.isInitialized)
  })

  test('TypeORM options, and two prefixes in one database', async () => {
    await using place = await DATABASES[name]()
    await using one = await SqlStorage.open({ typeorm: place.typeorm, tablePrefix: 'one_' })
    await using two = await SqlStorage.open({ typeorm: place.typeorm, tablePrefix: 'two_' })
    await checkWriting(one)
    assert.equal((await two.ls('collection')).size, 0)
    await checkWriting(two)
  })

  test("the tables can be dropped again by TypeORM's own means", async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, {}, async (dataSource) => {
      await dataSource.runMigrations()
      await dataSource.undoLastMigration()
      await dataSource.runMigrations()
      await using storage = await SqlStorage.open({ dataSource })
      await checkWriting(storage)
    })
  })
})

describe('bad options', () => {
  test('a URL of another kind, without its password in the message', async () => {
    await assert.rejects(SqlStorage.open({ url: 'oracle://user:secret@host/db' }), (error) => {
      assert.ok(error instanceof TypeError)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    await assert.rejects(SqlStorage.open({ url: 'sqlite:' }), TypeError)
  })

  test('no target, and two of them', async () => {
    await assert.rejects(SqlStorage.open({} as { url: string }), TypeError)
    await assert.rejects(
      SqlStorage.open({ url: 'sqlite::memory:', typeorm: { type: 'better-sqlite3', database: ':memory:' } }),
      TypeError,
    )
  })

  test('a driver that is not installed is told by its name', async () => {
    for (const [url, name] of [
      ['postgres://localhost/x', 'pg'],
      ['mysql://localhost/x', 'mysql2'],
      ['sqlite:x.db', 'better-sqlite3'],
    ]) {
      const child = fork(OPEN_WITHOUT_DRIVERS, [String(url)])
      const [message] = (await once(child, 'message')) as [{ code: string; message: string }]
      await once(child, 'exit')
      assert.equal(message.code, 'E_UNSUPPORTED')
      assert.match(message.message, new RegExp(`The package ${name} is needed`))
    }
  })

  test('a type of database that is not supported', async () => {
    await assert.rejects(SqlStorage.open({ typeorm: { type: 'sqljs' } }), TypeError)
  })

  test.each([
    { poolSize: 0 },
    { statementTimeoutMs: 1.5 },
    { lockTimeoutMs: -1 },
    { transactionTimeoutMs: Infinity },
    { chunkBytes: 1_000_000_000 },
    { inlineMaxBytes: 1_000, chunkBytes: 999 },
    { tablePrefix: 'a"; --' },
    { tablePrefix: '' },
  ])('%o', async (options) => {
    await assert.rejects(SqlStorage.open({ url: 'sqlite::memory:', ...options }), RangeError)
  })
})

function dataSourceOf(place: Place, options: { readonly synchronize?: boolean }): DataSource {
  const type = place.typeorm.type as 'postgres'
  return new DataSource({
    ...place.typeorm,
    ...options,
    entities: larderEntities(type),
    migrations: larderMigrations(type),
  })
}

async function usingDataSource(
  place: Place,
  options: { readonly synchronize?: boolean },
  work: (dataSource: DataSource) => Promise<void>,
): Promise<void> {
  const dataSource = await dataSourceOf(place, options).initialize()
  try {
    await work(dataSource)
  } finally {
    await dataSource.destroy()
  }
}

async function checkWriting(storage: SqlStorage): Promise<void> {
  const info = storage.info('collection', 'resource')
  await storage.put(info, { content: 'content', metadata: 'metadata' })
  assert.equal((await storage.getContent(info)).bytes.toString(), 'content')
  assert.equal((await storage.getMetaData(info)).bytes.toString(), 'metadata')
  assert.equal((await storage.ls('collection')).size, 1)
}
