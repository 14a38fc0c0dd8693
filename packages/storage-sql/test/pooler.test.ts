import { startPgbouncer, type FrontServer, type PoolMode } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { SqlLock, SqlStorage, watchTables, onTableChanges } from '@larder/storage-sql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf, gate, openFresh, type OpenPlace, rawDatabase } from './databases.js'

const poolers = new Map<PoolMode, FrontServer>()

beforeAll(async () => {
  const { hostname: host, port } = new URL(servers.postgres.url)
  for (const mode of ['session', 'transaction', 'statement'] as const) {
    poolers.set(mode, await startPgbouncer({ host, port: Number(port) }, mode))
  }
})
afterAll(async () => {
  for (const pooler of poolers.values()) await pooler.stop()
})

function through(mode: PoolMode, url: string): string {
  const pooler = poolers.get(mode)
  expect.assert(pooler)
  return pooler.urlFor(url)
}

/** A storage by way of PgBouncer, beside one that has its own way. */
async function openThrough(mode: PoolMode) {
  const direct = await openFresh('postgres')
  const storage = await SqlStorage.open({ url: through(mode, direct.place.url) })
  return {
    direct,
    storage,
    [Symbol.asyncDispose]: async () => {
      await storage.shutdown()
      await direct[Symbol.asyncDispose]()
    },
  }
}

async function advisoryLocks(direct: Pick<OpenPlace, 'query'>): Promise<number> {
  const [row] = await direct.query(
    `SELECT COUNT(*) AS n FROM pg_locks WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  return Number(row?.['n'])
}

describe.each(['directly', 'session', 'transaction'] as const)('an empty database, opened %s', (mode) => {
  test('by ten at once: all succeed, and no lock is left behind', async () => {
    await using database = await servers.postgres.createDatabase()
    const url = mode === 'directly' ? database.url : through(mode, database.url)
    const opening = Array.from({ length: 10 }, () => SqlStorage.open({ url, poolSize: 2 }))
    const storages = await Promise.all(opening)
    for (const [i, storage] of storages.entries()) {
      expect((await storage.putContent(storage.info('c', 'r'), 'x')).version).toBe(i + 1)
    }
    await using raw = await rawDatabase({
      url: database.url,
      typeorm: { type: 'postgres', url: database.url },
      [Symbol.asyncDispose]: async () => undefined,
    })
    expect(await advisoryLocks(raw)).toBe(0)
    for (const storage of storages) await storage.shutdown()
  })
})

describe('PgBouncer in transaction mode', () => {
  test('reads, writes, lists and stores large contents', async () => {
    await using opened = await openThrough('transaction')
    const { storage, direct } = opened
    const large = Buffer.alloc(1_200_000, 'a')
    const writes = Array.from({ length: 30 }, async (_, i) => {
      const info = storage.info('c', `${i % 10}`)
      await storage.put(info, { content: i < 10 ? large : 'small', metadata: '{}' })
      await storage.getContent(info)
    })
    await Promise.all(writes)
    expect((await storage.ls('c')).size).toBe(10)
    expect((await direct.storage.getMetaData(storage.info('c', '1'))).version).toBe(3)
  })

  test('a lock is refused, and leaves nothing on the server', async () => {
    await using opened = await openThrough('transaction')
    await using lock = new SqlLock({ storage: opened.storage })
    const error = await errorOf(lock.acquire('job'))
    expect(error.code).toBe('E_UNSUPPORTED')
    expect(error.message).toMatch(/past the pooler/)
    expect(await advisoryLocks(opened.direct)).toBe(0)
  })

  test('external changes are found without LISTEN, with one warning', async () => {
    await using opened = await openThrough('transaction')
    const { storage, direct } = opened
    await direct.query('CREATE TABLE film (id int PRIMARY KEY)')
    await watchTables(direct.storage, ['film'])
    const warnings: Error[] = []
    const warned = gate()
    process.on('warning', (warning: Error & { readonly code?: string }) => {
      if (warning.code !== 'LARDER_NO_LISTEN') return
      warnings.push(warning)
      warned.open()
    })
    const told: string[] = []
    const found = gate()
    const handler = async (tables: readonly string[]) => {
      told.push(...tables)
      found.open()
    }
    await using subscription = await onTableChanges(storage, handler, { tables: ['film'], intervalMs: 20 })
    expect.assert(subscription)
    await warned.opened
    await direct.query('INSERT INTO film VALUES (1)')
    await found.opened
    expect(told).toEqual(['film'])
    expect(warnings.length).toBe(1)
  })
})

describe('PgBouncer in session mode', () => {
  test('locks are held as without it', async () => {
    await using opened = await openThrough('session')
    await using lock = new SqlLock({ storage: opened.storage })
    await using other = new SqlLock({ storage: opened.direct.storage })
    await using held = await lock.acquire('job')
    expect((await errorOf(other.acquire('job', { waitMs: 0 }))).code).toBe('E_LOCK_TIMEOUT')
    await held.release()
    await (await other.acquire('job')).release()
  })
})

test('a lock is refused while the mode of its pooler cannot be found out, and is granted afterwards', async () => {
  await using direct = await openFresh('postgres')
  await using storage = await SqlStorage.open({ url: through('session', direct.place.url), poolSize: 1 })
  await using lock = new SqlLock({ storage })
  // It takes the only connection of the pool.
  await storage.transaction(async () => {
    const error = await errorOf(lock.acquire('job', { waitMs: 0 }))
    expect(error.code).toBe('E_STORAGE_UNAVAILABLE')
    expect(error.message).toMatch(/its mode could not be found out/)
  })
  await (await lock.acquire('job')).release()
})

describe('PgBouncer in statement mode', () => {
  test('is refused when a storage is opened, with the setting to change', async () => {
    await using direct = await openFresh('postgres')
    const error = await errorOf(SqlStorage.open({ url: through('statement', direct.place.url) }))
    expect(error.code).toBe('E_UNSUPPORTED')
    expect(error.message).toMatch(/pool_mode/)
  })
})
