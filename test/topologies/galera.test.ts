import {
  createMysqlDatabase,
  type GaleraCluster,
  startGalera,
  startProxy,
  type TestDatabase,
} from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { isStorageError } from '@larder/storage-core'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlLock, type SqlOptions, SqlStorage } from '@larder/storage-sql'
import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** Where mysql2 publishes what it sends. */
const SENT = 'tracing:mysql2:query:start'

let cluster: GaleraCluster
beforeAll(async () => {
  cluster = await startGalera()
})
afterAll(() => cluster.stop())

function node(index: number) {
  const found = cluster.nodes[index]
  expect.assert(found)
  return found
}

async function on(index: number, sql: string): Promise<unknown[]> {
  const admin = await new DataSource({ type: 'mariadb', url: node(index).url }).initialize()
  try {
    return await admin.query<unknown[]>(sql)
  } finally {
    await admin.destroy()
  }
}

/** A database, opened on several nodes. */
class World implements AsyncDisposable {
  readonly #closing: { [Symbol.asyncDispose](): PromiseLike<void> }[] = []
  readonly #ours = { servers: servers.memcached.servers, keyPrefix: `galera-${randomUUID()}:` }

  constructor(readonly database: TestDatabase) {}

  static async make(index = 0): Promise<World> {
    const database = await createMysqlDatabase(node(index).url)
    // A node has it once it has applied what the others have committed.
    const look = `SELECT 1 FROM information_schema.schemata WHERE schema_name = '${database.name}'`
    for (const each of cluster.nodes.keys()) while ((await on(each, look)).length === 0) await sleep(10)
    return new World(database)
  }

  urlOn(index: number): string {
    const url = new URL(this.database.url)
    url.port = String(node(index).port)
    return url.href
  }

  async open(index: number, options: SqlOptions = {}): Promise<SqlStorage> {
    const storage = await SqlStorage.open({ url: this.urlOn(index), ...options })
    this.#closing.unshift(storage)
    return storage
  }

  async cached(index: number, options: SqlOptions = {}): Promise<MemcacheStorage> {
    const storage = new MemcacheStorage({ ...this.#ours, storage: await this.open(index, options) })
    this.#closing.unshift(storage)
    return storage
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#closing) await each[Symbol.asyncDispose]()
    await this.database.drop()
  }
}

describe('a Galera cluster of three nodes', () => {
  test('an empty database is opened on all nodes at once, several times on each', async () => {
    await using world = await World.make()
    const storages = await Promise.all([0, 1, 2, 0, 1, 2].map((index) => world.open(index, { poolSize: 2 })))
    for (const storage of storages) await storage.putContent(storage.info('c', randomUUID()), 'x')
    const names = await Promise.all(storages.map((storage) => storage.ls('c')))
    expect(names.map(({ size }) => size)).toEqual(storages.map(() => storages.length))
  })

  test('a read on another node sees every acknowledged write', async () => {
    await using world = await World.make()
    const writer = await world.open(0)
    const reader = await world.open(1)
    const info = writer.info('c', 'r')
    for (let round = 1; round <= 200; round++) {
      const { version } = await writer.putContent(info, `${round}`)
      expect((await reader.getContent(info)).version).toBe(version)
    }
  })

  test('shows an acknowledged write in a read through the cache that fills from another node', async () => {
    await using world = await World.make()
    const writer = await world.cached(0)
    const reader = await world.cached(1)
    const filler = await world.cached(2)
    const info = writer.info('c', 'r')
    for (let round = 1; round <= 100; round++) {
      const { version } = await writer.putContent(info, `${round}`)
      const [one, two] = await Promise.all([reader.getContent(info), filler.getContent(info)])
      expect([one.version, two.version]).toEqual([version, version])
      await writer.remove(writer.info('c', 'other'))
    }
  })

  test('collisions between nodes lose no write, and are E_CONFLICT at most', async () => {
    await using world = await World.make()
    const writers = await Promise.all([0, 1, 2].map((index) => world.cached(index, { attempts: 2 })))
    const [first] = writers
    expect.assert(first)
    const info = first.info('c', 'hot')
    let acknowledged = 0
    const codes = new Set<string>()
    await Promise.all(
      writers.map(async (writer) => {
        for (let i = 0; i < 40; i++) {
          try {
            await writer.putContent(info, `${i}`)
            acknowledged++
          } catch (error) {
            expect.assert(isStorageError(error), String(error))
            codes.add(error.code)
          }
        }
      }),
    )
    expect([...codes].filter((code) => code !== 'E_CONFLICT')).toEqual([])
    const { version } = await first.getContent(info)
    expect(version).toBe(acknowledged)
  })

  test('a commit that collides with another node is a certain failure, and its mark is released', async () => {
    await using world = await World.make()
    const writer = await world.cached(0, { attempts: 1 })
    const other = await world.open(1)
    const info = writer.info('c', 'r')
    await writer.putContent(info, 'first')
    // The other node's transaction comes first, though this one has the row locked on its own node.
    const beforeCommit = async () => void (await other.putContent(info, 'second'))
    const write = writer.putContent(info, 'third', { transaction: { beforeCommit } })
    await expect(write).rejects.toMatchObject({ code: 'E_CONFLICT' })
    expect((await writer.getContent(info)).bytes.toString()).toBe('second')
    const { hits } = writer.counters()
    expect((await writer.getContent(info)).bytes.toString()).toBe('second')
    expect(writer.counters().hits).toBe(hits + 1)
  })

  // Of a packet with several statements a node runs the rest, without a transaction, after it has aborted one of them.
  test('receives each statement in a separate packet', async () => {
    await using world = await World.make()
    const writer = await world.cached(0)
    const writes = ['a', 'b'].map((name) => ({ info: writer.info('c', name), content: 'x' }))
    await writer.writeMany(writes)
    const texts: string[] = []
    const hear = (message: unknown) => void texts.push((message as { readonly query: string }).query)
    subscribe(SENT, hear)
    try {
      await writer.writeMany(writes)
    } finally {
      unsubscribe(SENT, hear)
    }
    expect(texts.some((text) => text.startsWith('UPDATE'))).toBeTruthy()
    expect(texts.filter((text) => text.includes(';'))).toEqual([])
  })

  test('a lock is refused, since each node has its own', async () => {
    await using world = await World.make()
    await using lock = new SqlLock({ storage: await world.open(0) })
    await expect(lock.acquire('job')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  test('loses no write when a node stops accepting queries', async () => {
    await using world = await World.make()
    await using proxy = await startProxy({ port: node(0).port })
    await (await world.open(0)).createContainer('c')
    const url = new URL(world.urlOn(0))
    url.host = proxy.address
    await using storage = await SqlStorage.open({ url: url.href, poolSize: 3 })
    const write = (i: number) => storage.putContent(storage.info('c', `${i}`), 'x')
    await Promise.all(Array.from({ length: 9 }, (_, i) => write(i)))
    await on(0, 'SET GLOBAL wsrep_reject_queries = ALL')
    try {
      await expect(write(0)).rejects.toMatchObject({ code: 'E_STORAGE_UNAVAILABLE' })
      proxy.redirect({ port: node(1).port })
      await Promise.all(Array.from({ length: 30 }, (_, i) => write(i)))
      expect((await storage.ls('c')).size).toBe(30)
    } finally {
      await on(0, 'SET GLOBAL wsrep_reject_queries = NONE')
    }
  })

  // Last: two of the three nodes are gone afterwards.
  test('a node without quorum is E_STORAGE_UNAVAILABLE', async () => {
    await using world = await World.make(2)
    const storage = await world.open(2)
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    await Promise.all([node(0).kill(), node(1).kill()])
    for (;;) {
      const code = await storage.putContent(info, 'y').then(
        () => undefined,
        (error: unknown) => (isStorageError(error) ? error.code : String(error)),
      )
      if (code === 'E_STORAGE_UNAVAILABLE') break
      // While the cluster finds out, a commit may stay without an answer.
      expect(
        code === undefined ||
          ['E_OUTCOME_UNKNOWN', 'E_TIMEOUT', 'E_LOCK_TIMEOUT', 'E_CONFLICT'].includes(code),
        code,
      ).toBeTruthy()
    }
    await on(2, "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")
    await storage.putContent(info, 'z')
  })
})
