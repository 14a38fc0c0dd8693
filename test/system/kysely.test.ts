import { servers } from '@larder/dev-servers/vitest'
import { QueryCache, type InvalidationTarget } from '@larder/storage-memcache'
import { cachedRows, cachingDialect } from '@larder/storage-memcache/kysely'
import Database from 'better-sqlite3'
import { type Dialect, Kysely, PostgresDialect, sql, SqliteDialect } from 'kysely'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'

interface Schema {
  film: { id: number; title: string; language_id: number }
  language: { id: number; name: string }
}

const DIALECTS: Readonly<Record<string, () => Promise<Dialect>>> = {
  sqlite: async () => {
    const database = new Database(':memory:')
    return new SqliteDialect({ database })
  },
  postgres: async () => {
    const database = await servers.postgres.createDatabase()
    onTestFinished(() => database.drop())
    return new PostgresDialect({ pool: new pg.Pool({ connectionString: database.url, max: 4 }) })
  },
}

/** Counts the invalidations, and fails them on demand. */
class Watched extends QueryCache {
  readonly invalidated: string[][] = []
  fails = false

  override async invalidate(...targets: InvalidationTarget[]): Promise<void> {
    if (this.fails) throw new Error('the cache is away')
    await super.invalidate(...targets)
    this.invalidated.push(
      targets.map((target) => (typeof target === 'object' && 'tag' in target ? target.tag : '')),
    )
  }
}

async function open(name: string) {
  const queries = new Watched({
    servers: servers.memcached.servers,
    keyPrefix: `kysely-${Math.random()}:`,
  })
  const errors: unknown[] = []
  const dialect = await (DIALECTS[name] as () => Promise<Dialect>)()
  const db = new Kysely<Schema>({
    dialect: cachingDialect(dialect, queries, { onError: (error) => errors.push(error) }),
  })
  await sql`CREATE TABLE language (id integer PRIMARY KEY, name text NOT NULL)`.execute(db)
  await sql`CREATE TABLE film (id integer PRIMARY KEY, title text NOT NULL, language_id integer NOT NULL)`.execute(
    db,
  )
  await db.insertInto('language').values({ id: 1, name: 'English' }).execute()
  await db
    .insertInto('film')
    .values([
      { id: 1, title: 'Alien', language_id: 1 },
      { id: 2, title: 'Brazil', language_id: 1 },
    ])
    .execute()
  queries.invalidated.length = 0
  onTestFinished(async () => {
    await db.destroy()
    await queries.close()
  })
  const titles = () => db.selectFrom('film').select(['id', 'title']).orderBy('id')
  return { db, queries, errors, titles }
}

describe.each(Object.keys(DIALECTS))('Kysely on %s', (name) => {
  test('a cached query runs once until a statement changes one of its tables', async () => {
    const { db, queries } = await open(name)
    const joined = () =>
      db
        .selectFrom('film')
        .innerJoin('language', 'language.id', 'film.language_id')
        .select(['film.title', 'language.name'])
        .orderBy('film.id')
    const first = await cachedRows(queries, joined())
    expect(first).toEqual([
      { title: 'Alien', name: 'English' },
      { title: 'Brazil', name: 'English' },
    ])
    expect(await cachedRows(queries, joined())).toEqual(first)
    expect(queries.counters()).toMatchObject({ hits: 1, misses: 1 })
    await db.updateTable('language').set({ name: 'French' }).where('id', '=', 1).execute()
    expect(await cachedRows(queries, joined())).toEqual([
      { title: 'Alien', name: 'French' },
      { title: 'Brazil', name: 'French' },
    ])
  })

  test('queries with other parameters, also of another type, have separate results', async () => {
    const { db, queries } = await open(name)
    const byTitle = (title: string) => db.selectFrom('film').select('id').where('title', '=', title)
    expect(await cachedRows(queries, byTitle('Alien'))).toEqual([{ id: 1 }])
    expect(await cachedRows(queries, byTitle('Brazil'))).toEqual([{ id: 2 }])
    const literal = (value: string | number) => db.selectNoFrom(sql`${sql.val(value)}`.as('value'))
    const keys = [literal('1'), literal(1)].map((query) => query.compile().parameters)
    expect(keys).toEqual([['1'], [1]])
  })

  test('a fill that a statement has overtaken is not kept, where plain get and put keep it', async () => {
    const { db, queries, titles } = await open(name)
    const plain = new Map<string, unknown>()
    let reached: () => void = () => undefined
    const inLoader = new Promise<void>((resolve) => (reached = resolve))
    let go: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    const query = titles()
    const slow = {
      compile: () => query.compile(),
      execute: async () => {
        const rows = await query.execute()
        reached()
        await gate
        plain.set('film', rows)
        return rows
      },
    }
    const reading = cachedRows(queries, slow)
    await inLoader
    await db.updateTable('film').set({ title: 'Aliens' }).where('id', '=', 1).execute()
    plain.delete('film')
    go()
    expect(await reading).toMatchObject([{ title: 'Alien' }, {}])
    expect(plain.get('film')).toMatchObject([{ title: 'Alien' }, {}])
    expect(await cachedRows(queries, titles())).toMatchObject([{ title: 'Aliens' }, {}])
  })

  test('a transaction invalidates once, at its commit, and not when it rolls back', async () => {
    const { db, queries, titles } = await open(name)
    await cachedRows(queries, titles())
    const boom = new Error('no')
    const failing = db.transaction().execute(async (trx) => {
      await trx.insertInto('film').values({ id: 3, title: 'Clue', language_id: 1 }).execute()
      throw boom
    })
    await expect(failing).rejects.toBe(boom)
    expect(queries.invalidated).toEqual([])
    await db.transaction().execute(async (trx) => {
      await trx.insertInto('film').values({ id: 3, title: 'Clue', language_id: 1 }).execute()
      await trx.deleteFrom('language').where('id', '=', 9).execute()
      expect(queries.invalidated).toEqual([])
    })
    expect(queries.invalidated).toEqual([['film', 'language']])
    expect(await cachedRows(queries, titles())).toHaveLength(3)
  })

  test('common table expressions are no tags, and the tables in them are', async () => {
    const { db, queries } = await open(name)
    const query = () =>
      db
        .with('old', (within) => within.selectFrom('film').select(['id', 'title']).where('id', '<', 2))
        .selectFrom('old')
        .select('title')
    expect(await cachedRows(queries, query())).toEqual([{ title: 'Alien' }])
    await db.updateTable('film').set({ title: 'Aliens' }).where('id', '=', 1).execute()
    expect(await cachedRows(queries, query())).toEqual([{ title: 'Aliens' }])
  })

  test('raw SQL that names tables needs their names, and other raw SQL does not', async () => {
    const { db, queries } = await open(name)
    const counted = db.selectFrom('film').select(sql<number>`max(id)`.as('last'))
    expect(await cachedRows(queries, counted)).toEqual([{ last: 2 }])
    const raw = db
      .selectFrom('language')
      .select(sql<string>`(SELECT title FROM film WHERE film.id = language.id)`.as('title'))
    await expect(cachedRows(queries, raw)).rejects.toThrow(/raw SQL that names tables.*option tables/)
    expect(await cachedRows(queries, raw, { tables: ['film', 'language'] })).toEqual([{ title: 'Alien' }])
    await db.updateTable('film').set({ title: 'Aliens' }).where('id', '=', 1).execute()
    expect(await cachedRows(queries, raw, { tables: ['film', 'language'] })).toEqual([{ title: 'Aliens' }])
  })

  test('a cache that is away loses no statement, and its error is reported', async () => {
    const { db, queries, errors, titles } = await open(name)
    queries.fails = true
    await db.deleteFrom('film').where('id', '=', 2).execute()
    expect(errors).toHaveLength(1)
    expect(await titles().execute()).toHaveLength(1)
  })

  test('a statement that fails invalidates, since it may have been executed', async () => {
    const { db, queries } = await open(name)
    const again = db.insertInto('film').values({ id: 1, title: 'Alien', language_id: 1 }).execute()
    await expect(again).rejects.toThrow()
    expect(queries.invalidated).toEqual([['film']])
  })
})
