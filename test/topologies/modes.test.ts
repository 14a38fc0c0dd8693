import { startMariadb } from '@larder/dev-servers'
import { storageContract } from '@larder/storage-core/testing'
import { SqlStorage } from '@larder/storage-sql'
import Libsql from 'libsql'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

describe('SqlStorage on a MariaDB with sql_mode=ORACLE', () => {
  let server: Awaited<ReturnType<typeof startMariadb>>
  beforeAll(async () => {
    server = await startMariadb({ settings: { 'sql-mode': 'ORACLE' } })
  })
  afterAll(() => server.stop())

  const open = () => SqlStorage.open({ url: server.url, orderByModified: true })
  storageContract({ describe, test, open: async () => ({ storage: await open(), reopen: open }) })
})

test('a MariaDB with binlog_format=STATEMENT is refused with what to set', async () => {
  await using server = await startMariadb({
    settings: { 'log-bin': 'binlog', 'binlog-format': 'STATEMENT' },
  })
  await expect(SqlStorage.open({ url: server.url })).rejects.toMatchObject({
    code: 'E_UNSUPPORTED',
    message: expect.stringContaining('set it to MIXED or ROW') as string,
  })
  await using mixed = await startMariadb({ settings: { 'log-bin': 'binlog', 'binlog-format': 'MIXED' } })
  await using storage = await SqlStorage.open({ url: mixed.url })
  await storage.putContent(storage.info('c', 'r'), 'x')
})

describe('SqlStorage on libsql, whose binaries come from the registry', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'larder-libsql-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const open = () =>
    SqlStorage.open({
      typeorm: { type: 'better-sqlite3', database: join(folder, 'libsql.db'), driver: Libsql },
      orderByModified: true,
    })
  storageContract({ describe, test, open: async () => ({ storage: await open(), reopen: open }) })
})
