import { MemoryStorage, type Storage, StorageError } from '@larder/storage-core'
import { type PendingWrite, type PutArguments } from '@larder/storage-core/driver'
import { FaultyStorage, ForwardingStorage } from '@larder/storage-core/testing'
import { servers } from '@larder/dev-servers/vitest'
import { type Cache, EmbeddedCache, RemoteCache, systemEnvironment } from '@larder/memcached'
import {
  audit,
  type AuditOptions,
  type AuditProgress,
  type AuditReport,
  MemcacheStorage,
  type MemcacheStorageSettings,
} from '@larder/storage-memcache'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CacheServer } from './support/faulty-cache.js'
import { PATIENT } from '@larder/dev-servers/vitest'
import { FILM, textOf } from './support/races.js'

/** No relay runs, and no wait takes its time. */
const QUICK = {
  relayIntervalMs: 1_000_000_000,
  environment: { ...systemEnvironment, sleep: () => Promise.resolve() },
}
/** Its first version of anything is 1,000. */
const database = () => new MemoryStorage({ now: () => 1 })
const ALL: AuditOptions = { collections: ['films'], recheckAfterMs: 0 }

function setUp(options: Partial<MemcacheStorageSettings> = {}) {
  const server = new CacheServer()
  const durable = new FaultyStorage(database())
  const process = () => {
    const cache = server.client()
    return { cache, storage: new MemcacheStorage({ storage: durable, cache, ...QUICK, ...options }) }
  }
  const [first, second] = [process(), process()]
  return { server, durable, first, second, info: first.storage.info(...FILM) }
}

/** A database that takes its time at every step. */
class SlowStorage extends ForwardingStorage {
  override async getMany(...args: Parameters<Storage['getMany']>): ReturnType<Storage['getMany']> {
    await turn()
    const found = await super.getMany(...args)
    await turn()
    return found
  }

  override async put(...[info, parts, options]: Parameters<Storage['put']>): ReturnType<Storage['put']> {
    const hook = options?.transaction
    const transaction = hook && {
      ...hook,
      beforeCommit: async (pending: PendingWrite) => {
        const terms = await hook.beforeCommit(pending)
        await turn()
        return terms
      },
    }
    const written = await super.put(info, ...([parts, { ...options, transaction }] as PutArguments))
    await turn()
    return written
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

async function fill(storage: Storage, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const info = storage.info('films', `film ${String(i).padStart(5, '0')}`)
    await storage.put(info, { content: `text ${i}`, metadata: `about ${i}` })
  }
}

const AGREEING = { disagreeing: [], missing: 0, inFlight: 0, unreachable: 0, rate: 0 }

/** Puts back what stood in the cache before `change`. */
async function withOldItem(cache: Cache, key: string, change: () => Promise<unknown>): Promise<void> {
  const old = await cache.get(key)
  await change()
  if (old === undefined) throw new Error('Nothing was cached')
  await cache.set(key, old.value, { flags: old.flags })
}

describe('an audit of what is right', () => {
  test('agrees with every cached part and counts the others', async () => {
    const { server, first, second, info } = setUp()
    await fill(first.storage, 100)
    await first.storage.putContent(info, 'without metadata')
    await server.evict(`${info.key}:c`)
    await expect(second.storage.getMetaData(info)).rejects.toThrow(/no metadata/)
    const report = await audit(first.storage, ALL)
    expect(report).toMatchObject({ ...AGREEING, checked: 202, cached: 201, agreeing: 201, missing: 1 })
    expect(report.seconds).toBeGreaterThan(0)
  })

  test('leaves no trace', async () => {
    const cache = new EmbeddedCache()
    const durable = database()
    const storage = new MemcacheStorage({ storage: durable, cache, ...QUICK })
    await fill(storage, 3)
    await durable.putContent(durable.info(...FILM), 'not cached')
    const before = storage.counters()
    expect(await audit(storage, ALL)).toMatchObject({ agreeing: 6, missing: 2 })
    expect(storage.counters()).toEqual(before)
    expect(await cache.peek(`${storage.info('films', 'film 00001').key}:c`)).toMatchObject({ wasRead: false })
    expect(await cache.get(`${storage.info(...FILM).key}:c`)).toBeUndefined()
  })

  test.each(['meta', 'binary'] as const)(
    'works over the %s protocol, values in pieces included',
    async (transport) => {
      const cache = new RemoteCache(servers.memcached.servers, { ...PATIENT, transport })
      onTestFinished(() => cache.close())
      const keyPrefix = `audit-${transport}-${process.pid}:`
      const storage = new MemcacheStorage({ storage: database(), cache, keyPrefix, ...QUICK })
      await fill(storage, 30)
      const info = storage.info(...FILM)
      await storage.putContent(info, 'piece'.repeat(500_000))
      expect(await audit(storage, ALL)).toMatchObject({ ...AGREEING, cached: 61, agreeing: 61, missing: 1 })
      if (transport === 'meta') {
        const key = `${storage.info('films', 'film 00001').key}:c`
        expect(await cache.peek(key)).toMatchObject({ wasRead: false })
      }
    },
  )

  test('finds none while many write, remove and read, and items are evicted', async () => {
    const keyPrefix = `audit-race-${process.pid}:`
    const durable = new SlowStorage(database())
    const open = () => {
      const cache = new RemoteCache(servers.memcached.servers, PATIENT)
      onTestFinished(() => cache.close())
      return { cache, storage: new MemcacheStorage({ storage: durable, cache, keyPrefix, ...QUICK }) }
    }
    const [first, second] = [open(), open()]
    await fill(first.storage, 8)
    let isOver = false
    let writes = 0
    const disturb = async ({ storage, cache }: typeof first, seed: number) => {
      for (let i = seed; !isOver; i++) {
        const info = storage.info('films', `film 0000${i % 8}`)
        if (i % 7 === 0) await storage.remove(info)
        else if (i % 3 === 0) await textOf(storage, info)
        else await storage.put(info, { content: `${seed} ${i}`, metadata: `${i}` })
        if (i % 11 === 0) await cache.delete(`${info.key}:c`)
        if (i % 5 === 0) await storage.ls('films')
        writes++
      }
    }
    const busy = [disturb(first, 1), disturb(second, 4), disturb(second, 9)]
    const reports: AuditReport[] = []
    while (writes < 800 || reports.length < 100) reports.push(await audit(first.storage, ALL))
    isOver = true
    await Promise.all(busy)
    expect(reports.flatMap(({ disagreeing }) => disagreeing)).toEqual([])
    const outcomes = reports.flatMap(({ listings }) => listings.map(({ outcome }) => outcome))
    expect(outcomes).not.toContain('disagrees')
    expect(outcomes).toContain('agrees')
    const sum = (field: 'agreeing' | 'inFlight') =>
      reports.reduce((total, report) => total + report[field], 0)
    expect(sum('agreeing')).toBeGreaterThan(100)
    expect(sum('inFlight')).toBeGreaterThan(100)
    expect(await audit(first.storage, ALL)).toMatchObject({ inFlight: 0, disagreeing: [] })
  })
})

describe('an audit finds', () => {
  const where = { collection: FILM[0], resource: FILM[1], part: 'content' } as const

  test('a part that was written past the library', async () => {
    const { durable, first, info } = setUp()
    await first.storage.putContent(info, 'old')
    await fill(first.storage, 9)
    await durable.putContent(info, 'new')
    const report = await audit(first.storage, ALL)
    const found = { kind: 'older', ...where, cachedVersion: 1_000, storedVersion: 1_010 }
    expect(report).toMatchObject({ cached: 19, agreeing: 18, disagreeing: [found] })
    expect(report.rate).toBeCloseTo(1 / 19)
  })

  test('a value of the past that came back', async () => {
    const { server, first, info } = setUp()
    await first.storage.putContent(info, 'old')
    await withOldItem(server.cache, `${info.key}:c`, () => first.storage.putContent(info, 'new'))
    expect(await textOf(first.storage, info)).toBe('old')
    const { disagreeing } = await audit(first.storage, ALL)
    expect(disagreeing).toEqual([{ kind: 'older', ...where, cachedVersion: 1_000, storedVersion: 1_001 }])
  })

  test('a database that was put back', async () => {
    const { server, first, info } = setUp()
    await first.storage.putContent(info, 'old')
    const newer = new MemcacheStorage({ storage: database(), cache: server.client(), ...QUICK })
    await newer.putContent(info, 'other')
    await newer.putContent(info, 'newer')
    const { disagreeing } = await audit(first.storage, ALL)
    expect(disagreeing).toEqual([{ kind: 'newer', ...where, cachedVersion: 1_001, storedVersion: 1_000 }])
  })

  test('other bytes of the same version', async () => {
    const { server, first, info } = setUp()
    await first.storage.putContent(info, 'old')
    const other = new MemcacheStorage({ storage: database(), cache: server.client(), ...QUICK })
    await other.putContent(info, 'new')
    const { disagreeing } = await audit(first.storage, ALL)
    expect(disagreeing).toEqual([
      { kind: 'other bytes', ...where, cachedVersion: 1_000, storedVersion: 1_000 },
    ])
  })

  test('a part that was removed, and one that was made, past the library', async () => {
    const { durable, first, second, info } = setUp()
    await first.storage.putContent(info, 'old')
    await expect(second.storage.getMetaData(info)).rejects.toThrow(/no metadata/)
    await durable.putMetaData(info, 'made')
    await durable.removeContent(info)
    const { disagreeing } = await audit(first.storage, ALL)
    expect(disagreeing).toEqual([
      { kind: 'not stored', ...where, cachedVersion: 1_000, storedVersion: undefined },
      {
        kind: 'cached as missing',
        ...where,
        part: 'metadata',
        cachedVersion: undefined,
        storedVersion: 1_001,
      },
    ])
  })
})

describe('an audit of listings', () => {
  const listed = async (storage: Storage) => {
    await fill(storage, 5)
    await storage.ls('films')
  }

  test('agrees with correct listings and reports missing ones', async () => {
    const { first, second } = setUp()
    await listed(first.storage)
    await second.storage.putContent(second.storage.info(...FILM), 'listed by an entry in a log')
    await second.storage.remove(second.storage.info('films', 'film 00002'))
    const { listings } = await audit(first.storage, { ...ALL, collections: ['films', 'books'] })
    expect(listings).toEqual([
      { collection: 'films', outcome: 'agrees', unlisted: [], surplus: [] },
      { collection: 'books', outcome: 'missing', unlisted: [], surplus: [] },
    ])
  })

  test('finds resources that were created and removed past the library', async () => {
    const { durable, first } = setUp()
    await listed(first.storage)
    await durable.putContent(durable.info(...FILM), 'made by hand')
    await durable.remove(durable.info('films', 'film 00003'))
    const { listings, disagreeing } = await audit(first.storage, ALL)
    expect(listings).toEqual([
      { collection: 'films', outcome: 'disagrees', unlisted: [FILM[1]], surplus: ['film 00003'] },
    ])
    expect(disagreeing).toMatchObject([
      { kind: 'not stored', resource: 'film 00003', part: 'content' },
      { kind: 'not stored', resource: 'film 00003', part: 'metadata' },
    ])
  })

  test('reports no write in flight', async () => {
    const { durable, first, second } = setUp()
    await listed(first.storage)
    const made = durable.pauseNextWrite({ at: 'after', where: ({ method }) => method === 'put' })
    const removed = durable.pauseNextWrite({ at: 'after', where: ({ method }) => method === 'remove' })
    const making = second.storage.putContent(second.storage.info(...FILM), 'new')
    const removing = second.storage.remove(second.storage.info('films', 'film 00003'))
    await Promise.all([made.reached, removed.reached])
    const { listings } = await audit(first.storage, ALL)
    expect(listings).toMatchObject([{ outcome: 'agrees' }])
    made.open()
    removed.open()
    await Promise.all([making, removing])
    expect((await audit(first.storage, ALL)).listings).toMatchObject([{ outcome: 'agrees' }])
  })

  test('reports no write whose mark was evicted and that is updating the listing', async () => {
    const { server, durable, first, second, info } = setUp()
    await listed(first.storage)
    const committed = durable.pauseNextWrite({ at: 'after' })
    const making = second.storage.putContent(second.storage.info(...FILM), 'new')
    await committed.reached
    await server.evict(`${info.key}:c`)
    const asked = durable.pauseNextRead({ where: ({ method }) => method === 'exists' })
    const auditing = audit(first.storage, ALL)
    await asked.reached
    committed.open()
    await making
    asked.open()
    expect((await auditing).listings).toMatchObject([{ outcome: 'agrees' }])
    expect(await server.cache.get(`${info.key}:c`)).toBeUndefined()
  })

  test('reports no difference that is gone at the second check', async () => {
    const { durable, first } = setUp()
    await listed(first.storage)
    await durable.putContent(durable.info(...FILM), 'made by hand')
    const asked = durable.pauseNextRead({ at: 'before', where: ({ method }) => method === 'exists' })
    const auditing = audit(first.storage, ALL)
    await asked.reached
    await durable.remove(durable.info(...FILM))
    asked.open()
    expect((await auditing).listings).toMatchObject([{ outcome: 'agrees' }])
  })

  test('reports no eviction', async () => {
    const { server, durable, first } = setUp()
    await listed(first.storage)
    const keys = first.cache.calls.map(({ key }) => key).filter((key) => key.includes(':l'))
    await durable.putContent(durable.info(...FILM), 'made by hand')
    const asked = durable.pauseNextRead({ where: ({ method }) => method === 'exists' })
    const auditing = audit(first.storage, ALL)
    await asked.reached
    for (const key of keys) await server.evict(key)
    asked.open()
    expect((await auditing).listings).toEqual([
      { collection: 'films', outcome: 'missing', unlisted: [], surplus: [] },
    ])
  })

  test('names 1,000 of each kind at most, of a listing that is all wrong', async () => {
    const { durable, first } = setUp()
    await fill(first.storage, 1_100)
    await first.storage.ls('films')
    for (const name of (await durable.ls('films')).keys()) {
      await durable.remove(durable.info('films', name))
      await durable.putContent(durable.info('films', `${name}b`), 'made by hand')
    }
    const { listings } = await audit(first.storage, { ...ALL, maxPerSecond: 1_000_000, sample: 0.001 })
    const names = (suffix: string) =>
      Array.from({ length: 1_000 }, (_, i) => `film ${String(i).padStart(5, '0')}${suffix}`)
    expect(listings).toEqual([
      { collection: 'films', outcome: 'disagrees', unlisted: names('b'), surplus: names('') },
    ])
  })

  test('reports servers that do not answer', async () => {
    const { first } = setUp()
    await listed(first.storage)
    first.cache.isDown = true
    expect((await audit(first.storage, ALL)).listings).toMatchObject([{ outcome: 'unreachable' }])
  })

  test('leaves no trace, whatever is missing', async () => {
    const { server, first } = setUp()
    await listed(first.storage)
    const [headKey = ''] = first.cache.calls.map(({ key }) => key).filter((key) => key.endsWith(':l'))
    const lost = first.cache.calls.map(({ key }) => key).find((key) => key.startsWith(`${headKey}/`)) ?? ''
    await server.evict(lost.split(' ')[0] ?? '')
    expect((await audit(first.storage, ALL)).listings).toMatchObject([{ outcome: 'missing' }])
    expect(await server.cache.get(headKey)).toBeDefined()
  })
})

describe('a write in flight is no disagreement', () => {
  test('where its mark stands', async () => {
    const { durable, first, second, info } = setUp()
    await first.storage.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const writing = second.storage.putContent(info, 'new')
    await commit.reached
    expect(await audit(first.storage, ALL)).toMatchObject({ ...AGREEING, inFlight: 1, missing: 1 })
    commit.open()
    await writing
  })

  test('where it commits between the reads of cache and database', async () => {
    const { durable, first, second, info } = setUp()
    await first.storage.putContent(info, 'old')
    const read = durable.pauseNextRead({ at: 'before' })
    const auditing = audit(first.storage, ALL)
    await read.reached
    await second.storage.putContent(info, 'new')
    read.open()
    expect(await auditing).toMatchObject({ ...AGREEING, cached: 0, inFlight: 1, missing: 1 })
  })

  test('where it commits between the two checks after the second reading', async () => {
    const { durable, first, second, info } = setUp()
    await first.storage.putContent(info, 'old')
    await durable.putContent(info, 'past the library')
    const reading = durable.pauseNextRead({ at: 'before' })
    const auditing = audit(first.storage, ALL)
    await reading.reached
    const again = durable.pauseNextRead()
    reading.open()
    await again.reached
    await second.storage.putContent(info, 'new')
    again.open()
    expect(await auditing).toMatchObject({ ...AGREEING, cached: 0, inFlight: 1, missing: 1 })
  })

  test('where the difference is gone at the second check', async () => {
    const { durable, first, info } = setUp()
    await first.storage.putContent(info, 'same')
    const elsewhere = database()
    await elsewhere.putContent(info, 'other')
    // As a database whose answers are not all of one moment.
    durable.getMany = (infos, options) => {
      durable.getMany = FaultyStorage.prototype.getMany.bind(durable)
      return elsewhere.getMany(infos, options)
    }
    expect(await audit(first.storage, ALL)).toMatchObject({ disagreeing: [], agreeing: 1 })
  })

  test('where the relay is given its time, by default', async () => {
    const waits: number[] = []
    const environment = {
      ...systemEnvironment,
      sleep: async (ms: number) => {
        waits.push(ms)
      },
    }
    const { durable, first, info } = setUp({ environment, relayAfterMs: 5_000, relayIntervalMs: 1_000_000 })
    await first.storage.putContent(info, 'old')
    await durable.putContent(info, 'new')
    await audit(first.storage, { collections: ['films'] })
    expect(Math.max(...waits)).toBeGreaterThan(2_004_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_005_000)
  })
})

describe('an audit', () => {
  test('checks a sample', async () => {
    const { first } = setUp()
    await fill(first.storage, 400)
    const { checked, agreeing } = await audit(first.storage, { ...ALL, sample: 0.25 })
    expect(checked).toBe(agreeing)
    expect(checked).toBeGreaterThan(100)
    expect(checked).toBeLessThan(300)
  })

  test('checks all pages and collections, up to a limit', async () => {
    const { first } = setUp()
    await fill(first.storage, 1_100)
    await first.storage.putContent(first.storage.info('books', 'one'), 'text')
    const progress: AuditProgress[] = []
    const onProgress = (now: AuditProgress) => void progress.push(now)
    const all = { ...ALL, collections: ['films', 'books'], onProgress, maxPerSecond: 1_000_000 }
    expect(await audit(first.storage, all)).toMatchObject({ checked: 2_202, agreeing: 2_201 })
    expect(progress.map(({ checked }) => checked)).toEqual([2_000, 2_200, 2_202])
    expect(await audit(first.storage, { ...all, limit: 1_050 })).toMatchObject({ checked: 2_100 })
    expect((await audit(first.storage, { ...all, limit: 1_000 })).listings).toEqual([])
  })

  test('takes its time', async () => {
    // Deadlines of the storage behind are on the scale of `performance.now()`.
    let now = performance.now()
    const environment = {
      ...systemEnvironment,
      now: () => now,
      sleep: async (ms: number) => {
        now += ms
      },
    }
    const { first } = setUp({ environment })
    await fill(first.storage, 320)
    const { seconds } = await audit(first.storage, { ...ALL, maxPerSecond: 16 })
    expect(seconds).toBeGreaterThan(18)
    expect(seconds).toBeLessThan(22)
  })

  test('counts the parts that it could not read', async () => {
    const { first } = setUp()
    await fill(first.storage, 2)
    first.cache.isDown = true
    expect(await audit(first.storage, ALL)).toMatchObject({ ...AGREEING, checked: 4, unreachable: 4 })
  })

  test('ends when its signal fires', async () => {
    const { first } = setUp()
    await fill(first.storage, 40)
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    const options = { ...ALL, collections: ['films', 'films'], onProgress, signal: controller.signal }
    await expect(audit(first.storage, options)).rejects.toMatchObject({ code: 'E_ABORTED' })
  })

  test('ends when the storage is closed, and does not begin after that', async () => {
    const { first } = setUp()
    await fill(first.storage, 40)
    let closing: Promise<void> | undefined
    const onProgress = () => {
      closing = first.storage.shutdown()
    }
    const options = { ...ALL, collections: ['films', 'films'], onProgress }
    await expect(audit(first.storage, options)).rejects.toMatchObject({ code: 'E_CLOSED' })
    await closing
    await expect(audit(first.storage, ALL)).rejects.toMatchObject({ code: 'E_CLOSED' })
  })

  test('rejects with the error of the database', async () => {
    const { durable, first } = setUp()
    await fill(first.storage, 2)
    const error = new StorageError('E_STORAGE_UNAVAILABLE', 'The database is down (on purpose)')
    durable.failNextReads(1, error)
    await expect(audit(first.storage, ALL)).rejects.toBe(error)
  })

  test('refuses invalid options', async () => {
    const { first, server } = setUp()
    const alone = new MemcacheStorage({ cache: server.client() })
    await expect(audit(alone, ALL)).rejects.toThrow(TypeError)
    await expect(audit(first.storage, { collections: [] })).rejects.toThrow(RangeError)
    for (const bad of [
      { sample: 0 },
      { sample: 2 },
      { limit: 0 },
      { maxPerSecond: 0 },
      { recheckAfterMs: -1 },
    ])
      await expect(audit(first.storage, { ...ALL, ...bad })).rejects.toThrow(RangeError)
  })
})
