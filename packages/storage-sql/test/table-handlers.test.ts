import { onTableChanges, watchTables } from '@larder/storage-sql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DataSource } from 'typeorm'
import { type DatabaseName, DATABASE_NAMES, DATABASES, errorOf } from './databases.js'

/** So long that nothing but `flush()` looks after the first pass. */
const BY_HAND = { intervalMs: 1_000_000_000, listen: false }

async function setUp(name: DatabaseName) {
  const place = await DATABASES[name]()
  const dataSource = await new DataSource({ ...place.typeorm }).initialize()
  for (const table of ['film', 'other', 'actor'])
    await dataSource.query(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
  await watchTables(dataSource, ['film', 'other'])
  const insert = async (...tables: string[]) => {
    for (const table of tables)
      await dataSource.query(`INSERT INTO ${table} (id) SELECT count(*) FROM ${table}`)
  }
  return {
    dataSource,
    insert,
    left: async () => {
      const rows = await dataSource.query<{ subject: unknown }[]>('SELECT subject FROM larder_change')
      return [...new Set(rows.map(({ subject }) => String(subject)))].sort()
    },
    [Symbol.asyncDispose]: async () => {
      await dataSource.destroy()
      await place[Symbol.asyncDispose]()
    },
  }
}

/** A function that knows one table, as a cache does. */
function knowsFilm() {
  const invalidated: string[] = []
  return {
    invalidated,
    tables: ['film'],
    invalidateTables: async (tables: readonly string[]): Promise<void> => {
      const unknown = tables.filter((table) => table !== 'film')
      if (unknown.length > 0) throw new RangeError(`unknown: ${unknown.join(', ')}`)
      invalidated.push(...tables)
      return Promise.resolve()
    },
  }
}

function warnings(): Error[] {
  const heard: Error[] = []
  const hear = (warning: Error) => {
    if ((warning as { code?: string }).code === 'LARDER_TABLE_CHANGES') heard.push(warning)
  }
  process.on('warning', hear)
  onTestFinished(() => void process.off('warning', hear))
  return heard
}

describe.each(DATABASE_NAMES)('changes of tables on %s', (name) => {
  test('that a handler cannot handle keep no other table from being handled', async () => {
    await using world = await setUp(name)
    const cache = knowsFilm()
    const errors: unknown[] = []
    await using subscription = await onTableChanges(
      world.dataSource,
      (tables) => cache.invalidateTables(tables),
      { ...BY_HAND, onError: (error) => void errors.push(error) },
    )
    await subscription.flush()
    await world.insert('other', 'film')
    expect(await errorOf(subscription.flush())).toBeInstanceOf(RangeError)
    expect(cache.invalidated).toEqual(['film'])
    expect(await world.left()).toEqual(['other'])
    await world.insert('film')
    expect(await errorOf(subscription.flush())).toBeInstanceOf(RangeError)
    expect(cache.invalidated).toEqual(['film', 'film'])
  })

  test('without onError, failures are a process warning, once for each kind', async () => {
    await using world = await setUp(name)
    const heard = warnings()
    const failures = [new RangeError('first'), new RangeError('second'), new TypeError('third')]
    await world.insert('film')
    const count = failures.length
    let calls = 0
    await using _ = await onTableChanges(
      world.dataSource,
      async () => {
        const failure = failures[calls++]
        return failure === undefined ? undefined : Promise.reject(failure)
      },
      { intervalMs: 5, listen: false },
    )
    await expect.poll(() => calls).toBeGreaterThan(count)
    await expect.poll(() => heard.length).toBe(2)
    expect(heard[0]?.message ?? '').toMatch(/first.*onError/)
    expect(heard[1]?.message ?? '').toMatch(/third/)
    await expect.poll(() => world.left()).toEqual([])
  })

  test('a cache is a handler: tables that it does not know are named at the start and left to others', async () => {
    await using world = await setUp(name)
    const cache = knowsFilm()
    const errors: unknown[] = []
    await using subscription = await onTableChanges(world.dataSource, cache, {
      ...BY_HAND,
      onError: (error) => void errors.push(error),
    })
    await subscription.flush()
    await world.insert('other', 'film')
    await subscription.flush()
    expect(cache.invalidated).toEqual(['film'])
    expect(await world.left()).toEqual(['other'])
    expect(errors).toMatchObject([
      { code: 'E_UNSUPPORTED', message: expect.stringMatching(/^other are watched/) },
    ])
  })

  test('that nobody watches are named at the start', async () => {
    await using world = await setUp(name)
    const heard = warnings()
    await using subscription = await onTableChanges(world.dataSource, async () => undefined, {
      ...BY_HAND,
      tables: ['film', 'actor', 'nowhere'],
    })
    await subscription.flush()
    await expect.poll(() => heard.map(({ message }) => message)).toHaveLength(1)
    expect(heard[0]?.message ?? '').toMatch(/No triggers watch actor, nowhere: call watchTables/)
  })
})

test('a handler that is neither a function nor a cache is refused', async () => {
  await using world = await setUp('sqlite')
  for (const handler of [undefined, {}, { tables: ['film'] }, { invalidateTables: () => undefined }]) {
    expect(await errorOf(onTableChanges(world.dataSource, handler as never))).toBeInstanceOf(TypeError)
  }
})
