import { onTableChanges, SqlStorage, unwatchTables, watchTables } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DataSource } from 'typeorm'
import {
  type DatabaseName,
  DATABASE_NAMES,
  DATABASES,
  errorOf,
  gate,
  type Place,
  type RawDatabase,
  rawDatabase,
} from './databases.js'

/** So long that nothing but `flush()` looks. */
const NEVER_MS = 1_000_000_000
const BY_HAND = { intervalMs: NEVER_MS, listen: false }

/** A database with two tables that are no concern of the library's, and a plain SQL connection. */
async function setUp(name: DatabaseName) {
  const place = await DATABASES[name]()
  const dataSource = await new DataSource({ ...place.typeorm }).initialize()
  const sql = await rawDatabase(place)
  await sql.query('CREATE TABLE film (id int PRIMARY KEY, title varchar(99))')
  await sql.query('CREATE TABLE inventory (id int PRIMARY KEY, film_id int)')
  return {
    place,
    dataSource,
    sql,
    [Symbol.asyncDispose]: async () => {
      await sql[Symbol.asyncDispose]()
      await dataSource.destroy()
      await place[Symbol.asyncDispose]()
    },
  }
}

/** `flush` resolves to what the subscription was told since the one before: the first pass is made unasked. */
async function listen(
  target: DataSource | SqlStorage,
  options: { readonly tables?: readonly string[] } = {},
) {
  const told: string[][] = []
  const subscription = await onTableChanges(target, async (tables) => void told.push([...tables]), {
    ...BY_HAND,
    ...options,
  })
  return {
    flush: async () => {
      await subscription.flush()
      return told.splice(0).flat().sort()
    },
    [Symbol.asyncDispose]: () => subscription.close(),
  }
}

const rowsOf = async (sql: RawDatabase) => (await sql.query('SELECT * FROM larder_change')).length

describe.each(DATABASE_NAMES)('tables that are watched on %s', (name) => {
  test('report each kind of change after its commit, and nothing after a rollback', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film', 'inventory'])
    await using listener = await listen(dataSource)
    expect(await listener.flush()).toEqual([])
    for (const change of [
      "INSERT INTO film VALUES (1, 'Academy Dinosaur')",
      "UPDATE film SET title = 'Ace Goldfinger'",
      'DELETE FROM film',
    ]) {
      await sql.query(change)
      expect(await listener.flush(), change).toEqual(['film'])
      expect(await listener.flush(), change).toEqual([])
    }
    await sql.query('BEGIN')
    await sql.query('INSERT INTO film VALUES (2, NULL)')
    await sql.query('INSERT INTO inventory VALUES (2, 2)')
    await sql.query('ROLLBACK')
    expect(await listener.flush()).toEqual([])
    await sql.query('BEGIN')
    await sql.query('INSERT INTO film VALUES (2, NULL)')
    await sql.query('INSERT INTO inventory VALUES (2, 2)')
    await sql.query('COMMIT')
    expect(await listener.flush()).toEqual(['film', 'inventory'])
    expect(await rowsOf(sql)).toBe(0)
  })

  test('record a statement that changes 10,000 rows in one', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film'])
    const values = Array.from({ length: 10_000 }, (_, i) => `(${i}, NULL)`).join(',')
    await sql.query(`INSERT INTO film VALUES ${values}`)
    expect(await rowsOf(sql)).toBe(1)
    await sql.query('UPDATE film SET title = NULL')
    expect(await rowsOf(sql)).toBeLessThanOrEqual(2)
  })

  test('report a change again after the handler failed, to any process', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film'])
    await sql.query('INSERT INTO film VALUES (1, NULL)')
    const failing = async () => Promise.reject(new Error('memcached is down'))
    await using first = await onTableChanges(dataSource, failing, { ...BY_HAND })
    expect((await errorOf(first.flush())).message).toBe('memcached is down')
    expect(await rowsOf(sql)).toBe(1)
    await using second = await listen(dataSource)
    expect(await second.flush()).toEqual(['film'])
    expect(await rowsOf(sql)).toBe(0)
  })

  test('report again when they change while the handler runs', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film'])
    await sql.query('INSERT INTO film VALUES (1, NULL)')
    const [running, go] = [gate(), gate()]
    let calls = 0
    await using subscription = await onTableChanges(
      dataSource,
      async () => {
        if (++calls > 1) return
        running.open()
        await go.opened
      },
      { ...BY_HAND },
    )
    const first = subscription.flush()
    await running.opened
    await sql.query('INSERT INTO film VALUES (2, NULL)')
    go.open()
    await first
    await subscription.flush()
    expect(calls).toBeGreaterThanOrEqual(2)
    expect(await rowsOf(sql)).toBe(0)
  })

  test('never hand one change to two listeners, and each listener leaves other tables alone', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film', 'inventory'])
    await sql.query('INSERT INTO film VALUES (1, NULL)')
    await sql.query('INSERT INTO inventory VALUES (1, 1)')
    await using films = await listen(dataSource, { tables: ['film'] })
    expect(await films.flush()).toEqual(['film'])
    const [running, go] = [gate(), gate()]
    const slow = async () => {
      running.open()
      await go.opened
    }
    await using first = await onTableChanges(dataSource, slow, { ...BY_HAND })
    const flushed = first.flush()
    await running.opened
    await using second = await listen(dataSource)
    expect(await second.flush()).toEqual([])
    go.open()
    await flushed
    expect(await rowsOf(sql)).toBe(0)
  })

  test('may be watched twice, and not at all', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await Promise.all([watchTables(dataSource, ['film']), watchTables(dataSource, ['film', 'inventory'])])
    await watchTables(dataSource, ['film'])
    await sql.query('INSERT INTO film VALUES (1, NULL)')
    expect(await rowsOf(sql)).toBe(1)
    await unwatchTables(dataSource, ['film'])
    await unwatchTables(dataSource, ['film', 'gone'])
    await sql.query('INSERT INTO film VALUES (2, NULL)')
    expect(await rowsOf(sql)).toBe(1)
    await sql.query('INSERT INTO inventory VALUES (2, 2)')
    expect(await rowsOf(sql)).toBe(2)
  })

  test('can be watched through a storage', async () => {
    await using world = await setUp(name)
    await using storage = await SqlStorage.open({ url: world.place.url, tablePrefix: 'shop_' })
    await watchTables(storage, ['film'])
    await using listener = await listen(storage)
    await world.sql.query('INSERT INTO film VALUES (1, NULL)')
    expect(await listener.flush()).toEqual(['film'])
    await storage.putContent(storage.info('c', 'r'), 'x')
    expect(await listener.flush()).toEqual([])
  })

  test('what cannot be watched is refused', async () => {
    await using world = await setUp(name)
    const { dataSource } = world
    const wrong = (tables: unknown) => errorOf(watchTables(dataSource, tables as string[]))
    expect(await wrong(['fi"lm'])).toBeInstanceOf(RangeError)
    expect(await wrong([''])).toBeInstanceOf(RangeError)
    expect(await wrong([7])).toBeInstanceOf(TypeError)
    expect(await wrong('film')).toBeInstanceOf(TypeError)
    const nothing: unknown = {}
    expect(await errorOf(watchTables(nothing as DataSource, ['film']))).toBeInstanceOf(TypeError)
    expect((await wrong(['film', 'gone'])).code).toBe('E_SERVER')
  })

  test('refuse a listener before watchTables() was called', async () => {
    await using world = await setUp(name)
    const error = await errorOf(onTableChanges(world.dataSource, async () => undefined))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/watchTables/)
  })

  test('a closed subscription handles nothing and reports itself as closed', async () => {
    await using world = await setUp(name)
    await watchTables(world.dataSource, ['film'])
    const told: string[] = []
    const subscription = await onTableChanges(world.dataSource, async (tables) => void told.push(...tables))
    await subscription.close()
    await subscription.close()
    await world.sql.query('INSERT INTO film VALUES (1, NULL)')
    expect((await errorOf(subscription.flush())).code).toBe('E_CLOSED')
    expect(told).toEqual([])
  })
})

test('SQLite: a handler that took too long does not drop a change that came after', async () => {
  await using world = await setUp('sqlite')
  const { dataSource, sql } = world
  await watchTables(dataSource, ['film'])
  await sql.query('INSERT INTO film VALUES (1, NULL)')
  const [running, go] = [gate(), gate()]
  const slow = async () => {
    running.open()
    await go.opened
  }
  await using first = await onTableChanges(dataSource, slow, { ...BY_HAND })
  const flushed = first.flush()
  await running.opened
  // As if the time of the claim had passed.
  await sql.query('UPDATE larder_change SET claimed_until_ms = 1')
  await using second = await listen(dataSource)
  expect(await second.flush()).toEqual(['film'])
  await sql.query('INSERT INTO film VALUES (2, NULL)')
  go.open()
  await flushed
  expect(await second.flush()).toEqual(['film'])
})

describe('PostgreSQL', () => {
  test.each(['a data source', 'a storage'])(
    'wakes listeners by %s, however long the interval',
    async (by) => {
      await using world = await setUp('postgres')
      const { dataSource, sql } = world
      await using storage = await SqlStorage.open({ url: world.place.url })
      await watchTables(dataSource, ['film'])
      let told = gate()
      const target = by === 'a storage' ? storage : dataSource
      const options = { intervalMs: NEVER_MS }
      await using subscription = await onTableChanges(target, async () => told.open(), options)
      await subscription.flush()
      for (let i = 0; i < 3; i++) {
        told = gate()
        await sql.query(`INSERT INTO film VALUES (${i}, NULL)`)
        await told.opened
      }
    },
  )

  test('reports TRUNCATE, and tables in other schemas', async () => {
    await using world = await setUp('postgres')
    const { dataSource, sql } = world
    await sql.query('CREATE SCHEMA shop')
    await sql.query('CREATE TABLE shop.film (id int)')
    await watchTables(dataSource, ['film', 'shop.film'])
    await using listener = await listen(dataSource)
    await sql.query('TRUNCATE film')
    expect(await listener.flush()).toEqual(['film'])
    await sql.query('INSERT INTO shop.film VALUES (1)')
    expect(await listener.flush()).toEqual(['shop.film'])
  })

  test('a user with rights on the table alone can change it', async () => {
    await using world = await setUp('postgres')
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film'])
    await sql.query('DROP ROLE IF EXISTS larder_clerk')
    await sql.query('CREATE ROLE larder_clerk')
    await sql.query('GRANT INSERT ON film TO larder_clerk')
    await sql.query('SET ROLE larder_clerk')
    await sql.query('INSERT INTO film VALUES (1, NULL)')
    await sql.query('RESET ROLE')
    expect(await rowsOf(sql)).toBe(1)
    await sql.query('DROP OWNED BY larder_clerk')
    await sql.query('DROP ROLE larder_clerk')
  })
})

async function another(place: Place): Promise<RawDatabase> {
  return rawDatabase(place)
}

describe.each(['postgres', 'mariadb'] as const)('transactions that overlap on %s', (name) => {
  test('report a committed change while another transaction on the same table is open', async () => {
    await using world = await setUp(name)
    const { dataSource, place, sql } = world
    await watchTables(dataSource, ['film'])
    await using listener = await listen(dataSource)
    await using other = await another(place)
    await other.query('BEGIN')
    await other.query('INSERT INTO film VALUES (1, NULL)')
    await sql.query('INSERT INTO film VALUES (2, NULL)')
    await sql.query('BEGIN')
    await sql.query('INSERT INTO film VALUES (3, NULL)')
    expect(await listener.flush()).toEqual(['film'])
    expect(await listener.flush()).toEqual([])
    await other.query('COMMIT')
    expect(await listener.flush()).toEqual(['film'])
    await sql.query('COMMIT')
    expect(await listener.flush()).toEqual(['film'])
    expect(await rowsOf(sql)).toBe(0)
  })

  test('many rows of one table are one change to the handler', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film'])
    for (let i = 0; i < 20; i++) await sql.query(`INSERT INTO film VALUES (${i}, NULL)`)
    expect(await rowsOf(sql)).toBe(20)
    await using failing = await onTableChanges(dataSource, async () => Promise.reject(new Error('down')), {
      ...BY_HAND,
    })
    await errorOf(failing.flush())
    // What could not be handled takes no more room than one row.
    expect(await rowsOf(sql)).toBe(1)
    await using listener = await listen(dataSource)
    expect(await listener.flush()).toEqual(['film'])
  })

  test('report two changes with the same time', async () => {
    await using world = await setUp(name)
    const { dataSource, sql } = world
    await watchTables(dataSource, ['film'])
    if (name === 'mariadb') await sql.query('SET timestamp = 1000000000')
    await sql.query('INSERT INTO film VALUES (1, NULL)')
    const [running, go] = [gate(), gate()]
    let calls = 0
    const slow = async () => {
      calls++
      running.open()
      await go.opened
    }
    await using subscription = await onTableChanges(dataSource, slow, { ...BY_HAND })
    const first = subscription.flush()
    await running.opened
    await sql.query('INSERT INTO film VALUES (2, NULL)')
    go.open()
    await first
    await subscription.flush()
    expect(calls).toBeGreaterThanOrEqual(2)
  })
})
