import 'reflect-metadata'
import { EmbeddedCache, MemcacheClient, RemoteCache } from '@larder/memcached'
import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { MemoryStorage } from '@larder/storage-core'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { KeyvMemcache } from '@larder/storage-memcache/keyv'
import {
  Cached,
  LarderHealthIndicator,
  LarderModule,
  type LarderModuleOptions,
} from '@larder/storage-memcache/nestjs'
import { installOutbox, SqlOutbox } from '@larder/storage-sql'
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager'
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Param,
  type INestApplication,
  type ModuleMetadata,
} from '@nestjs/common'
import { HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { Test } from '@nestjs/testing'
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm'
import type { Cache } from 'cache-manager'
import { Keyv } from 'keyv'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DataSource, EntitySchema, EntitySchemaOptions } from 'typeorm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

let server: MemcachedServer
beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server.stop())

const apps: INestApplication<Server>[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})

type Modules = NonNullable<ModuleMetadata['imports']>

async function start(imports: Modules, parts: Pick<ModuleMetadata, 'providers' | 'controllers'> = {}) {
  const built = await Test.createTestingModule({ imports, ...parts }).compile()
  const app = built.createNestApplication<INestApplication<Server>>()
  app.useLogger(false)
  await app.listen(0, '127.0.0.1')
  apps.push(app)
  const { port } = app.getHttpServer().address() as AddressInfo
  return { app, url: `http://127.0.0.1:${port}` }
}

class Clock {
  calls = 0

  @Cached({
    key: (zone: string) => `time:${zone}`,
    tags: (zone: string) => ['time', `zone-${zone}`],
    ttlMs: 60_000,
  })
  now(zone: string): Promise<{ zone: string; call: number }> {
    return Promise.resolve({ zone, call: ++this.calls })
  }

  @Cached()
  sum(a: number, b: number): Promise<number> {
    this.calls++
    return Promise.resolve(a + b)
  }
}
Injectable()(Clock)

@Controller()
class TimePage {
  calls = 0

  @Get('time/:zone')
  @Cached({ tags: ['page'] })
  time(@Param('zone') zone: string): Promise<{ zone: string; call: number }> {
    return Promise.resolve({ zone, call: ++this.calls })
  }
}

const CLOCK = { providers: [Clock], controllers: [TimePage] }

describe('the module', () => {
  test('provides client and query cache to all modules, and closes them with the application', async () => {
    const { app } = await start([
      LarderModule.forRoot({ servers: server.address, client: { keyPrefix: 'nest:' } }),
    ])
    const [client, queries] = [app.get(MemcacheClient), app.get(QueryCache)]
    await client.set('k', 'v')
    expect(await queries.cached('q', { ttlMs: 60_000 }, () => 1)).toBe(1)
    await using direct = new MemcacheClient({ servers: server.address })
    expect(await direct.get('nest:k')).toBe('v')
    await app.close()
    await expect(client.get('k')).rejects.toMatchObject({ code: 'E_CLOSED' })
    await expect(queries.invalidate('q')).rejects.toMatchObject({ code: 'E_CLOSED' })
  })

  test('leaves a cache of the program open', async () => {
    await using cache = new RemoteCache(server.address)
    const { app } = await start([LarderModule.forRoot({ cache })])
    await app.get(MemcacheClient).set('open', 1)
    await app.close()
    expect(await cache.get('open')).toBeDefined()
  })

  test('provides a storage where its options have one', async () => {
    await using durable = new MemoryStorage()
    const { app } = await start([
      LarderModule.forRoot({ servers: server.address, storage: { storage: durable } }),
    ])
    const storage = app.get(MemcacheStorage)
    const info = storage.info('notes', 'one')
    await storage.putContent(info, 'hello')
    expect((await durable.getContent(durable.info('notes', 'one'))).bytes.toString()).toBe('hello')
    await app.close()
    await expect(storage.getContent(info)).rejects.toMatchObject({ code: 'E_CLOSED' })
    const without = await start([LarderModule.forRoot({ servers: server.address })])
    expect(() => without.app.get(MemcacheStorage)).toThrow(/MemcacheStorage/)
  })

  test.each<[string, LarderModuleOptions, RegExp]>([
    ['no cache', {}, /needs `servers` or a `cache`/],
    ['two caches', { servers: 'a:1', cache: new EmbeddedCache() }, /not both/],
    ['an option that it does not know', { serverz: 'a:1' } as never, /no option serverz/],
    ['a wrong option of a part', { servers: 'a:1', queries: { ttlMs: -1 } }, /ttlMs/],
  ])('refuses %s when the application starts', async (_, options, message) => {
    await expect(start([LarderModule.forRoot(options)])).rejects.toThrow(message)
  })

  test('refuses `withStorage` without a storage', async () => {
    const module = LarderModule.forRootAsync({ withStorage: true, useFactory: () => ({ servers: 'a:1' }) })
    await expect(start([module])).rejects.toThrow(/withStorage/)
  })
})

describe('a cached method', () => {
  test('runs once for each key until a tag of it is invalidated', async () => {
    const { app } = await start([LarderModule.forRoot({ cache: new EmbeddedCache() })], CLOCK)
    const [clock, queries] = [app.get(Clock), app.get(QueryCache)]
    expect([await clock.now('utc'), await clock.now('utc'), await clock.now('cet')]).toEqual([
      { zone: 'utc', call: 1 },
      { zone: 'utc', call: 1 },
      { zone: 'cet', call: 2 },
    ])
    await queries.invalidate({ tag: 'zone-utc' })
    expect([await clock.now('utc'), await clock.now('cet')]).toMatchObject([{ call: 3 }, { call: 2 }])
  })

  test('has a key of its class, its name and its arguments', async () => {
    const { app } = await start([LarderModule.forRoot({ cache: new EmbeddedCache() })], CLOCK)
    const clock = app.get(Clock)
    expect([await clock.sum(1, 2), await clock.sum(1, 2), await clock.sum(2, 2)]).toEqual([3, 3, 4])
    expect(clock.calls).toBe(2)
    await app.get(QueryCache).invalidate('Clock.sum:[1,2]')
    await clock.sum(1, 2)
    expect(clock.calls).toBe(3)
  })

  test('may be a route', async () => {
    const { app, url } = await start([LarderModule.forRoot({ cache: new EmbeddedCache() })], CLOCK)
    const read = async () => (await fetch(`${url}/time/utc`)).json()
    expect([await read(), await read()]).toEqual([
      { zone: 'utc', call: 1 },
      { zone: 'utc', call: 1 },
    ])
    await app.get(QueryCache).invalidate({ tag: 'page' })
    expect(await read()).toEqual({ zone: 'utc', call: 2 })
  })
})

test('the health check of terminus names the server that does not answer', async () => {
  await using own = await startMemcached()
  @Controller()
  class HealthPage {
    constructor(
      @Inject(HealthCheckService) private readonly health: HealthCheckService,
      @Inject(LarderHealthIndicator) private readonly larder: LarderHealthIndicator,
    ) {}

    @Get('health')
    check() {
      return this.health.check([() => this.larder.check()])
    }
  }
  const servers = [server.address, own.address]
  const { url } = await start(
    [LarderModule.forRoot({ servers }), TerminusModule.forRoot({ logger: false })],
    {
      controllers: [HealthPage],
    },
  )
  const up = await fetch(`${url}/health`)
  expect([up.status, await up.json()]).toMatchObject([200, { details: { memcached: { status: 'up' } } }])
  await own.kill()
  const down = await fetch(`${url}/health`)
  expect([down.status, await down.json()]).toMatchObject([
    503,
    { details: { memcached: { status: 'down', servers: { [own.address]: expect.any(String) as unknown } } } },
  ])
})

interface Product {
  id: number
  name: string
}
const ProductEntity = new EntitySchema<Product>(
  Object.assign(new EntitySchemaOptions<Product>(), {
    name: 'Product',
    columns: { id: { type: Number, primary: true, generated: true }, name: { type: String } },
  }),
)

test('with @nestjs/typeorm, a transaction invalidates if and only if it commits', async () => {
  const { app } = await start([
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: ':memory:',
      synchronize: true,
      entities: [ProductEntity],
    }),
    LarderModule.forRootAsync({
      inject: [getDataSourceToken() as typeof DataSource],
      useFactory: async (source: DataSource) => {
        await installOutbox(source)
        return { servers: server.address, queries: { outbox: await SqlOutbox.open({ dataSource: source }) } }
      },
    }),
  ])
  const [source, queries] = [app.get(DataSource), app.get(QueryCache)]
  const count = () =>
    queries.cached('product-count', { tags: ['product'] }, () => source.getRepository(ProductEntity).count())
  expect(await count()).toBe(0)
  const add = (isKept: boolean) =>
    source.transaction(async (manager) => {
      await manager.getRepository(ProductEntity).insert({ name: 'lamp' })
      await queries.invalidateWith(manager, { tag: 'product' })
      if (!isKept) throw new Error('rolled back')
    })
  await add(true)
  expect(await count()).toBe(1)
  await expect(add(false)).rejects.toThrow('rolled back')
  expect(await count()).toBe(1)
})

test('@nestjs/cache-manager keeps its values with the Keyv store', async () => {
  const store = new KeyvMemcache({ servers: server.address })
  const { app } = await start([
    CacheModule.register({ stores: [new Keyv({ store, namespace: 'nest' })], isGlobal: true }),
  ])
  const cache = app.get<Cache>(CACHE_MANAGER)
  await cache.set('k', { a: 1 }, 60_000)
  expect(await cache.get('k')).toEqual({ a: 1 })
  await cache.del('k')
  expect(await cache.get('k')).toBeUndefined()
  await store.disconnect()
})
