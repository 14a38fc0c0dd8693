import { MemoryStorage } from '@larder/storage-core'
import {
  defaultKeyGenerator,
  type DriverCall,
  DrivenStorage,
  type StorageDriver,
  type WriteRequest,
} from '@larder/storage-core/driver'
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { describe, test } from 'vitest'

/** A driver that does nothing, and notes what it is asked. */
class IdleDriver implements StorageDriver {
  supports = {
    ...{ durable: false, atomicParts: true, atomicMany: false, transactions: true, journal: true },
    ...{ interactiveTransactions: false, streams: true, orderByModified: false },
  }
  readonly writes: WriteRequest[] = []
  readonly calls: DriverCall[] = []
  closed = 0
  hold: Promise<unknown> = Promise.resolve()
  readonly keyOf = defaultKeyGenerator

  async createContainer() {}
  async read(infos: readonly unknown[], _part: string, call: DriverCall) {
    this.calls.push(call)
    await this.hold
    return infos.map(() => undefined)
  }
  async openContent() {
    return undefined
  }
  async write(request: WriteRequest) {
    this.writes.push(request)
    return { changed: true, version: 1, etag: '"1"', modifiedAt: new Date(), created: true, emptied: false }
  }
  async containerExists() {
    return true
  }
  async exists() {
    return true
  }
  async list() {
    return { rows: [], next: undefined }
  }
  async close() {
    this.closed++
  }
}

describe('DrivenStorage', () => {
  test('a driver with streams gets the stream, unread', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    let started = false
    async function* source() {
      started = true
      yield Buffer.from('x')
    }
    await storage.putContent(storage.info('c', 'r'), source())
    const change = driver.writes[0]?.changes.content
    assert.ok(typeof change === 'object' && 'stream' in change)
    assert.equal(started, false)
  })

  test('a driver without streams gets the bytes, and none of a broken stream', async () => {
    const driver = new IdleDriver()
    driver.supports.streams = false
    const storage = new DrivenStorage(driver)
    async function* source(fails: boolean) {
      yield Buffer.from('a')
      yield Buffer.from('b')
      if (fails) throw new Error('broken')
    }
    await storage.putMetaData(storage.info('c', 'r'), source(false))
    assert.deepEqual(driver.writes[0]?.changes, { metadata: { bytes: Buffer.from('ab') } })
    await assert.rejects(storage.putMetaData(storage.info('c', 'r'), source(true)), /broken/)
    assert.equal(driver.writes.length, 1)
  })

  test('a removal of both parts is one write', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    await storage.remove(storage.info('c', 'r'), { ifMatch: { metadata: '"3"' } })
    assert.deepEqual(driver.writes[0]?.changes, { content: 'remove', metadata: 'remove' })
    assert.deepEqual(driver.writes[0].conditions, { metadata: { match: ['"3"'] } })
  })

  test('what the driver does not support does not reach it', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    await assert.rejects(storage.page('c', { order: 'newest' }), { code: 'E_UNSUPPORTED' })
    driver.supports.atomicParts = driver.supports.transactions = false
    const info = storage.info('c', 'r')
    await assert.rejects(storage.put(info, { content: 'x', metadata: 'x' }), { code: 'E_UNSUPPORTED' })
    await assert.rejects(storage.remove(info), { code: 'E_UNSUPPORTED' })
    const transaction = { beforeCommit: async () => undefined }
    await assert.rejects(storage.putContent(info, 'x', { transaction }), { code: 'E_UNSUPPORTED' })
    assert.deepEqual(driver.writes, [])
  })

  test('the driver gets the signal, and its own infos', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    const { signal } = new AbortController()
    await storage.getMany([new MemoryStorage().info('c', 'r')], { signal })
    assert.equal(driver.calls[0]?.signal, signal)
    await storage.getMany([storage.info('c', 'r')])
    assert.equal(driver.calls[1]?.signal, undefined)
  })

  test('the driver is closed once, when the last call is settled', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    let go: () => void = () => undefined
    driver.hold = new Promise<void>((resolve) => (go = resolve))
    const read = assert.rejects(storage.getContent(storage.info('c', 'r')), { code: 'E_NOT_FOUND' })
    const closing = [storage.shutdown(), storage[Symbol.asyncDispose](), storage.close()]
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(driver.closed, 0)
    go()
    await Promise.all([read, ...closing])
    assert.equal(driver.closed, 1)
  })

  test('ls and ils go through all pages of the driver', async () => {
    const storage = new MemoryStorage()
    const names = Array.from({ length: 2_500 }, (_, i) => `r${String(i).padStart(4, '0')}`)
    for (const name of names) await storage.putContent(storage.info('c', name), '')
    assert.deepEqual([...(await storage.ls('c')).keys()], names)
    const seen: string[] = []
    for await (const [name] of storage.ils('c')) seen.push(name)
    assert.deepEqual(seen, names)
  })

  test('a listing of all names comes from ls and ils as the driver has ordered it', async () => {
    const names = ['a', 'c', '\uffff', '\u{1f600}']
    const driver = Object.assign(new IdleDriver(), {
      async *listAll() {
        yield names.slice(0, 2)
        yield []
        yield names.slice(2)
      },
    })
    const storage = new DrivenStorage(driver)
    const listed = await storage.ls('x')
    assert.deepEqual([...listed.keys()], names)
    assert.deepEqual(
      [...listed.values()].map(({ resource }) => resource),
      names,
    )
    const seen: string[] = []
    for await (const [name, info] of storage.ils('x')) seen.push(info.resource === name ? name : 'another')
    assert.deepEqual(seen, names)
  })

  test('an end of the loop ends the listing of the driver', async () => {
    let ended = false
    const driver = Object.assign(new IdleDriver(), {
      async *listAll() {
        try {
          for (;;) yield ['a', 'b']
        } finally {
          ended = true
        }
      },
    })
    for await (const _ of new DrivenStorage(driver).ils('x')) break
    assert.equal(ended, true)
  })
})

describe('an info', () => {
  test('has an inner one only where a proxy made it', () => {
    assert.equal(new MemoryStorage().info('c', 'r').inner, undefined)
    const behind = new MemoryStorage()
    const driver = Object.assign(new IdleDriver(), { innerOf: (c: string, r?: string) => behind.info(c, r) })
    const info = new DrivenStorage(driver).info('c', 'r')
    assert.equal(info.inner?.resource, 'r')
    assert.equal(info.inner, info.inner)
    assert.equal(info.inner.inner, undefined)
  })

  test('has keys for its parts only where a proxy made it, each made once', () => {
    assert.equal(new MemoryStorage().info('c', 'r').partKey?.('content'), undefined)
    let made = 0
    const partKeyOf = (key: string, part: string) => `${++made}, ${part} of ${key}`
    const info = new DrivenStorage(Object.assign(new IdleDriver(), { partKeyOf })).info('c', 'r')
    const content = info.partKey?.('content')
    assert.equal(content, `1, content of ${info.key}`)
    assert.equal(info.partKey?.('metadata'), `2, metadata of ${info.key}`)
    assert.equal(info.partKey?.('content'), content)
    assert.equal(made, 2)
  })

  test('prints short', () => {
    assert.ok(inspect(new MemoryStorage().info('c', 'r')).length < 100)
  })
})

describe('arguments of no meaning are refused before the driver is asked', () => {
  const bad: readonly [string, (storage: DrivenStorage) => Promise<unknown>, RegExp][] = [
    ['parts of null', (storage) => storage.put(storage.info('c', 'r'), null as never), /parts/],
    ['journal ids that are no list', (storage) => storage.settle('1' as never), /journalIds/],
    ['no work', (storage) => storage.unsettled({ olderThanMs: 0 }, undefined as never), /function/],
    ['an ext that is no text', (storage) => storage.ls('c', 5 as never), /ext/],
    ['infos that are no list', (storage) => storage.persist(storage.info('c') as never), /infos/],
  ]
  for (const [what, call, message] of bad) {
    test(what, async () => {
      const driver = new IdleDriver()
      await assert.rejects(call(new DrivenStorage(driver)), (error) => {
        assert.ok(error instanceof TypeError)
        assert.match(error.message, message)
        return true
      })
      assert.deepEqual([driver.writes, driver.calls], [[], []])
    })
  }
})
