import { SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, DATABASES, errorOf, openFresh } from './databases.js'

describe.each(DATABASE_NAMES)('%s', (name) => {
  test('ls, ils and page of an absent collection write nothing', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    const { storage } = opened
    expect((await storage.ls('absent')).size).toBe(0)
    for await (const pair of storage.ils('absent', 'x')) expect.unreachable(pair[0])
    for (const order of ['name', 'newest'] as const)
      expect((await storage.page('absent', { order, ext: 'x' })).entries).toEqual([])
    expect(await opened.count('container')).toBe(0)
    expect(await storage.exists(storage.info('absent'))).toBe(false)
  })
})

describe('a full disk', () => {
  test('of a SQLite file is E_STORAGE_UNAVAILABLE, and reads and later writes work', async () => {
    await using place = await DATABASES.sqlite()
    const prepareDatabase = (database: { pragma(sql: string): unknown }) => {
      database.pragma('max_page_count = 100')
    }
    const typeorm = { ...place.typeorm, prepareDatabase } as typeof place.typeorm
    await using storage = await SqlStorage.open({ typeorm })
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'small')
    const error = await errorOf(storage.putContent(info, Buffer.alloc(2_000_000)))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/full/)
    expect((await storage.getContent(info)).bytes.toString()).toBe('small')
    await storage.putContent(info, 'smaller')
  })

  test('of PostgreSQL is E_STORAGE_UNAVAILABLE', async () => {
    await using opened = await openFresh('postgres')
    await opened.query(
      'CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ' +
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
    )
    await opened.query(
      'CREATE TRIGGER full_disk BEFORE INSERT ON larder_resource FOR EACH ROW EXECUTE FUNCTION full_disk()',
    )
    const { storage } = opened
    const error = await errorOf(storage.putContent(storage.info('c', 'r'), 'x'))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/No space left/)
  })

  test('of MariaDB is E_STORAGE_UNAVAILABLE', async () => {
    await using opened = await openFresh('mariadb')
    await opened.query(
      "CREATE TRIGGER full_disk BEFORE INSERT ON larder_resource FOR EACH ROW SIGNAL SQLSTATE 'HY000' " +
        "SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'",
    )
    const { storage } = opened
    const error = await errorOf(storage.putContent(storage.info('c', 'r'), 'x'))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/Disk full/)
  })
})

describe('missing rights', () => {
  test('on PostgreSQL are E_STORAGE_UNAVAILABLE, and reads work', async () => {
    await using opened = await openFresh('postgres')
    const role = `reader_${Date.now()}`
    await opened.storage.putContent(opened.storage.info('c', 'r'), 'x')
    await opened.query(`CREATE ROLE ${role} LOGIN`)
    try {
      await opened.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
      const url = new URL(opened.place.url)
      url.username = role
      await using storage = await SqlStorage.open({ url: url.href, migrate: false })
      const info = storage.info('c', 'r')
      expect((await storage.getContent(info)).bytes.toString()).toBe('x')
      const error = await errorOf(storage.putContent(info, 'y'))
      expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
      expect(error.message).toMatch(/permission denied/)
    } finally {
      await opened.query(`DROP OWNED BY ${role}`)
      await opened.query(`DROP ROLE ${role}`)
    }
  })

  test('on MariaDB are E_STORAGE_UNAVAILABLE, and reads work', async () => {
    await using opened = await openFresh('mariadb')
    const user = `reader_${Date.now()}`
    await opened.storage.putContent(opened.storage.info('c', 'r'), 'x')
    const url = new URL(opened.place.url)
    await opened.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'secret'`)
    try {
      await opened.query(`GRANT SELECT ON ${url.pathname.slice(1)}.* TO '${user}'@'%'`)
      url.username = user
      url.password = 'secret'
      await using storage = await SqlStorage.open({ url: url.href, migrate: false })
      const info = storage.info('c', 'r')
      expect((await storage.getContent(info)).bytes.toString()).toBe('x')
      const error = await errorOf(storage.putContent(info, 'y'))
      expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
      expect(error.message).toMatch(/denied/)
    } finally {
      await opened.query(`DROP USER '${user}'@'%'`)
    }
  })
})
