import { isStorageError } from '@larder/storage-core'
import { SqlLock, SqlStorage, type SqlSession, watchTables } from '@larder/storage-sql'
import { DataSource } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { DATABASES, errorOf, gate, openFresh, rawDatabase, SERVER_NAMES } from './databases.js'

const SET: Readonly<Record<(typeof SERVER_NAMES)[number], string>> = {
  postgres: "SELECT set_config('application_name', 'hooked', false)",
  mariadb: 'SET SESSION lc_time_names = "de_DE"',
}

const ALL_SESSIONS = `SELECT application_name AS name FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`

describe.each(SERVER_NAMES)('onSession on %s', (name) => {
  test('is called once for each connection, before anything else uses it', async () => {
    let calls = 0
    const onSession = async (session: SqlSession) => {
      calls++
      await session.query(SET[name])
    }
    await using opened = await openFresh(name, { poolSize: 3, onSession })
    const { storage } = opened
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => storage.putContent(storage.info('c', `${i}`), 'x')),
    )
    const most = calls
    expect(most >= 1 && most <= 3, String(most)).toBe(true)
    await Promise.all(Array.from({ length: 30 }, (_, i) => storage.getContent(storage.info('c', `${i}`))))
    expect(calls <= 3, String(calls)).toBe(true)
  })

  test('is called again for connections that come in the place of others', async () => {
    let calls = 0
    await using opened = await openFresh(name, { poolSize: 1, onSession: async () => void calls++ })
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    const before = calls
    await using raw = await rawDatabase(opened.place)
    if (name === 'postgres') {
      await raw.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      )
    } else {
      const found = await raw.query(
        'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
      )
      for (const { id } of found) await raw.query(`KILL ${Number(id)}`)
    }
    await storage.getContent(storage.info('c', 'r'))
    expect(calls).toBe(before + 1)
  })

  test('that rejects closes the connection and passes its message on', async () => {
    await using place = await DATABASES[name]()
    const onSession = () => Promise.reject(new Error('no such role'))
    const error = await errorOf(SqlStorage.open({ url: place.url, onSession }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/no such role/)
    let fails = false
    const later = async () => {
      if (fails) throw new Error('no such role')
    }
    await using storage = await SqlStorage.open({ url: place.url, onSession: later, poolSize: 2 })
    await storage.createContainer('c')
    fails = true
    const writes = [1, 2].map((i) => storage.putContent(storage.info('c', `${i}`), 'x'))
    for (const written of await Promise.allSettled(writes)) {
      if (written.status === 'rejected')
        expect(isStorageError(written.reason, 'E_STORAGE_UNAVAILABLE')).toBeTruthy()
    }
    fails = false
    await storage.putContent(storage.info('c', 'r'), 'x')
  })

  test('is called for the connections of a data source of the program, and of locks', async () => {
    await using opened = await openFresh(name)
    const dataSource = new DataSource({ ...opened.place.typeorm, poolSize: 2 } as never)
    let calls = 0
    const onSession = async () => void calls++
    const storage = await SqlStorage.open({ dataSource: await withEntities(dataSource), onSession })
    await storage.putContent(storage.info('c', 'r'), 'x')
    expect(calls >= 1).toBe(true)
    const before = calls
    await using lock = new SqlLock({ storage })
    await (await lock.acquire('job')).release()
    expect(calls > before).toBe(true)
    await expect(SqlStorage.open({ dataSource, onSession: async () => undefined })).rejects.toThrow(TypeError)
    await lock.close()
    await storage.shutdown()
  })
})

async function withEntities(dataSource: DataSource): Promise<DataSource> {
  const { larderEntities } = await import('@larder/storage-sql')
  dataSource.setOptions({ entities: larderEntities(dataSource.options.type as 'postgres') })
  return dataSource
}

test('a role and a search_path from onSession hold for all that a storage does on PostgreSQL', async () => {
  await using place = await DATABASES.postgres()
  await using raw = await rawDatabase(place)
  const role = `larder_role_${process.pid}`
  await raw.query(`CREATE ROLE ${role}`)
  await raw.query(`CREATE SCHEMA mine AUTHORIZATION ${role}`)
  try {
    const onSession = async ({ query }: SqlSession) => {
      await query(`SET ROLE ${role}`)
      await query('SET search_path TO mine')
      await query("SET application_name TO 'hooked'")
    }
    await using storage = await SqlStorage.open({ url: place.url, onSession })
    await storage.putContent(storage.info('c', 'r'), Buffer.alloc(600_000))
    const tables = await raw.query(
      `SELECT DISTINCT schemaname AS name, tableowner AS owner FROM pg_tables WHERE tablename LIKE 'larder_%'`,
    )
    expect(tables).toEqual([{ name: 'mine', owner: role }])
    await raw.query('CREATE TABLE mine.film (id int PRIMARY KEY)')
    await raw.query(`ALTER TABLE mine.film OWNER TO ${role}`)
    await watchTables(storage, ['film'])
    const woken = gate()
    const stop = storage.onExternalChange(() => woken.open())
    await woken.opened
    const names = (await raw.query(ALL_SESSIONS)).map((row) => String(row['name']))
    expect([...new Set(names)]).toEqual(['hooked'])
    stop()
  } finally {
    await raw.query(`DROP OWNED BY ${role} CASCADE`)
    await raw.query(`DROP ROLE ${role}`)
  }
})

test('onSession is refused on SQLite', async () => {
  await expect(SqlStorage.open({ url: 'sqlite::memory:', onSession: async () => undefined })).rejects.toThrow(
    TypeError,
  )
})
