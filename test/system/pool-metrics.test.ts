import { servers } from '@larder/dev-servers/vitest'
import { isStorageError } from '@larder/storage-core'
import { instrument } from '@larder/storage-memcache/opentelemetry'
import { larderEntities, type SqlOptions, SqlStorage } from '@larder/storage-sql'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { describe, expect, onTestFinished, test } from 'vitest'

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

interface Timed {
  readonly count: number
  readonly sum: number
}

/** The metrics of the pool that `name` ends. */
function measured(name: string) {
  const reader = new Reader()
  const meterProvider = new MeterProvider({ readers: [reader] })
  const instrumentation = instrument({ tracerProvider: false, meterProvider })
  onTestFinished(() => instrumentation.stop())
  return async () => {
    const { resourceMetrics } = await reader.collect()
    const found = new Map<string, unknown>()
    for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)) {
      for (const { attributes, value } of dataPoints) {
        const pool = attributes['db.client.connection.pool.name']
        if (typeof pool !== 'string' || !pool.endsWith(name)) continue
        const state = attributes['db.client.connection.state']
        found.set(
          [descriptor.name.replace('db.client.connection.', ''), state].filter(Boolean).join(' '),
          value,
        )
        found.set('pool', pool)
      }
    }
    return found
  }
}

async function database(family: 'postgres' | 'mariadb') {
  const created = await servers[family].createDatabase()
  onTestFinished(() => created.drop())
  return created
}

async function opened(url: string, options: SqlOptions): Promise<SqlStorage> {
  const storage = await SqlStorage.open({ url, ...options })
  onTestFinished(() => storage.shutdown())
  return storage
}

function gate() {
  let end = () => undefined as void
  const promise = new Promise<void>((resolve) => {
    end = resolve
  })
  return { promise, end: () => end() }
}

/** Writes that keep their connections until `end` is called. */
function heldWrites(storage: SqlStorage, count: number) {
  const { promise, end } = gate()
  let holding = 0
  const beforeCommit = async () => {
    holding++
    await promise
  }
  const writes = Array.from({ length: count }, (_, i) =>
    storage.putContent(storage.info('c', `${i}`), 'x', { transaction: { beforeCommit } }),
  )
  return { writes, end, holding: () => holding }
}

describe.each(['postgres', 'mariadb'] as const)('the pool of a storage on %s', (family) => {
  test('publishes used and idle connections, its limit, waiters and wait times as metrics', async () => {
    const { name, url } = await database(family)
    const storage = await opened(url, { poolSize: 2 })
    await storage.createContainer('c')
    const metrics = measured(`/${name}`)
    const { writes, end, holding } = heldWrites(storage, 5)
    await expect.poll(holding).toBe(2)
    const busy = await metrics()
    const { hostname, port } = new URL(url)
    expect(busy.get('pool')).toBe(`${hostname}:${port}/${name}`)
    expect([busy.get('count used'), busy.get('count idle'), busy.get('max')]).toEqual([2, 0, 2])
    expect(busy.get('pending_requests')).toBe(3)
    end()
    await Promise.all(writes)
    // The storage looks after old contents beside the writes.
    await expect.poll(async () => (await metrics()).get('count used')).toBe(0)
    const rested = await metrics()
    expect([rested.get('count idle'), rested.get('pending_requests')]).toEqual([2, 0])
    const waits = rested.get('wait_time') as Timed
    expect(waits.count).toBeGreaterThanOrEqual(5)
    expect(waits.sum).toBeGreaterThan(0)
    expect((rested.get('use_time') as Timed).count).toBe(waits.count)
  })

  test('counts callers that got no connection in time', async () => {
    const { name, url } = await database(family)
    const storage = await opened(url, { poolSize: 1, queueTimeoutMs: 50 })
    await storage.createContainer('c')
    const metrics = measured(`/${name}`)
    const { writes, end, holding } = heldWrites(storage, 1)
    await expect.poll(holding).toBe(1)
    await expect(storage.ls('c')).rejects.toSatisfy((error) => isStorageError(error, 'E_TIMEOUT'))
    end()
    await Promise.all(writes)
    expect((await metrics()).get('timeouts')).toBe(1)
  })

  test('is one pool where storages share a data source, and none once they are closed', async () => {
    const { name, url } = await database(family)
    await opened(url, {}).then((storage) => storage.shutdown())
    const type = family
    const dataSource = new DataSource({ type, url, entities: larderEntities(type), poolSize: 3 })
    await dataSource.initialize()
    onTestFinished(() => dataSource.destroy())
    const storages = [await SqlStorage.open({ dataSource }), await SqlStorage.open({ dataSource })]
    const metrics = measured(`/${name}`)
    const runner = dataSource.createQueryRunner()
    await runner.connect()
    const both = await metrics()
    expect(both.get('max')).toBe(3)
    // The program's own use of the pool counts as well.
    expect(both.get('count used')).toBe(1)
    await runner.release()
    for (const storage of storages) await storage.shutdown()
    const closed = await metrics()
    expect(['count used', 'count idle', 'max', 'pending_requests'].map((each) => closed.get(each))).toEqual([
      0, 0, 0, 0,
    ])
  })
})

test('two pools of the same database have different names', async () => {
  const { name, url } = await database('postgres')
  await opened(url, { poolSize: 1 })
  await opened(url, { poolSize: 2 })
  const first = await measured(`/${name}`)()
  const second = await measured(`/${name}#2`)()
  expect([first.get('max'), second.get('max')]).toEqual([1, 2])
})

test('writers of a SQLite file wait for one connection', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'larder-pool-')))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'pool.db')
  const storages = [await opened(`sqlite:${path}`, {}), await opened(`sqlite:${path}`, {})] as const
  await storages[0].createContainer('c')
  const metrics = measured(path)
  const { writes, end, holding } = heldWrites(storages[0], 2)
  const other = storages[1].putContent(storages[1].info('c', 'other'), 'x')
  await expect.poll(holding).toBe(1)
  const busy = await metrics()
  expect([busy.get('count used'), busy.get('count idle'), busy.get('max')]).toEqual([1, 0, 1])
  expect(busy.get('pending_requests')).toBe(2)
  end()
  await Promise.all([...writes, other])
  await expect.poll(async () => (await metrics()).get('count used')).toBe(0)
  const rested = await metrics()
  expect([rested.get('count used'), rested.get('pending_requests')]).toEqual([0, 0])
  expect((rested.get('wait_time') as Timed).count).toBeGreaterThanOrEqual(3)
})
