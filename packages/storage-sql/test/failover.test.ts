import {
  type MariadbServer,
  type PostgresServer,
  startMariadb,
  startPostgres,
  startProxy,
} from '@larder/dev-servers'
import type { StorageTransaction, TransactionOutcome } from '@larder/storage-core'
import { managerOf, SqlStorage } from '@larder/storage-sql'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf, gate } from './databases.js'

/** A program's user, whom a server that is read-only refuses. */
const APP = 'app'

/** Two servers with the tables in both, of which one is primary and the other one read-only. */
interface Pair extends AsyncDisposable {
  readonly urls: readonly [string, string]
  readonly ports: readonly [number, number]
  /** The `index`th is the primary from now on. */
  promote(index: 0 | 1): Promise<void>
}

async function postgresPair(): Promise<Pair> {
  const servers = await Promise.all([startPostgres(), startPostgres()])
  return pairOf(
    servers,
    ({ url }) => url,
    (url) => new DataSource({ type: 'postgres', url }),
    (readOnly) => [
      `ALTER SYSTEM SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`,
      'SELECT pg_reload_conf()',
    ],
    untilReloaded,
  )
}

/**
 * The server reads its settings, signals all processes, and only then takes another connection: once a new one has the
 * setting, no older one runs a statement without it.
 */
async function untilReloaded(url: string, readOnly: boolean): Promise<void> {
  for (;;) {
    const fresh = await new DataSource({ type: 'postgres', url }).initialize()
    const rows = await fresh.query<{ readonly found: string }[]>(
      "SELECT current_setting('default_transaction_read_only') AS found",
    )
    await fresh.destroy()
    if (rows[0]?.found === (readOnly ? 'on' : 'off')) return
  }
}

async function mariadbPair(): Promise<Pair> {
  const servers = await Promise.all([startMariadb(), startMariadb()])
  for (const { url } of servers) {
    const root = await new DataSource({ type: 'mariadb', url }).initialize()
    await root.query(`CREATE USER ${APP}@'%'`)
    await root.query(`GRANT ALL PRIVILEGES ON larder.* TO ${APP}@'%'`)
    await root.destroy()
  }
  return pairOf(
    servers,
    ({ address }) => `mariadb://${APP}@${address}/larder`,
    (url) => new DataSource({ type: 'mariadb', url }),
    (readOnly) => [`SET GLOBAL read_only = ${readOnly ? 1 : 0}`],
  )
}

type Server = PostgresServer | MariadbServer

async function pairOf<S extends Server>(
  servers: readonly S[],
  urlOf: (server: S) => string,
  adminOf: (url: string) => DataSource,
  setReadOnly: (readOnly: boolean) => readonly string[],
  untilSet?: (url: string, readOnly: boolean) => Promise<void>,
): Promise<Pair> {
  const [first, second] = servers
  expect.assert(first && second)
  const admins = await Promise.all(servers.map(({ url }) => adminOf(url).initialize()))
  for (const server of servers) await (await SqlStorage.open({ url: urlOf(server) })).shutdown()
  return {
    urls: [urlOf(first), urlOf(second)],
    ports: [first.port, second.port],
    promote: async (index) => {
      for (const [i, admin] of admins.entries()) {
        for (const sql of setReadOnly(i !== index)) await admin.query(sql)
      }
      for (const [i, { url }] of servers.entries()) await untilSet?.(url, i !== index)
    },
    [Symbol.asyncDispose]: async () => {
      for (const admin of admins) await admin.destroy()
      for (const server of servers) await server.stop()
    },
  }
}

const PAIRS = [
  { name: 'PostgreSQL', start: postgresPair },
  { name: 'MariaDB', start: mariadbPair },
]

/** A storage whose address leads to the first server, which is the primary. */
async function openSwitched(pair: Pair) {
  await pair.promote(0)
  const proxy = await startProxy({ port: pair.ports[0] })
  const url = new URL(pair.urls[0])
  url.host = proxy.address
  const storage = await SqlStorage.open({ url: url.href, poolSize: 4 })
  return {
    proxy,
    storage,
    [Symbol.asyncDispose]: async () => {
      await storage.shutdown()
      await proxy.stop()
    },
  }
}

describe.each(PAIRS)('$name behind an address that moves to another server', ({ name, start }) => {
  let pair: Pair
  beforeAll(async () => {
    pair = await start()
  })
  afterAll(() => pair[Symbol.asyncDispose]())

  test('every write goes to the new primary, though all connections lead to the old one', async () => {
    await using switched = await openSwitched(pair)
    const { proxy, storage } = switched
    const write = (i: number) => storage.putContent(storage.info('c', `${i}`), 'x')
    await Promise.all(Array.from({ length: 8 }, (_, i) => write(i)))
    await pair.promote(1)
    proxy.redirect({ port: pair.ports[1] })
    await Promise.all(Array.from({ length: 40 }, (_, i) => write(i)))
    for (let i = 0; i < 10; i++) await storage.putContent(storage.info('c', 'one'), `${i}`)
    expect((await storage.ls('c')).size).toBe(41)
    expect((await storage.getContent(storage.info('c', 'one'))).version).toBe(10)
    await storage.remove(storage.info('c', 'one'))
  })

  test('so does every transaction of several calls', async () => {
    await using switched = await openSwitched(pair)
    const { proxy, storage } = switched
    const names = Array.from({ length: 8 }, (_, i) => `${i}`)
    const write = (name: string) =>
      storage.transaction(async (tx) => {
        for (const each of ['a', 'b']) await tx.putContent(storage.info('t', name + each), 'x')
      })
    await storage.createContainer('t')
    await Promise.all(names.map(write))
    await pair.promote(1)
    proxy.redirect({ port: pair.ports[1] })
    await Promise.all(names.map(write))
    expect((await storage.ls('t')).size).toBe(16)
  })

  test('a transaction works no more often than it may, and hears the end of each attempt', async () => {
    await using switched = await openSwitched(pair)
    const { storage } = switched
    await storage.createContainer('a')
    await Promise.all(Array.from({ length: 8 }, (_, i) => storage.putContent(storage.info('a', `${i}`), 'x')))
    await pair.promote(1)
    const write = (tx: StorageTransaction) => tx.putContent(storage.info('a', '1'), 'never')
    const statement = (tx: StorageTransaction) =>
      managerOf(tx).query('DELETE FROM larder_journal WHERE 1 = 0')
    for (const [attempts, work] of [
      [1, write],
      [3, write],
      [2, statement],
    ] as const) {
      const outcomes: Promise<TransactionOutcome>[] = []
      const reasons: unknown[] = []
      const failing = storage.transaction(
        async (tx) => {
          outcomes.push(tx.outcome)
          tx.enlist({ afterRollback: async (reason) => void reasons.push(reason) })
          await work(tx)
        },
        { attempts },
      )
      expect((await errorOf(failing)).message).toMatch(/read[- ]only/)
      expect(reasons.length).toBe(attempts)
      const rolledBack = { status: 'rolled back', cacheInvalidated: true }
      expect(await Promise.all(outcomes)).toEqual(Array.from({ length: attempts }, () => rolledBack))
    }
    await pair.promote(0)
    await storage.transaction(write)
  })

  test('without a primary a write is E_STORAGE_UNAVAILABLE, and reads continue', async () => {
    await using switched = await openSwitched(pair)
    const { storage } = switched
    const info = storage.info('d', 'r')
    await storage.putContent(info, 'x')
    await pair.promote(1)
    const error = await errorOf(storage.putContent(info, 'y'))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/read[- ]only/)
    expect((await storage.getContent(info)).bytes.toString()).toBe('x')
    await pair.promote(0)
    expect((await storage.putContent(info, 'y')).version).toBe(2)
  })

  test('once a write has found that out, no read is answered by the old primary', async () => {
    await using switched = await openSwitched(pair)
    const { proxy, storage } = switched
    const info = storage.info('f', 'r')
    const read = () => storage.getContent(info).then(({ bytes }) => bytes.toString())
    await storage.putContent(info, 'old')
    await Promise.all(Array.from({ length: 8 }, read))
    await pair.promote(1)
    proxy.redirect({ port: pair.ports[1] })
    await storage.putContent(info, 'new')
    expect([...new Set(await Promise.all(Array.from({ length: 40 }, read)))]).toEqual(['new'])
  })
  // PostgreSQL lets transactions end that have begun.
  if (name === 'MariaDB') {
    test('a commit that a server refuses since it has become read-only goes to the new primary', async () => {
      await using switched = await openSwitched(pair)
      const { proxy, storage } = switched
      const info = storage.info('e', 'r')
      await storage.createContainer('e')
      const demoted: string[] = []
      const transaction = {
        beforeCommit: async () => {
          demoted.push('called')
          if (demoted.length > 1) return
          await pair.promote(1)
          proxy.redirect({ port: pair.ports[1] })
        },
      }
      const { version } = await storage.putContent(info, 'x', { transaction })
      expect(version).toBe(1)
      expect((await storage.getContent(info)).bytes.toString()).toBe('x')
    })
  }
})

describe('a PostgreSQL URL with several hosts', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await postgresPair()
  })
  afterAll(() => pair[Symbol.asyncDispose]())

  const urlsOf = ([one, two]: readonly [number, number]) => [
    `postgres://larder@127.0.0.1:${one},127.0.0.1:${two}/postgres?target_session_attrs=read-write`,
    `postgresql://larder@127.0.0.1:${one},localhost:${two}/postgres`,
    `postgres://larder@/postgres?host=127.0.0.1,127.0.0.1&port=${one},${two}&target_session_attrs=read-write`,
  ]

  test('leads to the one that takes writes, whichever it is', async () => {
    for (const primary of [0, 1] as const) {
      await pair.promote(primary)
      for (const [i, url] of urlsOf(pair.ports).entries()) {
        await using storage = await SqlStorage.open({ url })
        await using direct = await SqlStorage.open({ url: pair.urls[primary] })
        const info = storage.info('hosts', `${primary}${i}`)
        await storage.putContent(info, 'x')
        expect(await direct.exists(info)).toBe(true)
      }
    }
  })

  test('is followed by every connection after a failover, the listening one included', async () => {
    await pair.promote(0)
    const [url = ''] = urlsOf(pair.ports)
    await using storage = await SqlStorage.open({ url, poolSize: 3 })
    const write = (i: number) => storage.putContent(storage.info('failover', `${i}`), 'x')
    await Promise.all(Array.from({ length: 6 }, (_, i) => write(i)))
    await pair.promote(1)
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(i)))
    expect((await storage.ls('failover')).size).toBe(20)
    const woken = gate()
    const stop = storage.onExternalChange(() => woken.open())
    await woken.opened
    stop()
  })

  test('of which none accepts writes is E_STORAGE_UNAVAILABLE, with a reason for each', async () => {
    await pair.promote(0)
    const url = `postgres://larder:secret@127.0.0.1:${pair.ports[1]},127.0.0.1:1/postgres`
    const error = await errorOf(SqlStorage.open({ url }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/it is read-only; 127\.0\.0\.1:1: .*ECONNREFUSED/)
    expect(error.message).not.toMatch(/secret/)
  })

  test('one host with target_session_attrs is asked as well', async () => {
    await pair.promote(0)
    const url = `postgres://larder@127.0.0.1:${pair.ports[1]}/postgres?target_session_attrs=read-write`
    expect((await errorOf(SqlStorage.open({ url }))).code).toBe('E_STORAGE_UNAVAILABLE')
  })
})
