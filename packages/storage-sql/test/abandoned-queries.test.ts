import { startPgbouncer } from '@larder/dev-servers'
import { SqlStorage, type SqlOptions } from '@larder/storage-sql'
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { errorOf, openFresh, rawDatabase, SERVER_NAMES, type OpenPlace } from './databases.js'

type ServerName = (typeof SERVER_NAMES)[number]

const QUICK: SqlOptions = { poolSize: 5, statementTimeoutMs: 300, queueTimeoutMs: 60_000 }
const READERS = 20

const LOCK: Readonly<Record<ServerName, readonly string[]>> = {
  postgres: ['BEGIN', 'LOCK TABLE larder_resource IN ACCESS EXCLUSIVE MODE'],
  mariadb: ['LOCK TABLES larder_resource WRITE, larder_container WRITE'],
}

const UNLOCK: Readonly<Record<ServerName, string>> = { postgres: 'ROLLBACK', mariadb: 'UNLOCK TABLES' }

const WAITING: Readonly<Record<ServerName, string>> = {
  postgres: `SELECT COUNT(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%larder_resource%'`,
  mariadb: `SELECT COUNT(*) AS n FROM information_schema.processlist
    WHERE db = DATABASE() AND info LIKE '%larder_resource%' AND id <> CONNECTION_ID()`,
}

/** The tables of `opened`, locked by somebody else until the end of the test. */
async function lockTables(name: ServerName, opened: OpenPlace) {
  const blocker = await rawDatabase(opened.place)
  const observer = await rawDatabase(opened.place)
  for (const sql of LOCK[name]) await blocker.query(sql)
  return {
    /** How many sessions of the server wait for the tables. */
    waiting: async () => Number((await observer.query(WAITING[name]))[0]?.['n']),
    [Symbol.asyncDispose]: async () => {
      await blocker.query(UNLOCK[name])
      await blocker[Symbol.asyncDispose]()
      await observer[Symbol.asyncDispose]()
    },
  }
}

describe.each(SERVER_NAMES)('reads of %s that wait for a locked table', (name) => {
  test('end on the server with their time-out: no more wait than the pool has connections', async () => {
    await using opened = await openFresh(name, QUICK)
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    const reads = Array.from({ length: READERS }, () => errorOf(storage.getContent(storage.info('c', 'r'))))
    const seen: number[] = []
    let isOver = false
    const ended = Promise.all(reads).finally(() => (isOver = true))
    while (!isOver) {
      seen.push(await lock.waiting())
      await sleep(20)
    }
    assert.deepEqual([...new Set((await ended).map(({ code }) => code))], ['E_TIMEOUT'])
    assert.equal(Math.max(...seen) >= 3, true)
    // One that is being ended may overlap with the next.
    assert.equal(Math.max(...seen) <= 2 * (QUICK.poolSize ?? 0), true, String(Math.max(...seen)))
    await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
  })

  test('of a data source of the program end on the server as well', async () => {
    await using opened = await openFresh(name)
    const dataSource = await new DataSource({ ...opened.place.typeorm }).initialize()
    await dataSource.destroy()
    await using storage = await SqlStorage.open({ typeorm: opened.place.typeorm, ...QUICK })
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    assert.equal((await errorOf(storage.getContent(storage.info('c', 'r')))).code, 'E_TIMEOUT')
    await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
  })

  test('whose caller left end on the server', async () => {
    await using opened = await openFresh(name, QUICK)
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    const signal = AbortSignal.timeout(100)
    assert.equal((await errorOf(storage.getContent(storage.info('c', 'r'), { signal }))).code, 'E_ABORTED')
    await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
  })

  test('writes end on the server, too', async () => {
    await using opened = await openFresh(name, { ...QUICK, lockTimeoutMs: 1_000 })
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    const { code = '' } = await errorOf(storage.putContent(storage.info('c', 'r'), 'y'))
    assert.match(code, /^(E_TIMEOUT|E_LOCK_TIMEOUT)$/)
    await expect.poll(lock.waiting, { timeout: 3_000 }).toBe(0)
  })
})

test('through PgBouncer in transaction mode, a read that gives up ends on the server', async () => {
  await using opened = await openFresh('postgres')
  const { hostname: host, port } = new URL(opened.place.url)
  await using pooler = await startPgbouncer({ host, port: Number(port) }, 'transaction')
  await using storage = await SqlStorage.open({ url: pooler.urlFor(opened.place.url), ...QUICK })
  await storage.putContent(storage.info('c', 'r'), 'x')
  await using lock = await lockTables('postgres', opened)
  assert.equal((await errorOf(storage.getContent(storage.info('c', 'r')))).code, 'E_TIMEOUT')
  await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
})
