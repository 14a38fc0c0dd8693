import { EmbeddedCache, MemcacheClient, plainSerializer } from '@larder/memcached'
import {
  isStorageError,
  MemoryStorage,
  NotFoundError,
  OutcomeUnknownError,
  PreconditionFailedError,
  type ResourceInfo,
  type Storage,
  StorageError,
  type WriteResult,
} from '@larder/storage-core'
import { collect, type PutArguments } from '@larder/storage-core/driver'
import { ForwardingStorage, LimitedStorage } from '@larder/storage-core/testing'
import { audit, MemcacheStorage } from '@larder/storage-memcache'
import {
  installTriggers,
  larderEntities,
  managerOf,
  SqlLock,
  SqlStorage,
  watchTables,
} from '@larder/storage-sql'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { DataSource, EntityManager } from 'typeorm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Copies, loadCopies } from '../support/copies.js'

let other: Copies
let folder: string

beforeAll(async () => {
  other = await loadCopies()
  folder = await mkdtemp(join(tmpdir(), 'larder-two-'))
})

afterAll(async () => {
  await other[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const FILM = ['films', 'metropolis'] as const
const NO_RELAY = { relayIntervalMs: 1_000_000_000 }

test('the second copy has separate classes', () => {
  expect(other.core.StorageError).not.toBe(StorageError)
  expect(other.memcache.MemcacheStorage).not.toBe(MemcacheStorage)
  expect(other.sql.SqlStorage).not.toBe(SqlStorage)
})

describe('an error of another copy of storage-core', () => {
  test('has its code for isStorageError and for instanceof', () => {
    const missing = new other.core.NotFoundError('There is none')
    expect(isStorageError(missing)).toBe(true)
    expect(isStorageError(missing, 'E_NOT_FOUND')).toBe(true)
    expect(isStorageError(missing, 'E_TIMEOUT')).toBe(false)
    expect(missing instanceof StorageError).toBe(true)
    expect(missing instanceof NotFoundError).toBe(true)
    expect(missing instanceof PreconditionFailedError).toBe(false)
    expect({ code: 'E_NOT_FOUND' } instanceof StorageError).toBe(false)
  })

  test('is no instance of a class that a program has derived', () => {
    class OwnError extends NotFoundError {}
    expect(new OwnError('own') instanceof OwnError).toBe(true)
    expect(new OwnError('own') instanceof NotFoundError).toBe(true)
    expect(new NotFoundError('base') instanceof OwnError).toBe(false)
    expect(new other.core.NotFoundError('other') instanceof OwnError).toBe(false)
  })

  for (const journal of [true, false]) {
    test(`leaves the marks of a write of unknown outcome${journal ? '' : ' without a journal'}`, async () => {
      const durable = new MemoryStorage()
      const cache = new EmbeddedCache()
      const unanswered = new Unanswered(durable)
      const behind = journal ? unanswered : new LimitedStorage(unanswered, ['journal'])
      const writer = new MemcacheStorage({ storage: behind, cache, ...NO_RELAY })
      const reader = new MemcacheStorage({ storage: durable, cache, ...NO_RELAY })
      const info = writer.info(...FILM)
      await durable.putContent(info, 'old')
      expect(String((await reader.getContent(info)).bytes)).toBe('old')
      await expect(writer.putContent(info, 'new')).rejects.toBeInstanceOf(OutcomeUnknownError)
      expect(String((await reader.getContent(info)).bytes)).toBe('new')
      // The mark, which no reader replaces.
      expect((await cache.get(`${info.key}:c`))?.value).toHaveLength(0)
    })
  }
})

/** Commits, and rejects with the error of another copy, as if no answer came. */
class Unanswered extends ForwardingStorage {
  override async put(info: ResourceInfo, ...args: PutArguments): Promise<WriteResult> {
    await super.put(info, ...args)
    throw new other.core.OutcomeUnknownError('No answer came to the commit')
  }
}

test('TREAT_AS_MISS of another copy is a miss', async () => {
  const deserialize = () => other.memcached.TREAT_AS_MISS
  const client = new MemcacheClient({
    cache: new EmbeddedCache(),
    serializer: { ...plainSerializer, deserialize },
  })
  await client.set('key', 'value')
  expect(await client.get('key')).toBeUndefined()
})

test('an audit takes a storage of another copy', async () => {
  const durable = new MemoryStorage()
  const storage = new other.memcache.MemcacheStorage({ storage: durable, cache: new EmbeddedCache() })
  const info = storage.info(...FILM)
  await storage.putContent(info, 'text')
  const report = await audit(storage, { collections: ['films'] })
  expect(report.disagreeing).toEqual([])
  expect(report.agreeing).toBeGreaterThan(0)
})

test('a source that one copy has begun to read is refused by another', async () => {
  const [first, second] = [new MemoryStorage(), new other.core.MemoryStorage()]
  const source = Readable.from([Buffer.from('a'), Buffer.from('b')])
  const writing = first.putContent(first.info(...FILM), source)
  await expect(second.putContent(second.info(...FILM), source)).rejects.toBeInstanceOf(TypeError)
  await writing
  expect(String((await first.getContent(first.info(...FILM))).bytes)).toBe('ab')
})

describe('a SqlStorage of another copy', () => {
  const openFile = (name: string) => other.sql.SqlStorage.open({ url: `sqlite:${join(folder, name)}` })

  test('is a place for locks, watched tables and triggers', async () => {
    await using storage = await openFile('target.db')
    await using lock = new SqlLock({ storage })
    await lock.withLock('job', async () => undefined)
    await installTriggers(storage)
    await expect(watchTables(storage, ['nothing'])).rejects.toThrow(/nothing/)
  })

  test('is accepted, and other objects are refused', async () => {
    const nothing: unknown = {}
    expect(() => new SqlLock({ storage: nothing as SqlStorage })).toThrow('must be an open SqlStorage')
    await expect(watchTables(nothing as DataSource, ['t'])).rejects.toThrow(
      '`target` must be a SqlStorage or a DataSource',
    )
  })

  test('knows the entities of this copy, and shares its data source by turns', async () => {
    const dataSource = new DataSource({
      ...{ type: 'better-sqlite3', database: ':memory:', synchronize: true },
      entities: larderEntities('better-sqlite3'),
    })
    await using first = await SqlStorage.open({ dataSource, migrate: false })
    await using second = await other.sql.SqlStorage.open({ dataSource, migrate: false })
    const info = first.info(...FILM)
    await first.putContent(info, '0')
    // A memory database has one connection: transactions of both copies must not run into each other.
    const raise = async (storage: Storage) => {
      for (let i = 0; i < 20; i++) {
        await storage.putMetaData(info, String(i), { transaction: { beforeCommit: () => nextTurn() } })
      }
    }
    await Promise.all([raise(first), raise(second)])
    const { version } = await first.getMetaData(info)
    expect(version).toBe(41)
    await first.shutdown()
    const { stream } = await second.openContent(info)
    expect(Buffer.from(await collect(stream)).toString()).toBe('0')
  })
})

async function nextTurn(): Promise<void> {
  await new Promise(setImmediate)
}

test('an EntityManager of another copy of TypeORM is known by its mark', async () => {
  const dataSource = await new DataSource({
    ...{ type: 'better-sqlite3', database: ':memory:', synchronize: true },
    entities: larderEntities('better-sqlite3'),
  }).initialize()
  await using storage = await SqlStorage.open({ dataSource, migrate: false })
  const info = storage.info(...FILM)
  await dataSource.transaction(async (own) => {
    // What another copy's class has: its members and the mark, and another prototype.
    const copied = Object.assign(Object.create(null) as object, own, {
      '@instanceof': Symbol.for('EntityManager'),
    })
    expect(copied).not.toBeInstanceOf(EntityManager)
    await storage.within(copied).putContent(info, 'within')
  })
  expect(String((await storage.getContent(info)).bytes)).toBe('within')
  await storage.transaction(async (tx) => {
    const native = { '@instanceof': Symbol.for('EntityManager') }
    expect(managerOf({ ...tx, native })).toBe(native)
  })
  await dataSource.destroy()
})
