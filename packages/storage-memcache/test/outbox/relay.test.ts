import { MemoryStorage, type Storage } from '@larder/storage-core'
import { type JournalRow } from '@larder/storage-core/driver'
import { FaultyStorage } from '@larder/storage-core/testing'
import { type Environment, systemEnvironment } from '@larder/memcached'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { CacheServer, type FaultyCache } from '../support/faulty-cache.js'
import { FILM, textOf } from '../support/races.js'

/** So long that no clock but the test's lets the relay run. */
const NEVER_MS = 1_000_000_000

/** A process whose relay runs when the test says so. */
class Process {
  readonly cache: FaultyCache
  readonly storage: MemcacheStorage
  #wake: (() => void) | undefined

  constructor(
    server: CacheServer,
    durable: Storage,
    options: ProtocolOptions & { readonly keyPrefix?: string } = {},
  ) {
    const environment: Environment = {
      ...systemEnvironment,
      idle: (ms) =>
        ms > NEVER_MS / 2 ? new Promise((resolve) => (this.#wake = resolve)) : systemEnvironment.idle(ms),
    }
    this.cache = server.client()
    const relay = { relayIntervalMs: NEVER_MS, relayAfterMs: 0 }
    this.storage = new MemcacheStorage({
      storage: durable,
      cache: this.cache,
      environment,
      fillWaitMs: 20,
      ...relay,
      ...options,
    })
  }

  /** One pass of the relay, from its start to its end. */
  async relay(): Promise<void> {
    if (this.#wake === undefined) await this.storage.getMany([this.storage.info('other', 'other')])
    const wake = this.#wake
    if (wake === undefined) throw new Error('The relay does not wait')
    this.#wake = undefined
    wake()
    while (this.#wake === undefined) await new Promise((resolve) => setImmediate(resolve))
  }
}

function setUp(options: ProtocolOptions = {}) {
  const server = new CacheServer()
  const durable = new FaultyStorage(new MemoryStorage())
  const [writer, reader] = [new Process(server, durable, options), new Process(server, durable)]
  const info = reader.storage.info(...FILM)
  return { server, durable, writer, reader, info, key: `${info.key}:c` }
}

async function rowsOf(durable: Storage): Promise<readonly JournalRow[]> {
  let found: readonly JournalRow[] = []
  await durable.claim({ olderThanMs: 0 }, async (rows) => {
    found = rows
    return []
  })
  return found
}

describe('the relay', () => {
  test('removes an old value that a dead writer left behind', async () => {
    const { server, durable, writer, reader, info, key } = setUp()
    await durable.putContent(info, 'old')
    const commit = durable.pauseNextWrite({ at: 'commit' })
    const answer = durable.pauseNextWrite({ at: 'after' })
    void writer.storage.putContent(info, 'new')
    await commit.reached
    // The mark is lost; a reader takes a lease and reads the old value, which it fills after the commit.
    await server.evict(key)
    const read = durable.pauseNextRead()
    const slow = textOf(reader.storage, info)
    await read.reached
    commit.open()
    // The writer never hears of it.
    await answer.reached
    read.open()
    await slow
    expect(await textOf(reader.storage, info)).toBe('old')
    await reader.relay()
    expect(await textOf(reader.storage, info)).toBe('new')
    expect(await rowsOf(durable)).toEqual([])
    expect(reader.storage.counters().relayed).toBe(1)
  })

  test('makes up for a cache that could not be reached', async () => {
    const { durable, writer, reader, info } = setUp()
    await writer.storage.putContent(info, 'old')
    writer.cache.isDown = true
    await writer.storage.putContent(info, 'new')
    expect(await textOf(reader.storage, info)).toBe('old')
    await reader.relay()
    expect(await textOf(reader.storage, info)).toBe('new')
    expect(await rowsOf(durable)).toEqual([])
  })

  test('keeps the row while the cache cannot be reached from here either', async () => {
    const { durable, writer, reader, info } = setUp()
    await durable.putContent(info, 'old')
    await reader.storage.getContent(info)
    writer.cache.isDown = true
    await writer.storage.putContent(info, 'new')
    reader.cache.isDown = true
    await reader.relay()
    expect(await rowsOf(durable)).toHaveLength(1)
    reader.cache.isDown = false
    await reader.relay()
    expect(await rowsOf(durable)).toEqual([])
    expect(await textOf(reader.storage, info)).toBe('new')
  })

  test.each([
    ['a day', 24, {}],
    ['as long as anything may stay in a cache, where that is longer', 51, { ttlMs: 50 * 3_600_000 }],
  ])('drops the row of a server that stays unreachable after %s', async (_time, lastHour, options) => {
    const server = new CacheServer()
    const hourMs = 3_600_000
    let hours = 0
    const durable = new MemoryStorage({ now: () => Date.now() + hours * hourMs })
    const writer = new Process(server, durable, options)
    writer.cache.isDown = true
    await writer.storage.putContent(writer.storage.info(...FILM), 'new')
    hours = lastHour - 1
    await writer.relay()
    expect(await rowsOf(durable)).toHaveLength(1)
    hours = lastHour
    await writer.relay()
    expect(await rowsOf(durable)).toEqual([])
  })

  test('replaces the mark of a writer that may install an older value', async () => {
    const { durable, writer, reader, server, info, key } = setUp()
    await durable.putContent(info, 'oldest')
    // One writer has committed and is about to install; a second one commits later, without reaching the cache.
    const answer = durable.pauseNextWrite({ at: 'after' })
    const first = reader.storage.putContent(info, 'old')
    await answer.reached
    writer.cache.isDown = true
    await writer.storage.putContent(info, 'new')
    const third = new Process(server, durable)
    await third.relay()
    answer.open()
    await first
    expect(await server.cache.get(key).then((item) => item?.value.length)).toBe(0)
    expect(await textOf(reader.storage, info)).toBe('new')
    expect(await textOf(third.storage, info)).toBe('new')
  })

  test('removes a listing that lacks a create', async () => {
    const { durable, writer, reader } = setUp()
    await reader.storage.ls('films')
    const answer = durable.pauseNextWrite({ at: 'after' })
    void writer.storage.putContent(writer.storage.info(...FILM), 'x')
    await answer.reached
    expect([...(await reader.storage.ls('films')).keys()]).toEqual([])
    await reader.relay()
    expect([...(await reader.storage.ls('films')).keys()]).toEqual([FILM[1]])
  })

  test('leaves correct slots alone', async () => {
    const { durable, writer, reader, info } = setUp()
    const acknowledge = durable.acknowledge.bind(durable)
    durable.acknowledge = async () => undefined
    await writer.storage.putContent(info, 'text')
    durable.acknowledge = acknowledge
    expect(await rowsOf(durable)).toHaveLength(1)
    durable.forgetCalls()
    await reader.relay()
    expect(await textOf(reader.storage, info)).toBe('text')
    expect(durable.count('read')).toBe(1)
    expect(await rowsOf(durable)).toEqual([])
  })

  test('leaves the rows of other namespaces to their own', async () => {
    const server = new CacheServer()
    const durable = new MemoryStorage()
    const info = durable.info(...FILM)
    await durable.putContent(info, 'x', {
      transaction: { journal: ['another:key'], beforeCommit: async () => undefined },
    })
    await new Process(server, durable).relay()
    expect(await rowsOf(durable)).toHaveLength(1)
  })

  test('does nothing any more once the storage is shut down', async () => {
    const { durable, writer, reader, info } = setUp()
    writer.cache.isDown = true
    await writer.storage.putContent(info, 'new')
    await reader.storage.getMany([info])
    await reader.storage.shutdown()
    expect(await rowsOf(durable)).toHaveLength(1)
  })
})

test('a write that has confirmed its slots deletes its own row', async () => {
  const { durable, writer, info } = setUp()
  for (let i = 0; i < 10; i++) await writer.storage.putContent(info, `text ${i}`)
  await writer.storage.remove(info)
  await writer.storage.shutdown()
  expect(await rowsOf(durable)).toEqual([])
})

test('rows of writes that end during a deletion are deleted together later', async () => {
  const durable = new MemoryStorage()
  const waits: (() => void)[] = []
  const environment: Environment = {
    ...systemEnvironment,
    idle: () => new Promise((resolve) => waits.push(resolve)),
  }
  const storage = new MemcacheStorage({ storage: durable, cache: new CacheServer().client(), environment })
  const dropped: number[] = []
  const ends: (() => void)[] = []
  durable.acknowledge = async (ids) => {
    dropped.push(ids.length)
    await new Promise<void>((resolve) => ends.push(resolve))
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  // Some time passes, in which those go that waited for company.
  const passTime = async () => {
    for (const wait of waits.splice(0)) wait()
    await turn()
  }
  const write = (text: string) => storage.putContent(storage.info(...FILM), text)
  await write('one')
  await passTime()
  expect(dropped).toEqual([1])
  await write('two')
  await write('three')
  ends.shift()?.()
  await turn()
  expect(dropped).toEqual([1])
  await passTime()
  expect(dropped).toEqual([1, 2])
  ends.shift()?.()
})

test('rows that cannot be repaired do not delay the others', async () => {
  const { durable, writer, reader, info } = setUp()
  const dead = (key: string) => key.includes('larder:dead')
  for (let i = 0; i < 250; i++) {
    const name = writer.storage.info('dead', `${i}`)
    await durable.putContent(name, 'x', {
      transaction: { journal: [`larder: ${name.key}:c`], beforeCommit: async () => undefined },
    })
  }
  await durable.putContent(info, 'old')
  await reader.storage.getContent(info)
  writer.cache.isDown = true
  await writer.storage.putContent(info, 'new')
  reader.cache.failNext('get', 100_000, { key: dead })
  await reader.relay()
  expect(await textOf(reader.storage, info)).toBe('new')
  let left = 0
  await durable.claim({ olderThanMs: 0, limit: 1_000 }, async (rows) => {
    left = rows.length
    return []
  })
  expect(left).toBe(250)
})

test('a row that waits for the caller is repaired once and not in every pass', async () => {
  const { durable, writer, reader, info } = setUp()
  await writer.storage.putContent(info, 'x', {
    transaction: { journal: ['mine'], beforeCommit: async () => undefined },
  })
  await reader.storage.ls('films')
  await reader.relay()
  await reader.storage.ls('films')
  const { listHits } = reader.storage.counters()
  for (let pass = 0; pass < 3; pass++) await reader.relay()
  await reader.storage.ls('films')
  expect(reader.storage.counters().listHits).toBe(listHits + 1)
  expect(await rowsOf(durable)).toHaveLength(1)
})

test('rows with keys of the caller are left to the caller, whatever they look like', async () => {
  const { durable, writer, reader, info } = setUp()
  const journal = ['larder: my own key', '> guest', `${info.key}:c`]
  await writer.storage.putContent(info, 'x', {
    transaction: { journal, beforeCommit: async () => undefined },
  })
  await reader.relay()
  let rows: readonly JournalRow[] = []
  await writer.storage.claim({ olderThanMs: 0, keyPrefix: 'larder: my' }, async (found) => {
    rows = found
    return found.map(({ id }) => id)
  })
  expect(rows.map(({ keys }) => keys)).toEqual([journal])
  expect(await rowsOf(durable)).toEqual([])
})

for (const [inner, outer] of [
  ['inner:', 'outer:'],
  ['larder:', 'larder:'],
  ['app', 'app-l1:'],
  ['', ''],
] as const) {
  test(`a proxy in front of a proxy has both settled, with the namespaces '${inner}' and '${outer}'`, async () => {
    await bothSettled(inner, outer)
  })
}

async function bothSettled(innerKeyPrefix: string, keyPrefix: string): Promise<void> {
  const server = new CacheServer()
  const outerServer = new CacheServer()
  const durable = new MemoryStorage()
  const inner = new Process(server, durable, {})
  const innerStorage = new MemcacheStorage({
    storage: durable,
    cache: inner.cache,
    keyPrefix: innerKeyPrefix,
  })
  const outer = new Process(outerServer, innerStorage, { keyPrefix })
  const info = outer.storage.info(...FILM)
  await outer.storage.putContent(info, 'old')
  await outer.storage.getContent(info)
  inner.cache.isDown = true
  outer.cache.isDown = true
  await outer.storage.putContent(info, 'new')
  inner.cache.isDown = false
  outer.cache.isDown = false
  expect(await textOf(outer.storage, info)).toBe('old')
  await outer.relay()
  expect(await textOf(outer.storage, info)).toBe('new')
  expect(await textOf(innerStorage, info)).toBe('new')
  await outer.storage.shutdown()
  await innerStorage.shutdown()
  expect(await rowsOf(durable)).toEqual([])
}
