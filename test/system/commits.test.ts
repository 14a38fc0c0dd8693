import { startMariadb, startMiddleman, startPgpool, startPostgres, startProxy } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { OutcomeUnknownError, type Storage } from '@larder/storage-core'
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { larderEntities, SqlStorage } from '@larder/storage-sql'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { DATABASES } from './databases.js'

const OLD_FILM = 'academy dinosaur'
const NEW_FILM = 'ace goldfinger'
/** So long that a relay runs only where the test wants one. */
const NEVER_MS = 1_000_000_000

interface Urls {
  /** Of everybody else. */
  readonly direct: string
  /** Of the writer whose commit meets the fault. */
  readonly writer: string
  /** Of a statement of that writer. */
  readonly timeoutMs: number
}

/** A process that reads, one that writes, and a film that is stored and cached as 'old'. */
async function setUp({ direct, writer: writerUrl, timeoutMs }: Urls) {
  const ours = { servers: servers.memcached.servers, keyPrefix: `commits-${randomUUID()}:` }
  const waiting = { ...ours, relayIntervalMs: NEVER_MS }
  const durable = await SqlStorage.open({ url: direct })
  const reader = new MemcacheStorage({ ...waiting, storage: durable })
  await reader.putContent(reader.info('films', OLD_FILM), 'old')
  await reader.getContent(reader.info('films', OLD_FILM))
  await reader.ls('films')
  const away = await SqlStorage.open({ url: writerUrl, statementTimeoutMs: timeoutMs })
  const writer = new MemcacheStorage({ ...waiting, storage: away })
  const cache = new RemoteCache(servers.memcached.servers)
  const sql = await sqlOn(direct)
  const closing = [reader, writer, durable, away]
  return {
    reader,
    sql,
    /** A writer whose data source belongs to the program. */
    program: () => programOn(writerUrl, waiting),
    names: async () => [...(await reader.ls('films')).keys()].sort(),
    read: async (film = OLD_FILM) => (await reader.getContent(reader.info('films', film))).bytes.toString(),
    /** Writes 'new' in a transaction that meets the fault before its commit. */
    write: async (film: string, fault: () => Promise<unknown> | void) => {
      const transaction = { beforeCommit: async () => void (await fault()) }
      const write = writer.putContent(writer.info('films', film), 'new', { transaction })
      return write.then(
        () => expect.unreachable('the write was acknowledged'),
        (error: unknown) => error,
      )
    },
    /** What everybody finds in the cache: a mark is empty. */
    cached: async (film = OLD_FILM) =>
      (await cache.get(`${reader.info('films', film).key}:c`))?.value.toString() ?? '',
    /** Until the relay of another process has set everything right. */
    relay: async () => {
      const relaying = new MemcacheStorage({
        ...ours,
        storage: durable,
        relayIntervalMs: 20,
        relayAfterMs: 0,
      })
      closing.unshift(relaying)
      await relaying.ls('other')
      while ((await sql.query<unknown[]>('SELECT id FROM larder_journal')).length > 0) await sleep(20)
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of closing) await each.shutdown()
      await sql.destroy()
      await cache.close()
    },
  }
}

/** What all storages of a test have in common. */
interface Ours {
  readonly servers: string
  readonly keyPrefix: string
  readonly relayIntervalMs: number
}

async function programOn(url: string, options: Ours) {
  const type = url.startsWith('postgres') ? 'postgres' : 'mariadb'
  const dataSource = await new DataSource({
    type,
    url,
    entities: larderEntities(type),
  }).initialize()
  const durable = await SqlStorage.open({ dataSource })
  const writer = new MemcacheStorage({ ...options, storage: durable })
  return {
    writer,
    dataSource,
    [Symbol.asyncDispose]: async () => {
      await writer.shutdown()
      await durable.shutdown()
      await dataSource.destroy()
    },
  }
}

function sqlOn(url: string): Promise<DataSource> {
  const options = { type: url.startsWith('postgres') ? 'postgres' : 'mariadb', url }
  return new DataSource(options as DataSourceOptions).initialize()
}

/** The database of that name, with a proxy on the writer's way to it. */
async function setUpProxied(name: string) {
  const place = await DATABASES[name]?.()
  expect.assert(place)
  const url = new URL(place.url)
  const network = await startProxy({ host: url.hostname, port: Number(url.port) })
  url.host = network.address
  const world = await setUp({ direct: place.url, writer: url.href, timeoutMs: 2_000 })
  return {
    ...world,
    network,
    [Symbol.asyncDispose]: async () => {
      await network.pass()
      await world[Symbol.asyncDispose]()
      await network.stop()
      await place.drop()
    },
  }
}

/** The same with a middleman on that way, who knows the protocol. */
async function setUpBehindMiddleman(name: string) {
  const place = await DATABASES[name]?.()
  expect.assert(place)
  const middleman = await startMiddleman(place.url)
  const urls = { direct: place.url, writer: middleman.urlFor(place.url), timeoutMs: 2_000 }
  const world = await setUp(urls)
  return {
    ...world,
    middleman,
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]()
      await middleman.stop()
      await place.drop()
    },
  }
}

function assertUnknown(error: unknown): void {
  expect.assert(error instanceof OutcomeUnknownError, String(error))
  expect(error.code).toBe('E_OUTCOME_UNKNOWN')
  expect(error.message).toMatch(/unknown/)
}

describe.each(['PostgreSQL', 'MariaDB'])('a commit to %s of which nobody knows', (name) => {
  test('happened, and its answer never came: it is read past the cache, and then out of it', async () => {
    await using world = await setUpProxied(name)
    const { reader, network } = world
    assertUnknown(await world.write(OLD_FILM, () => network.truncate(0)))
    expect(await world.cached()).toBe('')
    expect(await world.read()).toBe('new')
    await world.relay()
    // The relay has left its mark, or nothing.
    expect(await world.read()).toBe('new')
    expect(await world.cached()).not.toMatch(/old$/)
    await reader.putContent(reader.info('films', OLD_FILM), 'newer')
    expect(await world.cached()).toMatch(/newer$/)
  })

  test('happened, and made something: it can be read, and is listed once the relay has run', async () => {
    await using world = await setUpProxied(name)
    const { network } = world
    assertUnknown(await world.write(NEW_FILM, () => network.truncate(0)))
    expect(await world.read(NEW_FILM)).toBe('new')
    await world.relay()
    expect(await world.names()).toEqual([OLD_FILM, NEW_FILM])
  })

  test('that was lost under way leaves the old value readable, and the next write succeeds', async () => {
    await using world = await setUpProxied(name)
    const { reader, network } = world
    assertUnknown(await world.write(OLD_FILM, () => network.blackhole()))
    expect(await world.cached()).toBe('')
    expect(await world.read()).toBe('old')
    await network.pass()
    network.cut()
    await reader.putContent(reader.info('films', OLD_FILM), 'newer')
    expect(await world.cached()).toMatch(/newer$/)
    expect(await world.read()).toBe('newer')
  })

  test('that arrives after its writer gave up leaves no old value in the cache', async () => {
    await using world = await setUpProxied(name)
    const { network } = world
    let attempts = 0
    do {
      expect(++attempts, 'no commit arrived').toBeLessThanOrEqual(5)
      assertUnknown(await world.write(OLD_FILM, () => network.hold()))
      expect(await world.read()).toBe('old')
      expect(await world.cached()).toBe('')
      await network.pass()
      // The writer has asked the server to cancel, which may come first: then nothing arrives, and it is tried again.
      const giveUpAt = performance.now() + 5_000
      while ((await world.read()) === 'old' && performance.now() < giveUpAt) await sleep(20)
    } while ((await world.read()) === 'old')
    expect(await world.read()).toBe('new')
    await world.relay()
    expect(await world.read()).toBe('new')
  })
})

/** The commit of a write: those of the relay, which claims rows beside it, pass. */
const WRITE_COMMIT = { on: /^COMMIT$/, after: /larder_resource/ }

// What pgpool-II, ProxySQL and MySQL Router answer where they lose the server after it has committed.
const OWN_ERRORS = [
  { name: 'PostgreSQL', code: 'XX000', message: 'unable to read data from DB node 0' },
  { name: 'MariaDB', code: 2013, message: 'Lost connection to server during query' },
  { name: 'MariaDB', code: 1105, message: 'Unknown error' },
]

describe.each(OWN_ERRORS)(
  'a commit that a middleman answers with $code of its own',
  ({ name, ...answer }) => {
    test('is an unknown outcome, and the marks of its writer stay in the cache', async () => {
      await using world = await setUpBehindMiddleman(name)
      const { middleman } = world
      for (const film of [OLD_FILM, NEW_FILM]) {
        const meddling = { ...WRITE_COMMIT, answer }
        assertUnknown(await world.write(film, () => void middleman.meddle(meddling)))
        expect(await world.cached(film)).toBe('')
        expect(await world.read(film)).toBe('new')
        expect(await world.cached(film)).toBe('')
      }
      await world.relay()
      expect(await world.names()).toEqual([OLD_FILM, NEW_FILM])
      expect(await world.read()).toBe('new')
    })
  },
)

describe.each(OWN_ERRORS.slice(0, 2))(
  'a transaction of several calls on $name, whose commit a middleman answers',
  ({ name, ...answer }) => {
    test.each(['transaction', 'within'] as const)(
      'by %s: its marks stay, as its outcome is unknown',
      async (form) => {
        await using world = await setUpBehindMiddleman(name)
        const { middleman } = world
        await using program = await world.program()
        const { writer, dataSource } = program
        const infos = [OLD_FILM, NEW_FILM].map((film) => writer.info('films', film))
        void middleman.meddle({ ...WRITE_COMMIT, answer })
        const write = async (tx: Pick<Storage, 'putContent'>) => {
          for (const info of infos) await tx.putContent(info, 'new')
        }
        const call =
          form === 'transaction'
            ? writer.transaction(write)
            : dataSource.transaction((manager) => write(writer.within(manager)))
        const error: unknown = await call.then(
          () => expect.unreachable('the write was acknowledged'),
          (cause: unknown) => cause,
        )
        if (form === 'transaction') assertUnknown(error)
        for (const film of [OLD_FILM, NEW_FILM]) {
          expect(await world.cached(film)).toBe('')
          expect(await world.read(film)).toBe('new')
        }
      },
    )
  },
)

describe('pgpool-II, which loses the server', () => {
  test('after it has committed: the outcome is unknown, and the marks of the writer stay', async () => {
    await using server = await startPostgres()
    await using network = await startProxy({ port: server.port })
    await using pooler = await startPgpool(network)
    const urls = { direct: server.url, writer: pooler.urlFor(server.url), timeoutMs: 2_000 }
    await using world = await setUp(urls)
    const error = await world.write(OLD_FILM, () => network.truncate(0))
    assertUnknown(error)
    expect(String(error)).toMatch(/unable to read data from DB node 0/)
    expect(await world.cached()).toBe('')
    expect(await world.read()).toBe('new')
  })
})

describe('a database that fails over in the middle of a commit', () => {
  test('PostgreSQL, whose successor has the commit', async () => {
    const waitsForStandby = {
      wal_level: 'replica',
      max_wal_senders: '2',
      synchronous_standby_names: 'nobody',
    }
    await using server = await startPostgres({ settings: waitsForStandby })
    const writer = new URL(server.url)
    writer.searchParams.set('options', '-csynchronous_commit=on')
    await using world = await setUp({ direct: server.url, writer: writer.href, timeoutMs: 60_000 })
    const writing = world.write(OLD_FILM, () => undefined)
    const look = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    while ((await world.sql.query<unknown[]>(look)).length === 0) await sleep(20)
    await server.kill()
    assertUnknown(await writing)
    expect(await world.cached()).toBe('')
    await server.restart()
    expect(await world.read()).toBe('new')
    await world.relay()
    expect(await world.read()).toBe('new')
  })

  test('MariaDB, whose successor does not have it', async () => {
    // What is acknowledged outlives the server, as it does by default.
    const durable = { 'innodb-flush-log-at-trx-commit': '1' }
    await using server = await startMariadb({ settings: durable })
    await using world = await setUp({ direct: server.url, writer: server.url, timeoutMs: 60_000 })
    const admin = world.sql.createQueryRunner()
    const writing = world.write(OLD_FILM, () => admin.query('FLUSH TABLES WITH READ LOCK'))
    const look =
      "SELECT id FROM information_schema.processlist WHERE info = 'COMMIT' AND state LIKE 'Waiting%'"
    while ((await world.sql.query<unknown[]>(look)).length === 0) await sleep(20)
    await server.kill()
    assertUnknown(await writing)
    expect(await world.cached()).toBe('')
    await server.restart()
    expect(await world.read()).toBe('old')
    const { reader } = world
    await reader.putContent(reader.info('films', OLD_FILM), 'newer')
    expect(await world.cached()).toMatch(/newer$/)
  })
})
