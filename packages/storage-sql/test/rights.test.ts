import { SqlStorage } from '@larder/storage-sql'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { DATABASES, errorOf, openFresh, type OpenPlace } from './databases.js'

const TABLES = 'container resource body chunk journal change floor'.split(' ').map((name) => `larder_${name}`)
const READ_ONLY_TABLES = ['larder_schema', 'larder_migration']

/** A role of its own with these rights on the tables, and none to change them. */
async function roleOn(opened: OpenPlace, verbs: string) {
  const name = `larder_app_${randomBytes(4).toString('hex')}`
  const url = new URL(opened.place.url)
  const database = url.pathname.slice(1)
  const isPostgres = opened.place.url.startsWith('postgres')
  const all = [...TABLES, ...READ_ONLY_TABLES]
  const grants = isPostgres
    ? [
        `CREATE ROLE ${name} LOGIN`,
        `GRANT USAGE ON SCHEMA public TO ${name}`,
        `GRANT SELECT ON ${all.join(', ')} TO ${name}`,
        ...(verbs === '' ? [] : [`GRANT ${verbs} ON ${TABLES.join(', ')} TO ${name}`]),
        `GRANT USAGE ON SEQUENCE larder_container_id_seq, larder_body_id_seq, larder_journal_id_seq TO ${name}`,
      ]
    : [
        `CREATE USER ${name}@'%'`,
        ...all.map((table) => `GRANT SELECT ON ${database}.${table} TO ${name}@'%'`),
        ...(verbs === ''
          ? []
          : TABLES.map((table) => `GRANT ${verbs} ON ${database}.${table} TO ${name}@'%'`)),
      ]
  for (const sql of grants) await opened.query(sql)
  url.username = name
  url.password = ''
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      const drops = isPostgres ? [`DROP OWNED BY ${name}`, `DROP ROLE ${name}`] : [`DROP USER ${name}@'%'`]
      for (const sql of drops) await opened.query(sql)
    },
  }
}

describe.each(['postgres', 'mariadb'] as const)('a role without DDL on %s', (name) => {
  test('opens tables that are there, and does all that a storage does', async () => {
    await using opened = await openFresh(name)
    await using role = await roleOn(opened, 'INSERT, UPDATE, DELETE')
    await using storage = await SqlStorage.open({ url: role.url })
    const info = storage.info('c', 'r')
    const transaction = { journal: ['k'], beforeCommit: async () => undefined }
    await storage.put(info, { content: Buffer.alloc(1_200_000), metadata: '{}' }, { transaction })
    await storage.putContent(info, 'x', { ifMatch: '"1"' })
    expect((await storage.getContent(info)).bytes.toString()).toBe('x')
    expect((await storage.ls('c')).size).toBe(1)
    expect((await storage.page('c', { limit: 5 })).entries.length).toBe(1)
    await storage.claim({ olderThanMs: 0 }, async (rows) => rows.map(({ id }) => id))
    await storage.remove(info)
    expect(await storage.exists(info)).toBe(false)
  })

  test('that may only SELECT reads, and a write is an error that changes nothing', async () => {
    await using opened = await openFresh(name)
    const info = opened.storage.info('c', 'r')
    await opened.storage.putContent(info, Buffer.alloc(600_000, 'a'))
    await using role = await roleOn(opened, '')
    await using storage = await SqlStorage.open({ url: role.url })
    expect((await storage.getContent(info)).bytes.length).toBe(600_000)
    expect((await storage.ls('c')).size).toBe(1)
    const error = await errorOf(storage.putContent(info, 'y'))
    expect(error.message).toMatch(/denied/)
    expect(error.code).not.toBe('E_OUTCOME_UNKNOWN')
    expect((await opened.storage.getContent(info)).version).toBe(1)
  })
})

test('a SQLite file that is opened with readonly: true is read, and never written to', async () => {
  await using place = await DATABASES.sqlite()
  const writer = await SqlStorage.open({ url: place.url })
  const info = writer.info('c', 'r')
  await writer.putContent(info, 'x')
  const typeorm = { ...place.typeorm, readonly: true } as typeof place.typeorm
  await using storage = await SqlStorage.open({ typeorm })
  expect((await storage.getContent(info)).bytes.toString()).toBe('x')
  expect((await storage.ls('c')).size).toBe(1)
  const error = await errorOf(storage.putContent(info, 'y'))
  expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
  await writer.putContent(info, 'z')
  expect((await storage.getContent(info)).bytes.toString()).toBe('z')
  await writer.shutdown()
})
