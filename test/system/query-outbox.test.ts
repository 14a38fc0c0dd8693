import { servers, PATIENT } from '@larder/dev-servers/vitest'
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import {
  installOutbox,
  larderEntities,
  larderMigrations,
  managerOf,
  outboxMigrations,
  SqlOutbox,
  SqlStorage,
} from '@larder/storage-sql'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { describe, expect, test } from 'vitest'

interface Place extends AsyncDisposable {
  readonly options: DataSourceOptions
}

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  sqlite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'larder-outbox-'))
    return {
      options: { type: 'better-sqlite3', database: join(folder, 'shop.db') },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    }
  },
  postgres: async () => {
    const database = await servers.postgres.createDatabase()
    const options = { type: 'postgres', url: database.url } as const
    return { options, [Symbol.asyncDispose]: () => database.drop() }
  },
  mariadb: async () => {
    const database = await servers.mariadb.createDatabase()
    const options = { type: 'mariadb', url: database.url } as const
    return { options, [Symbol.asyncDispose]: () => database.drop() }
  },
}

const DIES_AFTER_COMMIT = new URL('fixtures/die-after-commit.mjs', import.meta.url)

let prefixes = 0
const cacheOptions = () => ({
  cache: new RemoteCache(servers.memcached.servers, PATIENT),
  keyPrefix: `outbox-${process.pid}-${++prefixes}:`,
})
const boom = new Error('the program failed')

async function filmOf(dataSource: DataSource, queries: QueryCache): Promise<string> {
  return queries.cached('film:1', { tags: ['film'] }, async () => {
    const rows = await dataSource.query<{ title: string }[]>('SELECT title FROM film WHERE id = 1')
    return rows[0]?.title ?? 'none'
  })
}

async function withFilms(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = await new DataSource(options).initialize()
  await dataSource.query('CREATE TABLE film (id integer PRIMARY KEY, title varchar(20))')
  await dataSource.query("INSERT INTO film (id, title) VALUES (1, 'old')")
  return dataSource
}

describe.each(Object.keys(PLACES))('cached queries and transactions on %s', (name) => {
  test('a program without a storage invalidates in its own transaction', async () => {
    await using place = await (PLACES[name] as () => Promise<Place>)()
    const dataSource = await withFilms(place.options)
    await installOutbox(dataSource)
    await installOutbox(dataSource)
    {
      await using outbox = await SqlOutbox.open({ dataSource })
      const { cache, keyPrefix } = cacheOptions()
      await using queries = new QueryCache({ cache, keyPrefix, outbox })
      expect(await filmOf(dataSource, queries)).toBe('old')
      await dataSource.transaction(async (manager) => {
        await manager.query("UPDATE film SET title = 'new'")
        await queries.invalidateWith(manager, { tag: 'film' })
      })
      expect(await filmOf(dataSource, queries)).toBe('new')
      const failing = dataSource.transaction(async (manager) => {
        await manager.query("UPDATE film SET title = 'never'")
        await queries.invalidateWith(manager, { tag: 'film' })
        throw boom
      })
      await expect(failing).rejects.toBe(boom)
      expect(await filmOf(dataSource, queries)).toBe('new')
      expect(await outbox.claim({ olderThanMs: 0 }, async () => [])).toBe(0)
      await expect(queries.invalidateWith(dataSource.manager, 'x')).rejects.toThrow(TypeError)
      await cache.close()
    }
    await dataSource.destroy()
  })

  test('a cache that is down leaves a row, which another process relays', async () => {
    await using place = await (PLACES[name] as () => Promise<Place>)()
    const dataSource = await withFilms(place.options)
    await installOutbox(dataSource)
    {
      await using outbox = await SqlOutbox.open({ dataSource })
      const { cache, keyPrefix } = cacheOptions()
      const down = new RemoteCache('127.0.0.1:1')
      await using cutOff = new QueryCache({ cache: down, keyPrefix, outbox, relayIntervalMs: 3_600_000 })
      await using other = new QueryCache({ cache, keyPrefix, outbox, relayAfterMs: 0, relayIntervalMs: 20 })
      expect(await filmOf(dataSource, other)).toBe('old')
      await dataSource.transaction(async (manager) => {
        await manager.query("UPDATE film SET title = 'new'")
        await cutOff.invalidateWith(manager, { tag: 'film' })
      })
      while ((await filmOf(dataSource, other)) === 'old')
        await new Promise((resolve) => setTimeout(resolve, 5))
      await down.close()
      await cache.close()
    }
    await dataSource.destroy()
  })

  test('a process that dies between its commit and the renewal of stamps is relayed by another', async () => {
    await using place = await (PLACES[name] as () => Promise<Place>)()
    const dataSource = await withFilms(place.options)
    await installOutbox(dataSource)
    {
      await using outbox = await SqlOutbox.open({ dataSource })
      const { cache, keyPrefix } = cacheOptions()
      await using reader = new QueryCache({ cache, keyPrefix, outbox, relayIntervalMs: 3_600_000 })
      expect(await filmOf(dataSource, reader)).toBe('old')
      const orders = { database: place.options, servers: servers.memcached.servers, keyPrefix }
      const child = fork(DIES_AFTER_COMMIT, [JSON.stringify(orders)])
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      // The row alone knows that this is out of date.
      expect(await filmOf(dataSource, reader)).toBe('old')
      expect(await outbox.claim({ olderThanMs: 0 }, async () => [])).toBe(1)
      await using other = new QueryCache({ cache, keyPrefix, outbox, relayAfterMs: 0, relayIntervalMs: 20 })
      while ((await filmOf(dataSource, other)) === 'old')
        await new Promise((resolve) => setTimeout(resolve, 5))
      expect(await filmOf(dataSource, reader)).toBe('new')
      while ((await outbox.claim({ olderThanMs: 0 }, async () => [])) > 0)
        await new Promise((resolve) => setTimeout(resolve, 5))
      await cache.close()
    }
    await dataSource.destroy()
  })

  test('a storage, its cache, tables and cached queries change together', async () => {
    await using place = await (PLACES[name] as () => Promise<Place>)()
    const type = place.options.type as 'postgres'
    const dataSource = await withFilms({
      ...place.options,
      entities: larderEntities(type),
      migrations: [...outboxMigrations(type), ...larderMigrations(type)],
    })
    {
      await using durable = await SqlStorage.open({ dataSource, migrate: true })
      const { cache, keyPrefix } = cacheOptions()
      await using storage = new MemcacheStorage({ cache, keyPrefix: `${keyPrefix}s:`, storage: durable })
      await using queries = new QueryCache({ cache, keyPrefix, outbox: storage })
      const poster = storage.info('posters', '1')
      await storage.putContent(poster, 'old')
      expect(await filmOf(dataSource, queries)).toBe('old')
      const { cacheInvalidated } = await storage.transaction(async (tx) => {
        await managerOf(tx).query("UPDATE film SET title = 'new'")
        await tx.putContent(poster, 'new')
        await tx.invalidate(queries, { tag: 'film' })
      })
      expect(cacheInvalidated).toBe(true)
      expect(await filmOf(dataSource, queries)).toBe('new')
      expect((await storage.getContent(poster)).bytes.toString()).toBe('new')
      await dataSource.transaction(async (manager) => {
        const tx = storage.within(manager)
        await manager.query("UPDATE film SET title = 'newest'")
        await tx.putContent(poster, 'newest')
        await queries.invalidateWith(manager, { tag: 'film' })
      })
      expect(await filmOf(dataSource, queries)).toBe('newest')
      expect((await storage.getContent(poster)).bytes.toString()).toBe('newest')
      await storage.shutdown()
      expect(await durable.claim({ olderThanMs: 0 }, async () => [])).toBe(0)
      await cache.close()
    }
    await dataSource.destroy()
  })
})
