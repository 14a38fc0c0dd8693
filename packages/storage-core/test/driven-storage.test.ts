import { MemoryStorage } from '@larder/storage-core'
import {
  defaultKeyGenerator,
  type DriverCall,
  DrivenStorage,
  type StorageDriver,
  type WriteRequest,
} from '@larder/storage-core/driver'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'

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
    expect.assert(typeof change === 'object' && 'stream' in change)
    expect(started).toBe(false)
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
    expect(driver.writes[0]?.changes).toEqual({ metadata: { bytes: Buffer.from('ab') } })
    await expect(storage.putMetaData(storage.info('c', 'r'), source(true))).rejects.toThrow(/broken/)
    expect(driver.writes.length).toBe(1)
  })

  test('a removal of both parts is one write', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    await storage.remove(storage.info('c', 'r'), { ifMatch: { metadata: '"3"' } })
    expect(driver.writes[0]?.changes).toEqual({ content: 'remove', metadata: 'remove' })
    expect(driver.writes[0]?.conditions).toEqual({ metadata: { match: ['"3"'] } })
  })

  test('unsupported calls do not reach the driver', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    await expect(storage.page('c', { order: 'newest' })).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    driver.supports.atomicParts = driver.supports.transactions = false
    const info = storage.info('c', 'r')
    await expect(storage.put(info, { content: 'x', metadata: 'x' })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
    })
    await expect(storage.remove(info)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    const transaction = { beforeCommit: async () => undefined }
    await expect(storage.putContent(info, 'x', { transaction })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
    })
    expect(driver.writes).toEqual([])
  })

  test('the driver gets the signal, and its own infos', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    const { signal } = new AbortController()
    await storage.getMany([new MemoryStorage().info('c', 'r')], { signal })
    expect(driver.calls[0]?.signal).toBe(signal)
    await storage.getMany([storage.info('c', 'r')])
    expect(driver.calls[1]?.signal).toBeUndefined()
  })

  test('the driver is closed once, when the last call is settled', async () => {
    const driver = new IdleDriver()
    const storage = new DrivenStorage(driver)
    let go: () => void = () => undefined
    driver.hold = new Promise<void>((resolve) => (go = resolve))
    const read = expect(storage.getContent(storage.info('c', 'r'))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    })
    const closing = [storage.shutdown(), storage[Symbol.asyncDispose](), storage.close()]
    await new Promise((resolve) => setImmediate(resolve))
    expect(driver.closed).toBe(0)
    go()
    await Promise.all([read, ...closing])
    expect(driver.closed).toBe(1)
  })

  test('ls and ils read all pages of the driver', async () => {
    const storage = new MemoryStorage()
    const names = Array.from({ length: 2_500 }, (_, i) => `r${String(i).padStart(4, '0')}`)
    for (const name of names) await storage.putContent(storage.info('c', name), '')
    expect([...(await storage.ls('c')).keys()]).toEqual(names)
    const seen: string[] = []
    for await (const [name] of storage.ils('c')) seen.push(name)
    expect(seen).toEqual(names)
  })

  test('ls and ils keep the order of the driver', async () => {
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
    expect([...listed.keys()]).toEqual(names)
    expect([...listed.values()].map(({ resource }) => resource)).toEqual(names)
    const seen: string[] = []
    for await (const [name, info] of storage.ils('x')) seen.push(info.resource === name ? name : 'another')
    expect(seen).toEqual(names)
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
    expect(ended).toBe(true)
  })
})

describe('an info', () => {
  test('has an inner one only where a proxy made it', () => {
    expect(new MemoryStorage().info('c', 'r').inner).toBeUndefined()
    const behind = new MemoryStorage()
    const driver = Object.assign(new IdleDriver(), { innerOf: (c: string, r?: string) => behind.info(c, r) })
    const info = new DrivenStorage(driver).info('c', 'r')
    expect(info.inner?.resource).toBe('r')
    expect(info.inner).toBe(info.inner)
    expect(info.inner?.inner).toBeUndefined()
  })

  test('has keys for its parts only where a proxy made it, each made once', () => {
    expect(new MemoryStorage().info('c', 'r').partKey?.('content')).toBeUndefined()
    let made = 0
    const partKeyOf = (key: string, part: string) => `${++made}, ${part} of ${key}`
    const info = new DrivenStorage(Object.assign(new IdleDriver(), { partKeyOf })).info('c', 'r')
    const content = info.partKey?.('content')
    expect(content).toBe(`1, content of ${info.key}`)
    expect(info.partKey?.('metadata')).toBe(`2, metadata of ${info.key}`)
    expect(info.partKey?.('content')).toBe(content)
    expect(made).toBe(2)
  })

  test('prints short', () => {
    expect(inspect(new MemoryStorage().info('c', 'r')).length).toBeLessThan(100)
  })
})

describe('arguments of no meaning are refused before the driver is asked', () => {
  const bad: readonly [string, (storage: DrivenStorage) => Promise<unknown>, RegExp][] = [
    ['parts of null', (storage) => storage.put(storage.info('c', 'r'), null as never), /parts/],
    ['journal ids that are no list', (storage) => storage.acknowledge('1' as never), /journalIds/],
    ['no work', (storage) => storage.claim({ olderThanMs: 0 }, undefined as never), /function/],
    ['an ext that is no text', (storage) => storage.ls('c', 5 as never), /ext/],
    ['infos that are no list', (storage) => storage.persist(storage.info('c') as never), /infos/],
  ]
  for (const [what, call, message] of bad) {
    test(what, async () => {
      const driver = new IdleDriver()
      await expect(call(new DrivenStorage(driver))).rejects.toSatisfy((error) => {
        expect.assert(error instanceof TypeError)
        expect(error.message).toMatch(message)
        return true
      })
      expect([driver.writes, driver.calls]).toEqual([[], []])
    })
  }
})
