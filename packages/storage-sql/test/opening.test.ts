import { larderEntities, larderMigrations, SqlStorage } from '@larder/storage-sql'
import { startProxy } from '@larder/dev-servers'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  DataSource,
  type DataSourceOptions,
  DefaultNamingStrategy,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, DATABASES, errorOf, type Place, rawDatabase, SERVER_NAMES } from './databases.js'

const OPEN_WITHOUT_DRIVERS = new URL('fixtures/open-without-drivers.mjs', import.meta.url)
class Shouting extends DefaultNamingStrategy {
  override columnName(property: string, custom: string | undefined, prefixes: string[]): string {
    return super.columnName(property, custom as string, prefixes).toUpperCase()
  }
}

const OPEN_AND_WRITE = new URL('fixtures/open-and-write.mjs', import.meta.url)

describe.each(DATABASE_NAMES)('opening %s', (name) => {
  test('ten processes at once on an empty database all succeed', async () => {
    await using place = await DATABASES[name]()
    const children = Array.from({ length: 10 }, (_, id) => fork(OPEN_AND_WRITE, [place.url, `process-${id}`]))
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    expect(codes).toEqual(Array(10).fill(0))
    await using storage = await SqlStorage.open({ url: place.url })
    expect((await storage.ls('all')).size).toBe(10)
    await using raw = await rawDatabase(place)
    expect((await raw.query('SELECT name FROM larder_migration')).length).toBe(2)
  })

  test('the entities match the migrations', async () => {
    await using place = await DATABASES[name]()
    await (await SqlStorage.open({ url: place.url })).shutdown()
    await usingDataSource(place, {}, async (dataSource) => {
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log()
      expect(upQueries.map(({ query }) => query)).toEqual([])
    })
  })

  test('tables made by synchronize work', async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, { synchronize: true }, async (dataSource) => {
      await using storage = await SqlStorage.open({ dataSource })
      await checkWriting(storage)
    })
  })

  test('tables that a data source or an opening has migrated are adopted by the other', async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, {}, async (dataSource) => {
      await dataSource.runMigrations()
      const first = await SqlStorage.open({ url: place.url })
      await checkWriting(first)
      await first.shutdown()
    })
    await using other = await DATABASES[name]()
    await (await SqlStorage.open({ url: other.url })).shutdown()
    await usingDataSource(other, {}, async (dataSource) => {
      expect((await dataSource.runMigrations()).length).toBe(2)
      await using storage = await SqlStorage.open({ dataSource })
      await checkWriting(storage)
    })
  })

  test('tables that synchronize created are adopted and completed', async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, { synchronize: true }, async () => undefined)
    await using storage = await SqlStorage.open({ url: place.url })
    await checkWriting(storage)
  })

  test("another program's table of that name is refused by name, and stays as it is", async () => {
    await using place = await DATABASES[name]()
    await using raw = await rawDatabase(place)
    await raw.query('CREATE TABLE larder_journal (id int, entry varchar(10))')
    const error = await errorOf(SqlStorage.open({ url: place.url }))
    expect(error.code).toBe('E_UNSUPPORTED')
    expect(error.message).toMatch(/table larder_journal exists.*collection.*tablePrefix/)
    await raw.query('SELECT id, entry FROM larder_journal')
    await using storage = await SqlStorage.open({ url: place.url, tablePrefix: 'mine_' })
    await checkWriting(storage)
  })

  test.each([true, false])(
    'tables of a newer schema are refused by name, with migrate: %s',
    async (migrate) => {
      await using place = await DATABASES[name]()
      await (await SqlStorage.open({ url: place.url })).shutdown()
      await using raw = await rawDatabase(place)
      await raw.query("UPDATE larder_schema SET version = 99, name = 'LarderPlans1999000000000'")
      const error = await errorOf(SqlStorage.open({ url: place.url, migrate }))
      expect(error.code).toBe('E_UNSUPPORTED')
      expect(error.message).toMatch(/schema 99 \(LarderPlans1999000000000\).*update the package/)
      await usingDataSource(place, {}, async (dataSource) => {
        expect((await errorOf(dataSource.runMigrations())).code).toBe('E_UNSUPPORTED')
      })
    },
  )

  test("a user's data source stays open, and its migrations are the user's to run", async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, {}, async (dataSource) => {
      const error = await errorOf(SqlStorage.open({ dataSource }))
      expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
      expect(error.message).toMatch(/larderMigrations/)
      expect.assert(dataSource.isInitialized)
      await dataSource.runMigrations()
      const storage = await SqlStorage.open({ dataSource })
      await checkWriting(storage)
      await storage.shutdown()
      expect.assert(dataSource.isInitialized)
    })
  })

  test("a user's data source without larderMigrations() is refused with the way to add them", async () => {
    await using place = await DATABASES[name]()
    await usingDataSource(place, { migrations: [] }, async (dataSource) => {
      const error = await errorOf(SqlStorage.open({ dataSource, migrate: true }))
      expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
      expect(error.message).toMatch(/larderMigrations\(\) among its migrations/)
    })
  })

  test("a user's migration that must not run in a transaction is refused where all run in one", async () => {
    await using place = await DATABASES[name]()
    const migrations = [
      ...larderMigrations(place.typeorm.type as 'postgres'),
      WithoutTransaction1764200000000,
    ]
    await usingDataSource(place, { migrations }, async (dataSource) => {
      const open = () => SqlStorage.open({ dataSource, migrate: true })
      if (name === 'postgres') {
        const { code, message } = await errorOf(open())
        expect(code).toBe('E_UNSUPPORTED')
        expect(message).toMatch(/WithoutTransaction1764200000000/)
        expect(await dataSource.query("SELECT to_regclass('larder_resource') AS made")).toEqual([
          { made: null },
        ])
        await dataSource.runMigrations({ transaction: 'each' })
      }
      const storage = await open()
      await checkWriting(storage)
      await storage.shutdown()
    })
  })

  test('a data source that is not initialised is, and is destroyed with the storage', async () => {
    await using place = await DATABASES[name]()
    const dataSource = dataSourceOf(place, {})
    const storage = await SqlStorage.open({ dataSource, migrate: true })
    await checkWriting(storage)
    await storage.shutdown()
    expect(dataSource.isInitialized).toBeFalsy()
  })

  test('a data source without the entities is refused with their names', async () => {
    await using place = await DATABASES[name]()
    const dataSource = new DataSource({ ...place.typeorm })
    await expect(SqlStorage.open({ dataSource })).rejects.toSatisfy((error) => {
      expect.assert(error instanceof TypeError)
      expect(error.message).toMatch(/larder_resource.*larderEntities\('(better-sqlite3|postgres|mariadb)'\)/)
      return true
    })
    expect(dataSource.isInitialized).toBeFalsy()
  })

  test('a data source that is opened twice at once is destroyed with the last storage', async () => {
    await using place = await DATABASES[name]()
    const dataSource = dataSourceOf(place, {})
    const open = () => SqlStorage.open({ dataSource, migrate: true })
    const [one, two] = await Promise.all([open(), open()])
    await one.shutdown()
    await checkWriting(two)
    await two.shutdown()
    expect(dataSource.isInitialized).toBeFalsy()
  })

  test('table names are not changed by a naming strategy of the data source', async () => {
    await using place = await DATABASES[name]()
    const options = { ...place.typeorm, entityPrefix: 'app_', namingStrategy: new Shouting() }
    await using storage = await SqlStorage.open({ typeorm: options })
    await checkWriting(storage)
    await using raw = await rawDatabase(place)
    await raw.query('SELECT container_id FROM larder_resource')
  })

  test.each([{ entityPrefix: 'app_' }, { namingStrategy: new Shouting() }])(
    'a data source that renames the tables is refused: %o',
    async (options) => {
      await using place = await DATABASES[name]()
      const dataSource = dataSourceOf(place, options)
      await expect(SqlStorage.open({ dataSource, migrate: true })).rejects.toSatisfy((error) => {
        expect.assert(error instanceof TypeError)
        expect(error.message).toMatch(/entityPrefix/)
        return true
      })
      expect(dataSource.isInitialized).toBeFalsy()
    },
  )

  test.each(['chunk', 'journal'])('tables of which %s lacks a column are refused by name', async (table) => {
    await using place = await DATABASES[name]()
    await (await SqlStorage.open({ url: place.url })).shutdown()
    await using raw = await rawDatabase(place)
    const column = table === 'chunk' ? 'data' : 'claimed_until_ms'
    await raw.query(`ALTER TABLE larder_${table} DROP COLUMN ${column}`)
    const error = await errorOf(SqlStorage.open({ url: place.url, migrate: false }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/of another version/)
  })

  test('TypeORM options, and two prefixes in one database', async () => {
    await using place = await DATABASES[name]()
    await using one = await SqlStorage.open({ typeorm: place.typeorm, tablePrefix: 'one_' })
    await using two = await SqlStorage.open({ typeorm: place.typeorm, tablePrefix: 'two_' })
    await checkWriting(one)
    expect((await two.ls('collection')).size).toBe(0)
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

describe('schemas', () => {
  test.each(['My app', 'a?b'])('%s', async (schema) => {
    await using place = await DATABASES.postgres()
    await using raw = await rawDatabase(place)
    await raw.query(`CREATE SCHEMA "${schema}"`)
    await using storage = await SqlStorage.open({
      typeorm: { ...place.typeorm, schema } as typeof place.typeorm,
    })
    await checkWriting(storage)
    await storage.putContent(storage.info('collection', 'large'), Buffer.alloc(1_000_000))
  })
})

describe.each(SERVER_NAMES)('%s that stops answering', (name) => {
  test.each(['looks', 'migrations', 'nothing else'])('is waited for within limits: %s', async (when) => {
    await using place = await DATABASES[name]()
    if (when !== 'migrations') await (await SqlStorage.open({ url: place.url })).shutdown()
    const url = new URL(place.url)
    const proxy = await startProxy({ host: url.hostname, port: Number(url.port) })
    url.host = proxy.address
    const dataSource = dataSourceOf(place, { url: url.href })
    const limits = { connectTimeoutMs: 500, statementTimeoutMs: 300 }
    if (when !== 'nothing else') {
      await dataSource.initialize()
      proxy.blackhole()
    } else {
      // As soon as it is connected.
      const timer = setInterval(() => proxy.connections > 0 && proxy.blackhole(), 0)
      setTimeout(() => clearInterval(timer), 1_000)
    }
    const start = performance.now()
    const error = await errorOf(SqlStorage.open({ dataSource, migrate: when === 'migrations', ...limits }))
    expect(String(error.code)).toMatch(/^(E_TIMEOUT|E_STORAGE_UNAVAILABLE)$/)
    expect(performance.now() - start, `after ${performance.now() - start} ms`).toBeLessThan(5_000)
    await proxy.stop()
    if (dataSource.isInitialized) await dataSource.destroy().catch(() => undefined)
  })
})

describe('bad options', () => {
  test('a URL of another kind, without its password in the message', async () => {
    await expect(SqlStorage.open({ url: 'oracle://user:secret@host/db' })).rejects.toSatisfy((error) => {
      expect.assert(error instanceof TypeError)
      expect(error.message).not.toMatch(/secret/)
      return true
    })
    for (const url of [
      'sqlite:',
      'sqlite://x/y.sqlite',
      'sqlite://:memory:',
      'postgres://user:secret@host:99999/db',
      'postgres://user:secret%zz@host/db',
      'mysql://user:secret@ho st/db',
    ]) {
      await expect(SqlStorage.open({ url })).rejects.toSatisfy((error) => {
        expect.assert(error instanceof TypeError, url)
        expect(error.message).not.toMatch(/secret/)
        return true
      })
    }
  })

  test('no target, and two of them', async () => {
    await expect(SqlStorage.open({} as { url: string })).rejects.toThrow(TypeError)
    await expect(
      SqlStorage.open({ url: 'sqlite::memory:', typeorm: { type: 'better-sqlite3', database: ':memory:' } }),
    ).rejects.toThrow(TypeError)
  })

  test('a driver that is not installed is named in the error', async () => {
    for (const [url, name] of [
      ['postgres://localhost/x', 'pg'],
      ['mysql://localhost/x', 'mysql2'],
      ['sqlite:x.db', 'better-sqlite3'],
    ]) {
      const child = fork(OPEN_WITHOUT_DRIVERS, [String(url)])
      const [message] = (await once(child, 'message')) as [{ code: string; message: string }]
      await once(child, 'exit')
      expect(message.code).toBe('E_UNSUPPORTED')
      expect(message.message).toMatch(new RegExp(`The package ${name} is needed`))
    }
  })

  test('a type of database that is not supported', async () => {
    await expect(SqlStorage.open({ typeorm: { type: 'sqljs' } })).rejects.toThrow(TypeError)
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
    { tablePrefix: 'App_' },
  ])('%o', async (options) => {
    await expect(SqlStorage.open({ url: 'sqlite::memory:', ...options })).rejects.toThrow(RangeError)
  })
})

/** A user's own: PostgreSQL creates such an index outside of transactions only. */
class WithoutTransaction1764200000000 implements MigrationInterface {
  readonly transaction = false

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres'
    await runner.query('CREATE TABLE film (id integer)')
    await runner.query(`CREATE INDEX ${isPostgres ? 'CONCURRENTLY ' : ''}film_id ON film (id)`)
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE film')
  }
}

function dataSourceOf(place: Place, options: object): DataSource {
  const type = place.typeorm.type as 'postgres'
  const all = {
    ...place.typeorm,
    entities: larderEntities(type),
    migrations: larderMigrations(type),
    ...options,
  }
  return new DataSource(all)
}

async function usingDataSource(
  place: Place,
  options: Pick<DataSourceOptions, 'synchronize' | 'migrations'>,
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
  expect((await storage.getContent(info)).bytes.toString()).toBe('content')
  expect((await storage.getMetaData(info)).bytes.toString()).toBe('metadata')
  expect((await storage.ls('collection')).size).toBe(1)
}
