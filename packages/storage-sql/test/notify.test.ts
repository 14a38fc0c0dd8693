import { installTriggers, onTableChanges, watchTables } from '@larder/storage-sql'
import { DataSource } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { DATABASES, errorOf, rawDatabase } from './databases.js'

/** Far longer than any test takes: what is told before was told by the database. */
const NEVER_MS = 1_000_000_000

async function setUp() {
  const place = await DATABASES.postgres()
  const dataSource = await new DataSource({
    ...place.typeorm,
    poolSize: 20,
  } as typeof place.typeorm).initialize()
  await dataSource.query('CREATE TABLE film (id serial PRIMARY KEY)')
  return {
    place,
    dataSource,
    [Symbol.asyncDispose]: async () => {
      await dataSource.destroy()
      await place[Symbol.asyncDispose]()
    },
  }
}

async function countOf(dataSource: DataSource, from: string): Promise<number> {
  const rows: { readonly n: string }[] = await dataSource.query(`SELECT count(*) AS n FROM ${from}`)
  return Number(rows[0]?.n)
}

const wakers = (dataSource: DataSource) => countOf(dataSource, "pg_trigger WHERE tgname LIKE 'larder_wake_%'")

describe('commits on PostgreSQL that record changes', () => {
  test('wake listeners, also for many concurrent commits', async () => {
    await using world = await setUp()
    const { dataSource } = world
    await watchTables(dataSource, ['film'])
    const left = () => countOf(dataSource, 'larder_change')
    await using subscription = await onTableChanges(dataSource, async () => undefined, {
      intervalMs: NEVER_MS,
    })
    await subscription.flush()
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 16 }, () => dataSource.query('INSERT INTO film DEFAULT VALUES')))
      await expect.poll(left).toBe(0)
    }
  })

  test('do not notify one after the other: one that commits slowly holds up no other', async () => {
    await using world = await setUp()
    await watchTables(world.dataSource, ['film'])
    await using slow = await rawDatabase(world.place)
    await using quick = await rawDatabase(world.place)
    // Its notification is made, and its commit still to come.
    await slow.query('BEGIN')
    await slow.query('SET CONSTRAINTS ALL IMMEDIATE')
    await slow.query('INSERT INTO film DEFAULT VALUES')
    await quick.query('INSERT INTO film DEFAULT VALUES')
    await slow.query('ROLLBACK')
    expect((await quick.query('SELECT * FROM film')).length).toBe(1)
  })

  test('wake nobody with notify: false, until triggers are installed with it again', async () => {
    await using world = await setUp()
    const { dataSource } = world
    await watchTables(dataSource, ['film'], { notify: false })
    expect(await wakers(dataSource)).toBe(0)
    const told: string[] = []
    await using subscription = await onTableChanges(dataSource, async (tables) => void told.push(...tables), {
      intervalMs: NEVER_MS,
    })
    await subscription.flush()
    await dataSource.query('INSERT INTO film DEFAULT VALUES')
    await subscription.flush()
    expect(told).toEqual(['film'])
    await watchTables(dataSource, ['film'])
    expect(await wakers(dataSource)).toBe(1)
    await watchTables(dataSource, ['film'], { notify: false })
    expect(await wakers(dataSource)).toBe(0)
  })

  test('take nothing but a boolean for notify', async () => {
    await using world = await setUp()
    const bad = { notify: 'no' } as unknown as { notify: boolean }
    expect(await errorOf(watchTables(world.dataSource, ['film'], bad))).toBeInstanceOf(TypeError)
    expect(await errorOf(installTriggers(world.dataSource, bad))).toBeInstanceOf(TypeError)
  })
})
