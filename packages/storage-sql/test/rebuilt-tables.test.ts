import { onTableChanges, watchTables } from '@larder/storage-sql'
import { DataSource, TableColumn } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { type DatabaseName, DATABASE_NAMES, DATABASES, errorOf } from './databases.js'

/** As tools do it that change large tables: a new one takes the place of the old one. */
const REBUILD: Readonly<Record<DatabaseName, (dataSource: DataSource) => Promise<void>>> = {
  sqlite: async (dataSource) => {
    const runner = dataSource.createQueryRunner()
    await runner.addColumn('film', new TableColumn({ name: 'year', type: 'integer', isNullable: true }))
    await runner.release()
  },
  postgres: async (dataSource) => {
    await dataSource.query('CREATE TABLE film_new (LIKE film INCLUDING ALL)')
    await dataSource.query('ALTER TABLE film RENAME TO film_old')
    await dataSource.query('ALTER TABLE film_new RENAME TO film')
  },
  mariadb: async (dataSource) => {
    await dataSource.query('CREATE TABLE film_new LIKE film')
    await dataSource.query('RENAME TABLE film TO film_old, film_new TO film')
    await dataSource.query('DROP TABLE film_old')
  },
}

async function setUp(name: DatabaseName) {
  const place = await DATABASES[name]()
  const dataSource = await new DataSource({ ...place.typeorm }).initialize()
  for (const table of ['film', 'actor']) await dataSource.query(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
  await watchTables(dataSource, ['film', 'actor'])
  return {
    dataSource,
    [Symbol.asyncDispose]: async () => {
      await dataSource.destroy()
      await place[Symbol.asyncDispose]()
    },
  }
}

describe.each(DATABASE_NAMES)('a watched table that is rebuilt on %s', (name) => {
  test.each([undefined, ['film']])(
    'is reported to onError and handled as changed until it is watched again: %s',
    async (tables) => {
      await using world = await setUp(name)
      const { dataSource } = world
      const errors: unknown[] = []
      const told: string[] = []
      await using subscription = await onTableChanges(dataSource, async (some) => void told.push(...some), {
        tables,
        listen: false,
        intervalMs: 10,
        checkIntervalMs: 1,
        onError: (error) => void errors.push(error),
      })
      await subscription.flush()
      expect([errors, told]).toEqual([[], []])
      await REBUILD[name](dataSource)
      await expect.poll(() => errors.length).toBeGreaterThan(0)
      const [error] = errors as { code: string; message: string }[]
      expect(error?.code).toBe('E_UNSUPPORTED')
      expect(error?.message ?? '').toMatch(/triggers on film are gone.*watchTables/)
      expect.assert(told.includes('film') && !told.includes('actor'))
      await watchTables(dataSource, ['film'])
      await subscription.flush()
      errors.length = told.length = 0
      await subscription.flush()
      expect([errors, told]).toEqual([[], []])
      await dataSource.query('INSERT INTO film (id) VALUES (1)')
      await expect.poll(() => told).toEqual(['film'])
    },
  )

  test('is not reported where only another table is asked for', async () => {
    await using world = await setUp(name)
    const { dataSource } = world
    const errors: unknown[] = []
    await using subscription = await onTableChanges(dataSource, async () => undefined, {
      tables: ['actor'],
      listen: false,
      intervalMs: 10,
      checkIntervalMs: 1,
      onError: (error) => void errors.push(error),
    })
    await subscription.flush()
    await REBUILD[name](dataSource)
    await subscription.flush()
    await subscription.flush()
    expect(errors).toEqual([])
  })
})

test('an interval of checks that is none is refused', async () => {
  await using world = await setUp('sqlite')
  const opened = onTableChanges(world.dataSource, async () => undefined, { checkIntervalMs: 0 })
  expect(await errorOf(opened)).toBeInstanceOf(RangeError)
})
