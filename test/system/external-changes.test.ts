import { type Environment, EmbeddedCache, systemEnvironment } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { installTriggers, SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { DATABASES } from './databases.js'

/** So long that the relay runs when the test says so. */
const NEVER_MS = 1_000_000_000

/** Another program, which knows SQL and nothing else. */
async function otherProgram(url: string): Promise<DataSource> {
  const options = url.startsWith('sqlite:')
    ? { type: 'better-sqlite3', database: url.slice('sqlite:'.length), timeout: 0 }
    : { type: url.startsWith('postgres') ? 'postgres' : 'mariadb', url }
  return new DataSource(options as DataSourceOptions).initialize()
}

/**
 * Runs a statement of the other program. In this process better-sqlite3 would wait for a lock with the event loop
 * blocked, and so for ever for a transaction of the storage: it asks again a turn later.
 */
async function run(other: DataSource, text: string): Promise<unknown> {
  for (;;) {
    try {
      return await other.query<unknown>(text)
    } catch (error) {
      const { driverError } = error as { readonly driverError?: { readonly code?: string } }
      if (driverError?.code !== 'SQLITE_BUSY') throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

async function setUp(name: string, listen = false) {
  const place = await DATABASES[name]?.()
  expect.assert(place)
  const database = await SqlStorage.open({ url: place.url, listen })
  await installTriggers(database)
  const cache = new EmbeddedCache()
  let wake: (() => void) | undefined
  const environment: Environment = {
    ...systemEnvironment,
    idle: (ms) =>
      ms > NEVER_MS / 2 ? new Promise((resolve) => (wake = resolve)) : systemEnvironment.idle(ms),
  }
  const timing = { relayIntervalMs: NEVER_MS, relayAfterMs: NEVER_MS }
  const storage = new MemcacheStorage({ cache, storage: database, environment, ...timing })
  const reader = new MemcacheStorage({ cache, storage: database, ...timing })
  const other = await otherProgram(place.url)
  return {
    storage,
    reader,
    database,
    cache,
    sql: (text: string) => run(other, text),
    /** One pass of the relay, from its start to its end. */
    relay: async () => {
      if (wake === undefined) await storage.getMany([storage.info('other', 'other')])
      const begin = wake
      expect.assert(begin)
      wake = undefined
      begin()
      while (wake === undefined) await new Promise((resolve) => setImmediate(resolve))
    },
    [Symbol.asyncDispose]: async () => {
      await other.destroy()
      await storage.shutdown()
      await reader.shutdown()
      await database.shutdown()
      await cache.close()
      await place.drop()
    },
  }
}

describe.each(Object.keys(DATABASES))('a program that only knows SQL, on %s', (name) => {
  test('changes what readers get, as soon as the relay has run', async () => {
    await using world = await setUp(name)
    const { storage, reader, sql, relay } = world
    const info = storage.info('films', 'academy')
    const text = async () => (await reader.getContent(info)).bytes.toString()
    await storage.putContent(info, 'old')
    await storage.putMetaData(info, 'about')
    await reader.ls('films')
    expect(await text()).toBe('old')
    await sql("UPDATE larder_resource SET content = 'new' WHERE name = 'academy'")
    expect(await text()).toBe('old')
    const { listHits } = reader.counters()
    await relay()
    expect(await text()).toBe('new')
    // A change of bytes is none of the listing.
    await reader.ls('films')
    expect(reader.counters().listHits).toBe(listHits + 1)
    const { version } = await reader.getContent(info)
    expect((await storage.putContent(info, 'newer')).version).toBe(version + 1)
    expect(await text()).toBe('newer')
  })

  test('updates listings when it creates and removes resources', async () => {
    await using world = await setUp(name)
    const { storage, reader, sql, relay } = world
    await storage.putContent(storage.info('films', 'one'), 'x')
    const names = async () => [...(await reader.ls('films')).keys()]
    const two = reader.info('films', 'two')
    expect(await names()).toEqual(['one'])
    expect(await reader.exists(two)).toBe(false)
    await sql(
      'INSERT INTO larder_resource (container_id, name, live, version, modified_us, content) ' +
        "SELECT id, 'two', 0, 0, 0, 'y' FROM larder_container",
    )
    await relay()
    expect(await names()).toEqual(['one', 'two'])
    expect((await reader.getContent(two)).bytes.toString()).toBe('y')
    await sql("DELETE FROM larder_resource WHERE name = 'one'")
    await relay()
    expect(await names()).toEqual(['two'])
    expect(await reader.exists(reader.info('films', 'one'))).toBe(false)
    await sql("UPDATE larder_container SET name = 'movies'")
    await relay()
    expect(await names()).toEqual([])
    expect([...(await reader.ls('movies')).keys()]).toEqual(['two'])
    expect(await reader.exists(two)).toBe(false)
  })

  test('invalidates nothing when it rolls back', async () => {
    await using world = await setUp(name)
    const { storage, reader, sql, relay } = world
    const info = storage.info('films', 'academy')
    await storage.putContent(info, 'old')
    await reader.getContent(info)
    // One statement that fails after the trigger has fired for its first row.
    await storage.putContent(storage.info('films', 'b'), 'x')
    await expect(sql("UPDATE larder_resource SET name = 'same', content = 'new'")).rejects.toThrow()
    await relay()
    const { durableReads } = reader.counters()
    expect((await reader.getContent(info)).bytes.toString()).toBe('old')
    expect(reader.counters().durableReads).toBe(durableReads)
  })

  test('is not mistaken for the library, which is not relayed', async () => {
    await using world = await setUp(name)
    const { storage, database, relay, reader } = world
    const info = storage.info('films', 'academy')
    await storage.putContent(info, 'old')
    await storage.put(info, { content: 'new', metadata: 'both' })
    await storage.remove(info)
    await relay()
    expect(storage.counters().relayed).toBe(0)
    // A process with the database alone is a program of that kind.
    await storage.putContent(info, 'cached')
    await reader.getContent(info)
    await database.putContent(database.info('films', 'academy'), 'past the cache')
    await relay()
    expect((await reader.getContent(info)).bytes.toString()).toBe('past the cache')
    expect(storage.counters().relayed).toBe(1)
  })
})

describe('PostgreSQL wakes the relay', () => {
  test('as soon as a change is committed, however long the interval, also after the connection broke', async () => {
    await using world = await setUp('PostgreSQL', true)
    const { storage, sql } = world
    const info = storage.info('films', 'academy')
    await storage.putContent(info, 'old')
    const changed = async (content: string) => {
      await storage.getContent(info)
      await sql(`UPDATE larder_resource SET content = '${content}'`)
      while ((await storage.getContent(info)).bytes.toString() !== content) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const listeners = () =>
      sql("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()")
    const listening = async () => {
      while (((await listeners()) as unknown[]).length === 0) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await listening()
    await changed('new')
    await changed('newer')
    await sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()",
    )
    // Committed while nobody listens: seen when somebody does again.
    await changed('newest')
    await listening()
    await storage.shutdown()
    await world.database.shutdown()
    while (((await listeners()) as unknown[]).length > 0)
      await new Promise((resolve) => setImmediate(resolve))
  })

  test('only of storages whose tables have changed', async () => {
    await using world = await setUp('PostgreSQL', true)
    const { storage, sql } = world
    const info = storage.info('films', 'academy')
    await storage.putContent(info, 'old')
    await storage.getContent(info)
    const told: number[] = []
    const unsubscribe = world.database.onExternalChange(() => told.push(performance.now()))
    // Before the server has executed LISTEN, a change wakes nobody by itself.
    const listening =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"
    while (((await sql(`${listening} AND state = 'idle'`)) as unknown[]).length === 0);
    await sql("SELECT pg_notify('larder_changes', 'shop_change')")
    await sql("UPDATE larder_resource SET content = 'new'")
    // A change wakes at once, after 50 ms and after 500 ms, for what commits beside it.
    const hasPause = () => told.some((time, i) => time - (told[i - 1] ?? time) > 300)
    while (!hasPause()) await new Promise((resolve) => setImmediate(resolve))
    unsubscribe()
    // LISTEN itself may wake once. The other table's notification would have waked three times more.
    expect.assert(told.length >= 3 && told.length <= 4, `${told.length} wakes`)
  })
})

test('a proxy in front of a proxy has both set right', async () => {
  await using world = await setUp('SQLite')
  const { storage, reader, sql, relay } = world
  const front = new EmbeddedCache()
  const outer = new MemcacheStorage({ cache: front, storage: reader, relayIntervalMs: 5 })
  const info = outer.info('films', 'academy')
  await storage.putContent(info, 'old')
  expect((await outer.getContent(info)).bytes.toString()).toBe('old')
  // The outer one has asked by now, so that the inner one leaves the rows to it.
  await reader.claim({ olderThanMs: 0, external: true }, async () => [])
  await sql("UPDATE larder_resource SET content = 'new'")
  while ((await outer.getContent(info)).bytes.toString() !== 'new') {
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await reader.getContent(info)).bytes.toString()).toBe('new')
  await outer.shutdown()
  await front.close()
  await relay()
})
