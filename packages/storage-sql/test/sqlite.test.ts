import { larderEntities, SqlStorage } from '@larder/storage-sql'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { DataSource, type QueryRunner } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { DATABASES, errorOf, gate, openFresh, rawDatabase } from './databases.js'

/** The little of `better-sqlite3`'s connection that is used. */
interface SqliteConnection {
  readonly inTransaction: boolean
  pragma(name: string, options: { readonly simple: true }): unknown
}

function connectionOf({ driver }: DataSource): SqliteConnection {
  return (driver as unknown as { readonly databaseConnection: SqliteConnection }).databaseConnection
}

const INCREMENT = new URL('fixtures/increment.mjs', import.meta.url)

describe('SQLite', () => {
  test('four processes that write to one file lose nothing', async () => {
    await using opened = await openFresh('sqlite')
    const { storage } = opened
    const info = storage.info('c', 'counter')
    await storage.putContent(info, '0')
    const children = Array.from({ length: 4 }, () => fork(INCREMENT, [opened.place.url, '25']))
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    expect(codes).toEqual([0, 0, 0, 0])
    expect((await storage.getContent(info)).bytes.toString()).toBe('100')
  })

  test('what has not been committed is read by nobody, also not by a user of the same data source', async () => {
    await using place = await DATABASES.sqlite()
    const dataSource = new DataSource({
      ...place.typeorm,
      entities: larderEntities('better-sqlite3'),
      synchronize: true,
    })
    await dataSource.initialize()
    const storage = await SqlStorage.open({ dataSource })
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'before')
    const entered = gate()
    const leave = gate()
    const transaction = {
      beforeCommit: async () => {
        entered.open()
        await leave.opened
        throw new Error('undo')
      },
    }
    const undone = errorOf(storage.putContent(info, 'never', { transaction }))
    await entered.opened
    expect((await storage.getContent(info)).bytes.toString()).toBe('before')
    const rows = await dataSource.query<{ content: Buffer }[]>('SELECT content FROM larder_resource')
    expect(rows[0]?.content.toString()).toBe('before')
    // A transaction of the user's own neither fails nor takes part.
    await dataSource.transaction((manager) => manager.query('SELECT 1'))
    leave.open()
    expect((await undone).message).toBe('undo')
    expect((await storage.getContent(info)).bytes.toString()).toBe('before')
    await storage.shutdown()
    await dataSource.destroy()
  })

  test('an acknowledged write is on the disk, since the writing connection syncs each commit', async () => {
    await using place = await DATABASES.sqlite()
    const seen = new Set<DataSource>()
    const { createQueryRunner } = DataSource.prototype as {
      createQueryRunner: (this: DataSource, mode?: 'master' | 'slave') => QueryRunner
    }
    DataSource.prototype.createQueryRunner = function (this: DataSource, mode) {
      seen.add(this)
      return createQueryRunner.call(this, mode)
    }
    try {
      await using storage = await SqlStorage.open({ url: place.url })
      await storage.putContent(storage.info('c', 'r'), 'x', {
        transaction: {
          beforeCommit: async () => {
            const writers = [...seen].filter((each) => connectionOf(each).inTransaction)
            expect(writers.length).toBe(1)
            for (const each of writers) {
              expect(connectionOf(each).pragma('synchronous', { simple: true })).toBe(2)
              expect(connectionOf(each).pragma('journal_mode', { simple: true })).toBe('wal')
            }
          },
        },
      })
    } finally {
      DataSource.prototype.createQueryRunner = createQueryRunner
    }
  })

  test('while another process locks the file, the event loop runs and the call times out', async () => {
    await using opened = await openFresh('sqlite', { lockTimeoutMs: 300 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    await using raw = await rawDatabase(opened.place)
    await raw.query('BEGIN IMMEDIATE')
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    const error = await errorOf(storage.putContent(info, 'y'))
    clearInterval(timer)
    expect(error.code).toBe('E_LOCK_TIMEOUT')
    expect(ticks, `the event loop turned ${ticks} times`).toBeGreaterThan(10)
    expect((await storage.getContent(info)).bytes.toString()).toBe('x')
    await raw.query('ROLLBACK')
    await storage.putContent(info, 'y')
  })

  test('two storages of one process on one file wait for each other without blocking', async () => {
    await using opened = await openFresh('sqlite')
    const { storage } = opened
    const other = await opened.another()
    const entered = gate()
    const leave = gate()
    const first = storage.putContent(storage.info('c', 'r'), '1', {
      transaction: {
        beforeCommit: async () => {
          entered.open()
          await leave.opened
        },
      },
    })
    await entered.opened
    const second = other.putContent(other.info('c', 'r'), '2')
    setTimeout(() => leave.open(), 100)
    expect((await first).version).toBe(1)
    expect((await second).version).toBe(2)
  })

  test('in memory: everything but reads during a transaction, which wait', async () => {
    await using storage = await SqlStorage.open({ url: 'sqlite::memory:' })
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'before')
    const entered = gate()
    const leave = gate()
    const transaction = {
      beforeCommit: async () => {
        entered.open()
        await leave.opened
      },
    }
    const write = storage.putContent(info, 'after', { transaction })
    await entered.opened
    const read = storage.getContent(info)
    leave.open()
    await write
    expect((await read).bytes.toString()).toBe('after')
    await using other = await SqlStorage.open({ url: 'sqlite::memory:' })
    expect(await other.exists(info)).toBe(false)
  })

  test('a file that is no database is E_CORRUPT, a folder that is not there is made', async () => {
    await using place = await DATABASES.sqlite()
    const { writeFile } = await import('node:fs/promises')
    const path = place.url.slice('sqlite:'.length)
    await writeFile(path, 'this is no database, and long enough to be looked at'.repeat(100))
    expect((await errorOf(SqlStorage.open({ url: place.url }))).code).toBe('E_CORRUPT')
    await using storage = await SqlStorage.open({ url: `${place.url}.folder/deep/new.db` })
    await storage.putContent(storage.info('c', 'r'), 'x')
  })

  test('sqlite: URLs of absolute and relative paths', async () => {
    await using place = await DATABASES.sqlite()
    const path = place.url.slice('sqlite:'.length)
    const one = await SqlStorage.open({ url: place.url })
    await one.putContent(one.info('c', 'r'), 'x')
    await one.shutdown()
    await using two = await SqlStorage.open({ url: `sqlite://${path}` })
    expect(await two.exists(two.info('c', 'r'))).toBe(true)
  })
})
