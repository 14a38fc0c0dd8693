import { startMariadb, startPgbouncer, startProxy } from '@larder/dev-servers'
import { managerOf, SqlStorage, type SqlOptions } from '@larder/storage-sql'
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
    expect([...new Set((await ended).map(({ code }) => code))]).toEqual(['E_TIMEOUT'])
    expect(Math.max(...seen) >= 3).toBe(true)
    // One that is being ended may overlap with the next.
    expect(Math.max(...seen) <= 2 * (QUICK.poolSize ?? 0), String(Math.max(...seen))).toBe(true)
    await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
  })

  test('of a data source of the program end on the server as well', async () => {
    await using opened = await openFresh(name)
    const dataSource = await new DataSource({ ...opened.place.typeorm }).initialize()
    await dataSource.destroy()
    await using storage = await SqlStorage.open({ typeorm: opened.place.typeorm, ...QUICK })
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    expect((await errorOf(storage.getContent(storage.info('c', 'r')))).code).toBe('E_TIMEOUT')
    await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
  })

  test('end on the server after their caller gave up', async () => {
    await using opened = await openFresh(name, QUICK)
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    const signal = AbortSignal.timeout(100)
    expect((await errorOf(storage.getContent(storage.info('c', 'r'), { signal }))).code).toBe('E_ABORTED')
    await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
  })

  test('writes end on the server, too', async () => {
    await using opened = await openFresh(name, { ...QUICK, lockTimeoutMs: 1_000 })
    const { storage } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    await using lock = await lockTables(name, opened)
    const { code = '' } = await errorOf(storage.putContent(storage.info('c', 'r'), 'y'))
    expect(code).toMatch(/^(E_TIMEOUT|E_LOCK_TIMEOUT)$/)
    await expect.poll(lock.waiting, { timeout: 3_000 }).toBe(0)
  })
})

/** A transaction that writes `r` and is given up while `own`, statements of the program's own, run. */
async function giveUp(storage: SqlStorage, own: readonly string[]): Promise<void> {
  const failing = storage.transaction(
    async (tx) => {
      await tx.putContent(tx.info('c', 'r'), 'lost')
      for (const sql of own) await managerOf(tx).query(sql)
    },
    { timeoutMs: 300 },
  )
  expect((await errorOf(failing)).code).toBe('E_TIMEOUT')
}

const LOCK_ROW = "SELECT version FROM larder_resource WHERE container_id = 1 AND name = 's' FOR UPDATE"

/** A server that waits for a row does not look whether its client is still there. */
const WAIT_FOR_ROW: Readonly<Record<ServerName, readonly string[]>> = {
  postgres: ['SET LOCAL lock_timeout = 0', 'SET LOCAL statement_timeout = 0', LOCK_ROW],
  mariadb: ['SET SESSION innodb_lock_wait_timeout = 600', LOCK_ROW],
}

test.each(SERVER_NAMES)(
  'a transaction on %s that is given up while its own statement waits leaves no lock',
  async (name) => {
    await using opened = await openFresh(name, { lockTimeoutMs: 15_000, statementTimeoutMs: 20_000 })
    const { storage } = opened
    for (const each of ['r', 's']) await storage.putContent(storage.info('c', each), 'x')
    await using blocker = await rawDatabase(opened.place)
    await blocker.query('BEGIN')
    await blocker.query(LOCK_ROW)
    await giveUp(storage, WAIT_FOR_ROW[name])
    await storage.putContent(storage.info('c', 'r'), 'y')
    expect((await storage.getContent(storage.info('c', 'r'))).bytes.toString()).toBe('y')
    await blocker.query('ROLLBACK')
  },
)

test('nothing is killed on another MariaDB that the address leads to by then', async () => {
  await using first = await startMariadb()
  await using second = await startMariadb()
  await using proxy = await startProxy({ port: first.port })
  const url = new URL(first.url)
  url.port = String(proxy.port)
  await using storage = await SqlStorage.open({ url: url.href })
  await storage.putContent(storage.info('c', 'r'), 'x')
  proxy.redirect({ port: second.port })
  const observer = await new DataSource({ type: 'mariadb', url: second.url }).initialize()
  const status = async (name: string) => {
    const rows = await observer.query<{ readonly Value: string }[]>(`SHOW GLOBAL STATUS LIKE '${name}'`)
    return Number(rows[0]?.Value)
  }
  try {
    const before = await status('Com_show_variables')
    const connected = await status('Threads_connected')
    await giveUp(storage, ['SELECT SLEEP(600)'])
    await expect.poll(() => status('Com_show_variables'), { timeout: 10_000 }).toBeGreaterThan(before)
    // What asked has left.
    await expect.poll(() => status('Threads_connected'), { timeout: 10_000 }).toBe(connected)
    expect(await status('Com_kill')).toBe(0)
  } finally {
    await observer.destroy()
  }
})

test('through PgBouncer in transaction mode, a read that gives up ends on the server', async () => {
  await using opened = await openFresh('postgres')
  const { hostname: host, port } = new URL(opened.place.url)
  await using pooler = await startPgbouncer({ host, port: Number(port) }, 'transaction')
  await using storage = await SqlStorage.open({ url: pooler.urlFor(opened.place.url), ...QUICK })
  await storage.putContent(storage.info('c', 'r'), 'x')
  await using lock = await lockTables('postgres', opened)
  expect((await errorOf(storage.getContent(storage.info('c', 'r')))).code).toBe('E_TIMEOUT')
  await expect.poll(lock.waiting, { timeout: 2_000 }).toBe(0)
})
