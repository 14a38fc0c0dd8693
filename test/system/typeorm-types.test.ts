import { EmbeddedCache } from '@larder/memcached'
import { countChannel } from '@larder/storage-core'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
import { servers } from '@larder/dev-servers/vitest'
import { DataSource, EntitySchema, EntitySchemaOptions } from 'typeorm'
import * as previous from 'typeorm-0.3'
import { describe, expect, onTestFinished, test } from 'vitest'

type Connection = { type: 'better-sqlite3'; database: string } | { type: 'postgres' | 'mariadb'; url: string }
interface Thing {
  id: number
  [name: string]: unknown
}

interface Database {
  readonly connect: () => Promise<Connection>
  /** Columns of an entity, of all types that a driver returns as something else than JSON has. */
  readonly columns: Readonly<Record<string, string>>
  /** A row, as SQL. */
  readonly values: Readonly<Record<string, string>>
}

const DATABASES: Readonly<Record<string, Database>> = {
  SQLite: {
    connect: () => Promise.resolve({ type: 'better-sqlite3', database: ':memory:' }),
    columns: { bytes: 'blob', at: 'datetime', day: 'date', big: 'bigint', real: 'real', json: 'simple-json' },
    values: {
      bytes: "x'00ff10'",
      at: "'2006-02-14 22:04:23.123'",
      day: "'2006-02-14'",
      big: '9007199254740993',
      real: '9e999',
      json: `'{"a":[1]}'`,
    },
  },
  PostgreSQL: {
    connect: async () => {
      const database = await servers.postgres.createDatabase()
      onTestFinished(() => database.drop())
      return { type: 'postgres', url: database.url }
    },
    columns: {
      bytes: 'bytea',
      at: 'timestamptz',
      local: 'timestamp',
      day: 'date',
      clock: 'time',
      big: 'bigint',
      amount: 'decimal',
      real: 'double precision',
      json: 'jsonb',
      span: 'interval',
      spot: 'point',
    },
    values: {
      bytes: String.raw`'\x00ff10'`,
      at: "'2006-02-14 22:04:23.123+02'",
      local: "'2006-02-14 22:04:23.123'",
      day: "'2006-02-14'",
      clock: "'22:04:23'",
      big: '9007199254740993',
      amount: '12.3400',
      real: "'NaN'",
      json: `'{"a":[1,null],"at":"2006"}'`,
      span: "'1 year 2 days 03:04:05.5'",
      spot: "'(1,2)'",
    },
  },
  MariaDB: {
    connect: async () => {
      const database = await servers.mariadb.createDatabase()
      onTestFinished(() => database.drop())
      return { type: 'mariadb', url: database.url }
    },
    columns: {
      bytes: 'blob',
      at: 'datetime',
      day: 'date',
      clock: 'time',
      big: 'bigint',
      amount: 'decimal',
      real: 'double',
      json: 'json',
    },
    values: {
      bytes: "x'00ff10'",
      at: "'2006-02-14 22:04:23'",
      day: "'2006-02-14'",
      clock: "'22:04:23'",
      big: '9007199254740993',
      amount: '12',
      real: '-0.25',
      json: `'{"a":[1]}'`,
    },
  },
}

/** Expressions whose values never pass through a column of an entity. */
const RAW: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  SQLite: { bytes: "x'00ff'", infinite: '9e999', nothing: 'NULL' },
  PostgreSQL: {
    bytes: String.raw`'\x00ff'::bytea`,
    nan: "'NaN'::float8",
    infinite: "'-Infinity'::float4",
    at: "'2006-02-14 22:04:23+00'::timestamptz",
    day: "'2006-02-14'::date",
    forever: "'infinity'::timestamp",
    days: "ARRAY['2006-02-14'::timestamptz, NULL]",
    nested: "ARRAY[ARRAY['NaN'::float8, 1]]",
    parts: String.raw`ARRAY['\x01'::bytea]`,
    span: "'3 days'::interval",
    spans: "ARRAY['3 days'::interval]",
    zero: "'-0'::float8",
    big: '9007199254740993::int8',
    amount: '1.50::numeric',
    json: `'{"at":"2006-02-14T00:00:00.000Z"}'::json`,
  },
  MariaDB: {
    bytes: "x'00ff'",
    at: "TIMESTAMP'2006-02-14 22:04:23'",
    day: "DATE'2006-02-14'",
    big: '9007199254740993',
    amount: '1.50',
    bits: "b'101'",
  },
}

const current = { DataSource, EntitySchema, EntitySchemaOptions }
const VERSIONS = { 'TypeORM 1': current, 'TypeORM 0.3': previous as unknown as typeof current }

for (const [version, orm] of Object.entries(VERSIONS)) {
  describe.each(Object.entries(DATABASES))(
    `${version}: a result out of the cache on %s`,
    (name, database) => {
      async function open(fillWaitMs?: number) {
        const columns = Object.entries(database.columns).map(
          ([column, type]) => [column, { type, nullable: true }] as const,
        )
        const things = new orm.EntitySchema<Thing>(
          Object.assign(new orm.EntitySchemaOptions<Thing>(), {
            name: 'Thing',
            columns: { id: { type: 'int', primary: true }, ...(Object.fromEntries(columns) as object) },
          }),
        )
        const cache = new MemcacheQueryResultCache({
          cache: new EmbeddedCache(),
          tables: ['thing'],
          keyPrefix: 'types:',
          fillWaitMs,
        })
        const source = await new orm.DataSource({
          ...(await database.connect()),
          entities: [things],
          synchronize: true,
          cache: { provider: () => cache, duration: 60_000 },
        }).initialize()
        onTestFinished(() => source.destroy())
        const values = Object.values(database.values).join(', ')
        const quoted = Object.keys(database.values).map((column) => source.driver.escape(column))
        await source.query(`INSERT INTO thing (id, ${quoted.join(', ')}) VALUES (1, ${values})`)
        await source.query('INSERT INTO thing (id) VALUES (2)')
        return { source, cache, things }
      }

      test('equals the fresh one, of an entity and raw', async () => {
        const { source, cache, things } = await open()
        const find = (isCached: boolean) =>
          source.getRepository(things).find({ order: { id: 'ASC' }, cache: isCached })
        const fresh = await find(false)
        expect(await find(true)).toEqual(fresh)
        expect(await find(true)).toEqual(fresh)
        const raw = (isCached: boolean) =>
          source.getRepository(things).createQueryBuilder('t').orderBy('t.id').cache(isCached).getRawMany()
        const freshRaw: unknown = await raw(false)
        for (let i = 0; i < 3; i++) expect(await raw(true)).toStrictEqual(freshRaw)
        expect(cache.counters()).toMatchObject({
          hits: 3,
          misses: 2,
          fills: 2,
          unrestorable: 0,
          cacheErrors: 0,
        })
      })

      test('equals the fresh one for values of every type, in arrays too', async () => {
        const { source, cache } = await open()
        const expressions = Object.entries(RAW[name] ?? {})
        const ask = (isCached: boolean) => {
          const query = source.createQueryBuilder().from('thing', 't').where('t.id = 1').cache(isCached)
          for (const [alias, expression] of expressions) query.addSelect(expression, alias)
          return query.getRawMany<unknown>()
        }
        const fresh = await ask(false)
        expect(fresh).toHaveLength(1)
        for (let i = 0; i < 3; i++) expect(await ask(true)).toStrictEqual(fresh)
        expect(cache.counters()).toMatchObject({ hits: 2, misses: 1, fills: 1, unrestorable: 0 })
      })

      test('never answers another of many concurrent queries', async () => {
        const { source, cache, things } = await open(60_000)
        const repository = source.getRepository(things)
        const count = 20
        for (let round = 0; round < 3; round++) {
          const found = await Promise.all(
            Array.from({ length: count }, async (_, i) => [
              await repository.find({ where: { id: (i % 2) + 1 }, cache: true }),
              await repository.find({ where: { id: (i % 2) + 1 } }),
            ]),
          )
          for (const [i, [cached, fresh]] of found.entries()) {
            expect(cached).toEqual(fresh)
            expect(cached?.[0]?.id).toBe((i % 2) + 1)
          }
        }
        expect(cache.counters().hits).toBeGreaterThan(count)
      })

      test('is removed by remove and invalidateTables and not used in a transaction', async () => {
        const { source, cache, things } = await open()
        const find = () => source.getRepository(things).find({ cache: { id: 'all', milliseconds: 60_000 } })
        await find()
        await source.queryResultCache?.remove(['all'])
        await find()
        await cache.invalidateTables(['thing'])
        await find()
        await source.transaction((manager) => manager.find(things, { cache: true }))
        expect(cache.counters()).toMatchObject({
          hits: 0,
          misses: 3,
          fills: 3,
          bypasses: 1,
          invalidations: 2,
        })
      })
    },
  )
}

test('the counters are published on their channel', async () => {
  const counted: Record<string, number> = {}
  const hear = (message: unknown) => {
    const { counters, counter, keyPrefix, by } = message as Record<string, string> & { by: number }
    if (counters === 'typeorm' && keyPrefix === 'published:')
      counted[counter ?? ''] = (counted[counter ?? ''] ?? 0) + by
  }
  subscribe(countChannel.name, hear)
  onTestFinished(() => void unsubscribe(countChannel.name, hear))
  const cache = new MemcacheQueryResultCache({ cache: new EmbeddedCache(), keyPrefix: 'published:' })
  const query = { query: 'SELECT 1', duration: 60_000 }
  await cache.storeInCache({ ...query, result: '[1]' }, await cache.getFromCache(query))
  expect((await cache.getFromCache(query))?.result).toBe('[1]')
  await cache.clear()
  expect(counted).toEqual({ hits: 1, misses: 1, fills: 1, invalidations: 1 })
})

test('a row with an instance of an unknown class is not cached', async () => {
  class Point {
    readonly x = 1
  }
  const cache = new MemcacheQueryResultCache({ cache: new EmbeddedCache() })
  const rows = [{ spot: new Point() }]
  const runner = { isTransactionActive: false, query: () => Promise.resolve({ records: rows }) }
  const query = { query: 'SELECT 1', duration: 60_000 }
  const original = runner.query
  for (let i = 0; i < 2; i++) {
    const saved = await cache.getFromCache(query, runner)
    expect(saved !== undefined && cache.isExpired(saved)).toBe(true)
    const { records } = await runner.query()
    expect(records).toBe(rows)
    expect(runner.query).toBe(original)
    await cache.storeInCache({ ...query, result: JSON.stringify(records) }, saved, runner)
  }
  expect(cache.counters()).toMatchObject({ hits: 0, misses: 2, fills: 0, unrestorable: 2 })
})

test('a query that does not follow at once is not answered by the cache', async () => {
  const cache = new MemcacheQueryResultCache({ cache: new EmbeddedCache() })
  const runner = {
    isTransactionActive: false,
    query: () => Promise.resolve({ records: [{ at: new Date(0) }] }),
  }
  const query = { query: 'SELECT 1', duration: 60_000 }
  const saved = await cache.getFromCache(query, runner)
  if (saved !== undefined) cache.isExpired(saved)
  await cache.storeInCache(
    { ...query, result: JSON.stringify((await runner.query()).records) },
    saved,
    runner,
  )
  const restored = await cache.getFromCache(query, runner)
  expect(restored !== undefined && cache.isExpired(restored)).toBe(true)
  const original = runner.query
  await Promise.resolve()
  expect(runner.query).not.toBe(original)
  expect((await runner.query()).records).toEqual([{ at: new Date(0) }])
})
