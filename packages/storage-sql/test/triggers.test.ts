import type { ResourceInfo } from '@larder/storage-core'
import type { JournalRow, ExternalChange } from '@larder/storage-core/driver'
import { installTriggers, removeTriggers, SqlStorage, type SqlOptions } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DataSource } from 'typeorm'
import type { OpenPlace } from './databases.js'
import { type DatabaseName, DATABASE_NAMES, openFresh, type RawDatabase, rawDatabase } from './databases.js'

/** A storage with triggers, a plain SQL connection to the same tables, and what the triggers saw. */
class World implements AsyncDisposable {
  constructor(
    readonly opened: OpenPlace,
    readonly sql: RawDatabase,
  ) {}

  get storage(): SqlStorage {
    return this.opened.storage
  }

  info(name: string, collection = 'c'): ResourceInfo {
    return this.storage.info(collection, name)
  }

  /** A write as a `MemcacheStorage` makes it. */
  async journaled(name: string, content: string, collection = 'c') {
    const transaction = { journal: ['k'], beforeCommit: async () => undefined }
    return this.storage.putContent(this.info(name, collection), content, { transaction })
  }

  async content(name: string, collection = 'c') {
    const { bytes, version, size } = await this.storage.getContent(this.info(name, collection))
    return { text: bytes.toString(), version, size }
  }

  /** What the triggers saw since the last time, as `collection/resource`, with a `*` where the listing changed. */
  async seen(): Promise<string[]> {
    const changes: ExternalChange[] = []
    await this.storage.claim({ olderThanMs: 0, external: true, limit: 1_000 }, async (rows) => {
      for (const { external, keys } of rows) {
        expect(keys).toEqual([])
        if (external !== undefined) changes.push(external)
      }
      return rows.map(({ id }) => id)
    })
    return changes
      .map(({ collection, resource, listed }) => `${collection}/${resource}${listed ? '*' : ''}`)
      .sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql[Symbol.asyncDispose]()
    await this.opened[Symbol.asyncDispose]()
  }
}

async function setUp(name: DatabaseName, options: SqlOptions = {}): Promise<World> {
  const opened = await openFresh(name, options)
  await installTriggers(opened.storage)
  return new World(opened, await rawDatabase(opened.place))
}

const where = "WHERE name = 'r'"
const inC = "(SELECT id FROM larder_container WHERE name = 'c')"

describe.each(DATABASE_NAMES)('a change past the library on %s', (name) => {
  test("is seen, raises the version, and becomes readable; the library's own is not recorded", async () => {
    await using world = await setUp(name)
    const { sql } = world
    await world.journaled('r', 'one')
    await world.journaled('r', 'two')
    expect(await world.seen()).toEqual([])
    await sql.query(`UPDATE larder_resource SET content = 'three' ${where}`)
    expect(await world.content('r')).toEqual({ text: 'three', version: 3, size: 5 })
    expect(await world.seen()).toEqual(['c/r'])
    expect(await world.seen()).toEqual([])
    const { version } = await world.journaled('r', 'four')
    expect(version).toBe(4)
    expect(await world.seen()).toEqual([])
  })

  test("is distinguished from the library's own writes of several resources", async () => {
    await using world = await setUp(name)
    const transaction = { journal: ['k'], beforeCommit: async () => undefined }
    const write = (resource: string, content: string, collection = 'c') => ({
      info: world.info(resource, collection),
      content,
      transaction,
    })
    for (const content of ['one', 'two']) {
      await world.storage.writeMany([write('r', content), write('s', content), write('r', content, 'd')])
      expect(await world.seen()).toEqual([])
    }
    // One that no journal tells of, between two that are journaled.
    for (const content of ['three', 'four']) {
      const alone = { info: world.info('rs'), content }
      await world.storage.writeMany([write('s', content), alone, write('r', content)])
      expect(await world.seen()).toEqual([content === 'three' ? 'c/rs*' : 'c/rs'])
    }
    await world.sql.query(`UPDATE larder_resource SET content = 'five' ${where}`)
    expect(await world.seen()).toEqual(['c/r', 'd/r'])
    expect(await world.content('r')).toEqual({ text: 'five', version: 5, size: 4 })
  })

  test('of one part leaves the version of the other', async () => {
    await using world = await setUp(name)
    const info = world.info('r')
    await world.storage.put(info, { content: 'x', metadata: 'y' })
    await world.seen()
    await world.sql.query(`UPDATE larder_resource SET metadata = 'longer' ${where}`)
    expect((await world.storage.getContent(info)).version).toBe(1)
    const metadata = await world.storage.getMetaData(info)
    expect([metadata.version, metadata.size, metadata.bytes.toString()]).toEqual([2, 6, 'longer'])
    // An update of nothing stands for a change of what the row leads to.
    await world.sql.query(`UPDATE larder_resource SET version = version ${where}`)
    expect((await world.storage.getContent(info)).version).toBe(3)
    expect((await world.storage.getMetaData(info)).version).toBe(3)
  })

  test('that sets a version, of whatever number, leaves one above the last', async () => {
    await using world = await setUp(name)
    await world.journaled('r', 'one')
    await world.journaled('r', 'two')
    for (const [given, got] of [
      [1, 3],
      [4, 4],
      [4, 5],
      [9, 9],
    ]) {
      await world.sql.query(
        `UPDATE larder_resource SET content = 'x${got}', version = ${given}, content_version = 1 ${where}`,
      )
      expect(await world.content('r')).toEqual({ text: `x${got}`, version: got, size: 2 })
    }
  })

  test('that gives the version which was journaled last is seen nevertheless', async () => {
    await using world = await setUp(name)
    const { sql, storage } = world
    const at = (collection: string, resource: string) =>
      `WHERE name = '${resource}' AND container_id = (SELECT id FROM larder_container WHERE name = '${collection}')`
    const update = (what: string, rows: string) => sql.query(`UPDATE larder_resource SET ${what} ${rows}`)
    const insert = (resource: string) =>
      sql.query(
        'INSERT INTO larder_resource (container_id, name, live, version, modified_us, content) ' +
          `VALUES (${inC}, '${resource}', 1, 3, 0, 'inserted')`,
      )
    for (const each of ['one', 'two', 'three']) await world.journaled('r', each)
    for (const [collection, resource] of [
      ['c', 's'],
      ['c', 't'],
      ['d', 'r'],
      ['e', 'r'],
    ] as const) {
      await storage.putContent(world.info(resource, collection), `${collection}/${resource}`)
    }
    await world.seen()
    // Of others.
    await update("content = 'x', version = 3", at('d', 'r'))
    await update("content = 'x', version = 3", at('c', 't'))
    expect(await world.seen()).toEqual(['c/t', 'd/r'])
    // Of the same, from below.
    for (const version of [2, 3]) await update(`version = ${version}`, at('c', 'r'))
    expect(await world.content('r')).toEqual({ text: 'three', version: 5, size: 5 })
    expect(await world.seen()).toEqual(['c/r'])
    // Of what came in its place.
    await sql.query(`DELETE FROM larder_resource ${at('c', 'r')}`)
    await insert('r')
    expect(await world.content('r')).toEqual({ text: 'inserted', version: 6, size: 8 })
    expect(await world.seen()).toEqual(['c/r*'])
    await sql.query(`DELETE FROM larder_resource ${at('c', 'r')}`)
    await update("name = 'r', version = 3", at('c', 's'))
    expect(await world.content('r')).toEqual({ text: 'c/s', version: 7, size: 3 })
    expect(await world.seen()).toEqual(['c/r*', 'c/s*'])
    await sql.query(`DELETE FROM larder_resource ${at('c', 'r')}`)
    await world.seen()
    await update(`container_id = ${inC}, version = 3`, at('e', 'r'))
    expect(await world.seen()).toEqual(['c/r*', 'e/r*'])
    expect((await world.content('r')).version).toBeGreaterThan(7)
  })

  test('that removes or adds a part updates the listing', async () => {
    await using world = await setUp(name)
    const { sql, storage } = world
    await world.journaled('r', 'one')
    await sql.query(`UPDATE larder_resource SET content = NULL ${where}`)
    expect(await storage.exists(world.info('r'))).toBe(false)
    expect([...(await storage.ls('c')).keys()]).toEqual([])
    expect(await world.seen()).toEqual(['c/r*'])
    await sql.query(`UPDATE larder_resource SET metadata = 'back' ${where}`)
    expect([...(await storage.ls('c')).keys()]).toEqual(['r'])
    expect((await storage.getMetaData(world.info('r'))).version).toBe(3)
    expect(await world.seen()).toEqual(['c/r*'])
    await sql.query(`UPDATE larder_resource SET metadata_version = NULL ${where}`)
    expect(await storage.exists(world.info('r'))).toBe(false)
    expect(await world.seen()).toEqual(['c/r*'])
  })

  test('that inserts a row needs no more than its bytes', async () => {
    await using world = await setUp(name)
    await world.journaled('other', 'x')
    await world.sql.query(
      'INSERT INTO larder_resource (container_id, name, live, version, modified_us, content) ' +
        `VALUES (${inC}, 'r', 0, 0, 0, 'hello')`,
    )
    expect(await world.content('r')).toEqual({ text: 'hello', version: 1, size: 5 })
    expect([...(await world.storage.ls('c')).keys()]).toEqual(['other', 'r'])
    expect(await world.seen()).toEqual(['c/r*'])
  })

  test('that inserts or renames a row lets listings find it by its extension', async () => {
    await using world = await setUp(name)
    await world.journaled('other', 'x')
    await world.sql.query(
      'INSERT INTO larder_resource (container_id, name, live, version, modified_us, content) ' +
        `VALUES (${inC}, 'r.tar.x', 0, 0, 0, 'hello')`,
    )
    const named = async (ext: string) => [...(await world.storage.ls('c', ext)).keys()]
    expect(await named('x')).toEqual(['r.tar.x'])
    expect(await named('tar.x')).toEqual(['r.tar.x'])
    await world.sql.query("UPDATE larder_resource SET name = 'r.é' WHERE name = 'r.tar.x'")
    expect(await named('x')).toEqual([])
    expect(await named('é')).toEqual(['r.é'])
    await world.sql.query("UPDATE larder_resource SET name = 'r' WHERE name = 'r.é'")
    expect(await named('é')).toEqual([])
  })

  test('that deletes rows lets new resources begin above them', async () => {
    await using world = await setUp(name)
    for (let i = 0; i < 5; i++) await world.journaled('r', `${i}`)
    await world.sql.query(`DELETE FROM larder_resource ${where}`)
    expect(await world.seen()).toEqual(['c/r*'])
    expect((await world.journaled('r', 'again')).version).toBe(6)
    await world.sql.query(`DELETE FROM larder_resource ${where}`)
    await world.sql.query(
      'INSERT INTO larder_resource (container_id, name, live, version, modified_us, content) ' +
        `VALUES (${inC}, 'r', 0, 1, 0, 'by hand')`,
    )
    expect((await world.content('r')).version).toBe(7)
    // Another process, too, and without a journal.
    await using other = await SqlStorage.open({ url: world.opened.place.url })
    expect((await other.putContent(other.info('d', 'new'), 'x')).version).toBe(7)
  })

  test('that is rolled back is no change', async () => {
    await using world = await setUp(name)
    await world.journaled('r', 'one')
    await world.sql.query('BEGIN')
    await world.sql.query(`UPDATE larder_resource SET content = 'two' ${where}`)
    await world.sql.query(`DELETE FROM larder_resource ${where}`)
    await world.sql.query('ROLLBACK')
    expect(await world.seen()).toEqual([])
    expect(await world.content('r')).toEqual({ text: 'one', version: 1, size: 3 })
    expect((await world.journaled('new', 'x')).version).toBe(1)
  })

  test('of many rows in one statement is one of each of them, however often', async () => {
    await using world = await setUp(name)
    const names = Array.from({ length: 250 }, (_, i) => `r${String(i).padStart(3, '0')}`)
    for (const each of names) await world.journaled(each, 'x')
    await world.sql.query('BEGIN')
    for (let i = 0; i < 3; i++) await world.sql.query(`UPDATE larder_resource SET content = 'y${i}'`)
    await world.sql.query('COMMIT')
    expect(await world.seen()).toEqual(names.map((each) => `c/${each}`))
    expect(await world.opened.count('change')).toBe(0)
  })

  test('that gives a row another name concerns both, above all that was there', async () => {
    await using world = await setUp(name)
    for (let i = 0; i < 4; i++) await world.journaled('s', `${i}`)
    await world.sql.query("DELETE FROM larder_resource WHERE name = 's'")
    await world.journaled('r', 'one')
    await world.seen()
    await world.sql.query(`UPDATE larder_resource SET name = 's' ${where}`)
    expect(await world.seen()).toEqual(['c/r*', 'c/s*'])
    expect((await world.content('s')).version).toBeGreaterThan(5)
    expect((await world.journaled('r', 'new')).version).toBeGreaterThan(1)
  })

  test('that gives a collection another name concerns all that is in it', async () => {
    await using world = await setUp(name)
    for (let i = 0; i < 3; i++) await world.journaled('r', `${i}`)
    await world.journaled('s', 'x')
    await world.sql.query("UPDATE larder_container SET name = 'd' WHERE name = 'c'")
    expect(await world.seen()).toEqual(['c/r*', 'c/s*', 'd/r*', 'd/s*'])
    const { version, text } = await world.content('r', 'd')
    expect(text).toBe('2')
    expect(version).toBeGreaterThan(3)
  })

  test('is also one by a storage without a cache, which writes as ever', async () => {
    await using world = await setUp(name)
    const { storage } = world
    const info = world.info('r')
    const created = await storage.put(info, { content: 'x', metadata: 'y' })
    expect(await world.seen()).toEqual(['c/r*'])
    const changed = await storage.putContent(info, 'z', { ifMatch: created.etag })
    expect([created.version, changed.version]).toEqual([1, 2])
    expect((await storage.getMetaData(info)).version).toBe(1)
    expect(await world.seen()).toEqual(['c/r'])
    await storage.remove(info)
    expect(await world.seen()).toEqual(['c/r*'])
    await world.journaled('r', 'x')
    // After a write that was journaled on the same connection.
    await storage.putContent(info, 'y')
    expect(await world.seen()).toEqual(['c/r'])
  })

  test('of a large content, by bytes in the row, takes its place', async () => {
    await using world = await setUp(name, { inlineMaxBytes: 10 })
    await world.journaled('r', 'a content of many bytes')
    await world.sql.query(`UPDATE larder_resource SET content = 'few' ${where}`)
    expect(await world.content('r')).toEqual({ text: 'few', version: 2, size: 3 })
  })
})

describe.each(DATABASE_NAMES)('triggers on %s', (name) => {
  test('may be installed by many at once and again, and removed', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    await using other = await opened.another()
    await Promise.all([installTriggers(storage), installTriggers(other), installTriggers(storage)])
    await using world = new World(await openFresh(name), await rawDatabase(opened.place))
    const { sql } = world
    await storage.putContent(storage.info('c', 'r'), 'x')
    expect(await opened.count('change')).toBe(1)
    await removeTriggers(storage)
    await removeTriggers(other)
    await sql.query(`UPDATE larder_resource SET content = 'y' ${where}`)
    expect(await opened.count('change')).toBe(1)
    const { version, bytes } = await storage.getContent(storage.info('c', 'r'))
    expect([version, bytes.toString()]).toEqual([1, 'y'])
  })

  test('of another version are replaced', async () => {
    await using world = await setUp(name)
    const { sql, opened } = world
    const old = 'larder_outside_insert_1'
    if (name === 'postgres') {
      await sql.query(`ALTER TRIGGER larder_outside_insert_5 ON larder_resource RENAME TO ${old}`)
    } else {
      const body = name === 'sqlite' ? 'BEGIN SELECT 1; END' : 'SET @x = 1'
      await sql.query('DROP TRIGGER larder_outside_insert_5')
      await sql.query(`CREATE TRIGGER ${old} AFTER INSERT ON larder_resource FOR EACH ROW ${body}`)
    }
    await installTriggers(opened.storage)
    await opened.storage.putContent(world.info('r'), 'x')
    expect(await world.seen()).toEqual(['c/r*'])
    await removeTriggers(opened.storage)
    const [triggers] = await sql.query(TRIGGERS[name])
    expect(Number(triggers?.['n'])).toBe(0)
  })

  test('can be installed by a data source', async () => {
    await using opened = await openFresh(name)
    const dataSource = await new DataSource({ ...opened.place.typeorm }).initialize()
    try {
      await installTriggers(dataSource)
      await opened.storage.putContent(opened.storage.info('c', 'r'), 'x')
      expect(await opened.count('change')).toBe(1)
      await removeTriggers(dataSource)
    } finally {
      await dataSource.destroy()
    }
  })

  test('a change whose work failed is handed out again to any process', async () => {
    await using world = await setUp(name)
    const { storage } = world
    await storage.putContent(world.info('r'), 'x')
    const asked = { olderThanMs: 0, external: true }
    const failing = () => Promise.reject(new Error('no'))
    await expect(storage.claim(asked, failing)).rejects.toMatchObject({ message: 'no' })
    let rows: readonly JournalRow[] = []
    const none = async (found: readonly JournalRow[]) => {
      rows = found
      return []
    }
    expect(await storage.claim(asked, none)).toBe(1)
    expect(rows.length).toBe(1)
    expect(await storage.claim(asked, none)).toBe(1)
    expect(await world.seen()).toEqual(['c/r*'])
    expect(await storage.claim({ olderThanMs: 0 }, none)).toBe(0)
  })
})

const TRIGGERS: Readonly<Record<DatabaseName, string>> = {
  sqlite: "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'trigger'",
  postgres: 'SELECT COUNT(*) AS n FROM pg_trigger WHERE NOT tgisinternal',
  mariadb: 'SELECT COUNT(*) AS n FROM information_schema.triggers WHERE trigger_schema = DATABASE()',
}

test('SQLite: a row that is replaced has a version above the one of before, also where triggers fire triggers', async () => {
  await using world = await setUp('sqlite')
  for (let i = 0; i < 3; i++) await world.journaled('r', `${i}`)
  for (const [round, pragma] of ['OFF', 'ON'].entries()) {
    await world.sql.query(`PRAGMA recursive_triggers = ${pragma}`)
    const before = (await world.content('r')).version
    await world.sql.query(
      'REPLACE INTO larder_resource (container_id, name, live, version, modified_us, content) ' +
        // The version that was journaled last, too.
        `VALUES (${inC}, 'r', 1, ${round === 0 ? 3 : 1}, 0, 'replaced ${round}')`,
    )
    const { text, version } = await world.content('r')
    expect(text).toBe(`replaced ${round}`)
    expect(version).toBeGreaterThan(before)
    await world.sql.query(`UPDATE larder_resource SET content = 'u' ${where}`)
    expect((await world.content('r')).version).toBeGreaterThan(version)
    expect(await world.seen()).toEqual(['c/r*'])
  }
})

test('MariaDB: so has one that REPLACE or an upsert changed', async () => {
  await using world = await setUp('mariadb')
  for (let i = 0; i < 3; i++) await world.journaled('r', `${i}`)
  const row = `(container_id, name, live, version, modified_us, content) VALUES (${inC}, 'r', 1, 1, 0, 'x')`
  await world.sql.query(`REPLACE INTO larder_resource ${row}`)
  expect((await world.content('r')).version).toBe(4)
  await world.sql.query(`INSERT INTO larder_resource ${row} ON DUPLICATE KEY UPDATE content = 'y'`)
  const { text, version } = await world.content('r')
  expect(text).toBe('y')
  expect(version).toBeGreaterThan(4)
})

test('PostgreSQL: TRUNCATE is a change of all that was there', async () => {
  await using world = await setUp('postgres')
  for (let i = 0; i < 3; i++) await world.journaled('r', `${i}`)
  await world.sql.query('TRUNCATE larder_resource')
  expect(await world.seen()).toEqual(['c/r*'])
  expect((await world.journaled('r', 'new')).version).toBe(4)
})
