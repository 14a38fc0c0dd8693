import { startProxy } from '@larder/dev-servers'
import { SqlStorage } from '@larder/storage-sql'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  DATABASE_NAMES,
  DATABASES,
  errorOf,
  gate,
  type OpenPlace,
  openFresh,
  rawDatabase,
  SERVER_NAMES,
} from './databases.js'

type Proxy = Awaited<ReturnType<typeof startProxy>>

/** A storage behind a proxy, and one that reaches the same database without. */
class Proxied implements AsyncDisposable {
  constructor(
    readonly direct: OpenPlace,
    readonly proxy: Proxy,
    readonly storage: SqlStorage,
  ) {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.pass()
    await this.storage.shutdown()
    await this.direct[Symbol.asyncDispose]()
    await this.proxy.stop()
  }
}

const FAST = {
  connectTimeoutMs: 2_000,
  statementTimeoutMs: 1_500,
  lockTimeoutMs: 1_000,
  transactionTimeoutMs: 6_000,
}

async function openProxied(name: (typeof SERVER_NAMES)[number]): Promise<Proxied> {
  const direct = await openFresh(name)
  const url = new URL(direct.place.url)
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port) })
  url.hostname = proxy.host
  url.port = String(proxy.port)
  return new Proxied(direct, proxy, await SqlStorage.open({ url: url.href, ...FAST }))
}

describe.each(SERVER_NAMES)('faults of %s', (name) => {
  test('a commit whose answer is lost has an unknown outcome and was made', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy, direct } = opened
    const transaction = { journal: ['k'], beforeCommit: async () => proxy.truncate(0) }
    const info = storage.info('c', 'r')
    const error = await errorOf(storage.putContent(info, 'x', { transaction }))
    expect(error.code).toBe('E_OUTCOME_UNKNOWN')
    await proxy.pass()
    expect((await direct.storage.getContent(info)).bytes.toString()).toBe('x')
    expect(await direct.count('journal')).toBe(1)
    expect((await storage.putContent(info, 'y')).version).toBe(2)
  })

  test('a connection cut before the commit is sent leaves nothing, and is known to', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy, direct } = opened
    const transaction = {
      beforeCommit: async () => {
        proxy.cut()
        await sleep(100)
      },
    }
    const info = storage.info('c', 'r')
    const error = await errorOf(storage.putContent(info, 'x', { transaction }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(await direct.storage.exists(info)).toBe(false)
  })

  test('reads and writes outlive a server that closed the idle connections', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy } = opened
    await storage.putContent(storage.info('c', 'r'), 'x')
    for (let round = 0; round < 5; round++) {
      proxy.cut()
      expect((await storage.getContent(storage.info('c', 'r'))).bytes.toString()).toBe('x')
      proxy.cut()
      expect((await storage.putContent(storage.info('c', 'r'), 'x')).version).toBe(round + 2)
    }
  })

  test('so do large contents, the journal and new collections', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy, direct } = opened
    const info = storage.info('c', 'r')
    const warm = () =>
      Promise.all(
        Array.from({ length: 4 }, (_, i) =>
          storage.putContent(storage.info('c', `w${i}`), 'x', {
            transaction: { beforeCommit: () => sleep(50) },
          }),
        ),
      )
    const calls: readonly (() => Promise<unknown>)[] = [
      () => storage.putContent(info, Buffer.alloc(2_000_000, 'a')),
      () => storage.createContainer('new'),
      () => storage.acknowledge(['1']),
      () => storage.claim({ olderThanMs: 0 }, async () => []),
    ]
    for (const call of calls) {
      await warm()
      proxy.cut()
      await call()
    }
    const content = async function* () {
      for (let i = 0; i < 4; i++) {
        yield Buffer.alloc(524_288, `${i}`)
        proxy.cut()
      }
    }
    await storage.putContent(info, content())
    const { bytes } = await direct.storage.getContent(info)
    expect(bytes.length).toBe(4 * 524_288)
    expect([...new Set(bytes)]).toEqual([...Buffer.from('0123')])
  })

  test('a lost server is E_STORAGE_UNAVAILABLE until it is back', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    await proxy.refuse()
    expect((await errorOf(storage.getContent(info))).code).toBe('E_STORAGE_UNAVAILABLE')
    expect((await errorOf(storage.putContent(info, 'y'))).code).toBe('E_STORAGE_UNAVAILABLE')
    expect((await errorOf(storage.ls('c'))).code).toBe('E_STORAGE_UNAVAILABLE')
    const { protocol, pathname } = new URL(opened.direct.place.url)
    const url = `${protocol}//root@${proxy.address}${pathname}`
    expect((await errorOf(SqlStorage.open({ url }))).code).toBe('E_STORAGE_UNAVAILABLE')
    await proxy.pass()
    expect((await storage.getContent(info)).bytes.toString()).toBe('x')
  })

  test('an abort ends the wait for a server that does not answer', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    proxy.blackhole()
    const calls = [
      storage.getContent(info, { signal: AbortSignal.timeout(50) }),
      storage.putContent(info, 'y', { signal: AbortSignal.timeout(50) }),
    ]
    // Neither a time-out nor a lost connection: those come later.
    for (const call of calls) expect((await errorOf(call)).code).toBe('E_ABORTED')
    await proxy.pass()
    proxy.cut()
    expect((await storage.getContent(info)).bytes.toString()).toBe('x')
  })

  test('a session that the server ends in the middle of a transaction leaves nothing', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    const transaction = { beforeCommit: () => killSessions(opened) }
    const error = await errorOf(storage.putContent(info, 'x', { transaction }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(await storage.exists(info)).toBe(false)
    expect((await storage.putContent(info, 'y')).version).toBe(1)
  })

  test('idle connections that the server ends do not end the process', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    await Promise.all(Array.from({ length: 5 }, () => storage.putContent(info, 'x')))
    await killSessions(opened)
    await sleep(50)
    expect((await storage.getContent(info)).bytes.toString()).toBe('x')
  })

  test('a row that another session has locked is E_LOCK_TIMEOUT, and nothing is written', async () => {
    await using opened = await openFresh(name, { lockTimeoutMs: 300 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    await using raw = await rawDatabase(opened.place)
    await raw.query('BEGIN')
    await raw.query('SELECT * FROM larder_resource FOR UPDATE')
    const error = await errorOf(storage.putContent(info, 'y'))
    expect(error.code).toBe('E_LOCK_TIMEOUT')
    expect(error.name).toBe('LockTimeoutError')
    expect((await storage.getContent(info)).version).toBe(1)
    await raw.query('ROLLBACK')
    expect((await storage.putContent(info, 'y')).version).toBe(2)
  })

  test('an abort ends the wait for a locked row', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    await using raw = await rawDatabase(opened.place)
    await raw.query('BEGIN')
    await raw.query('SELECT * FROM larder_resource FOR UPDATE')
    const write = storage.putContent(info, 'y', { signal: AbortSignal.timeout(50) })
    // Before the time for locks is over.
    expect((await errorOf(write)).code).toBe('E_ABORTED')
    await raw.query('ROLLBACK')
    await sleep(100)
    expect((await storage.getContent(info)).version).toBe(1)
  })

  test('the server ends the transaction of a process that has stopped in its hook', async () => {
    await using opened = await openFresh(name, { transactionTimeoutMs: 1_000 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    const entered = gate()
    const ended = gate()
    const write = storage.putContent(info, 'y', {
      transaction: {
        beforeCommit: async () => {
          entered.open()
          // Nothing of this process runs meanwhile, its own time-outs neither.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_600)
          ended.open()
          await sleep(50)
        },
      },
    })
    await entered.opened
    expect((await errorOf(write)).code ?? '').toMatch(/E_TIMEOUT|E_STORAGE_UNAVAILABLE/)
    await ended.opened
    expect((await storage.getContent(info)).version).toBe(1)
    expect((await storage.putContent(info, 'z')).version).toBe(2)
  })
})

// What these wait for is time, which passes for all of them at once.
describe.concurrent.each(SERVER_NAMES)('%s, which says nothing', (name) => {
  test('a commit that is lost under way has an unknown outcome and was not made', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy, direct } = opened
    const transaction = { beforeCommit: async () => proxy.blackhole() }
    const info = storage.info('c', 'r')
    expect((await errorOf(storage.putContent(info, 'x', { transaction }))).code).toBe('E_OUTCOME_UNKNOWN')
    await proxy.pass()
    proxy.cut()
    expect(await direct.storage.exists(info)).toBe(false)
    expect((await storage.putContent(info, 'y')).changed).toBe(true)
  })

  test('a server that does not answer is reported within the time-outs', async () => {
    await using opened = await openProxied(name)
    const { storage, proxy } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    proxy.blackhole()
    const start = performance.now()
    const codes = await Promise.all(
      [storage.getContent(info), storage.putContent(info, 'y'), storage.exists(info)].map(
        async (call) => (await errorOf(call)).code,
      ),
    )
    // One had a connection that does not answer any more, the others get none.
    for (const code of codes) expect(String(code)).toMatch(/^(E_TIMEOUT|E_STORAGE_UNAVAILABLE)$/)
    expect(performance.now() - start).toBeLessThan(25_000)
    await proxy.pass()
    proxy.cut()
    expect((await storage.putContent(info, 'z')).changed).toBe(true)
  })
})

describe("a user's data source on mariadb", () => {
  test('the settings of its sessions are as they were', async () => {
    await using place = await DATABASES.mariadb()
    await (await SqlStorage.open({ url: place.url })).shutdown()
    const { dataSource, storage } = await openOnUserDataSource(place.typeorm)
    const settings = () =>
      dataSource.query('SELECT @@innodb_lock_wait_timeout, @@idle_transaction_timeout, @@tx_isolation')
    const before: unknown = await settings()
    await storage.putContent(storage.info('c', 'r'), 'x')
    await errorOf(storage.putContent(storage.info('c', 'r'), 'x', { ifNoneMatch: '*' }))
    expect(await settings()).toEqual(before)
    await storage.shutdown()
    await dataSource.destroy()
  })
})

async function openOnUserDataSource(options: OpenPlace['place']['typeorm']) {
  const { DataSource } = await import('typeorm')
  const { larderEntities } = await import('@larder/storage-sql')
  const dataSource = await new DataSource({
    ...options,
    poolSize: 1,
    entities: larderEntities('mariadb'),
  } as typeof options).initialize()
  return { dataSource, storage: await SqlStorage.open({ dataSource }) }
}

/** Ends all sessions of the database but the one that does it. */
async function killSessions({ place }: OpenPlace): Promise<void> {
  await using raw = await rawDatabase(place)
  if (place.typeorm.type === 'postgres') {
    await raw.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
  } else {
    const rows = await raw.query(
      'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
    )
    // One of them may be gone by itself.
    for (const { id } of rows) await raw.query(`KILL ${Number(id)}`).catch(() => undefined)
  }
  await sleep(50)
}

describe.concurrent.each(DATABASE_NAMES)('a burst of calls on %s', (name) => {
  test('more calls than connections wait for their turn, however long one connection takes', async () => {
    await using opened = await openFresh(name, { poolSize: 2, connectTimeoutMs: 1_500 })
    const { storage } = opened
    const slow = { transaction: { beforeCommit: () => sleep(85) } }
    const writes = Array.from({ length: 40 }, (_, i) =>
      storage.putContent(storage.info('c', `${i}`), 'x', slow),
    )
    await Promise.all(writes)
    expect((await storage.ls('c')).size).toBe(40)
  })

  test('but not for ever', async () => {
    await using opened = await openFresh(name, { poolSize: 1, queueTimeoutMs: 500 })
    const { storage } = opened
    const entered = gate()
    const leave = gate()
    const first = storage.putContent(storage.info('c', 'r'), 'x', {
      transaction: {
        beforeCommit: async () => {
          entered.open()
          await leave.opened
        },
      },
    })
    await entered.opened
    expect((await errorOf(storage.putContent(storage.info('c', 'other'), 'x'))).code).toBe('E_TIMEOUT')
    leave.open()
    await first
    await storage.putContent(storage.info('c', 'other'), 'x')
  })
})
