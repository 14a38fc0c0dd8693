import type { WriteResult } from '@larder/storage-core'
import type { PendingWrite } from '@larder/storage-core/driver'
import { StorageError } from '@larder/storage-core'
import type { SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, errorOf, gate, openFresh } from './databases.js'

const nothing = { beforeCommit: async () => undefined }

describe.each(DATABASE_NAMES)('writes on %s', (name) => {
  test('20 conditional writers of two processes lose no update', async () => {
    await using opened = await openFresh(name)
    const storages = [opened.storage, await opened.another()]
    await opened.storage.putContent(opened.storage.info('c', 'counter'), '0')
    let refused = 0
    const increment = async (storage: SqlStorage): Promise<void> => {
      const info = storage.info('c', 'counter')
      for (;;) {
        const { bytes, etag } = await storage.getContent(info)
        const next = String(Number(bytes.toString()) + 1)
        try {
          await storage.putContent(info, next, { ifMatch: etag })
          return
        } catch (error) {
          expect((error as StorageError).code).toBe('E_PRECONDITION_FAILED')
          refused++
        }
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => increment(storages[i % 2] as SqlStorage)))
    const { bytes, version } = await opened.storage.getContent(opened.storage.info('c', 'counter'))
    expect(bytes.toString()).toBe('20')
    expect(version).toBe(21)
    expect(refused, 'no two writers ever met').toBeGreaterThan(0)
  })

  test('exactly one of many concurrent writers creates a resource, and the others update it', async () => {
    await using opened = await openFresh(name)
    const storages = [opened.storage, await opened.another(), await opened.another()]
    for (let round = 0; round < 5; round++) {
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, i) => {
          const storage = storages[i % 3] as SqlStorage
          return storage.putContent(storage.info(`new-${round}`, 'same'), `${i}`)
        }),
      )
      const versions = results.map(({ version }) => version).sort((a, b) => a - b)
      expect(versions).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
      expect(results.filter(({ created }) => created).length).toBe(1)
    }
  })

  test('exactly one of many writers with ifNoneMatch succeeds', async () => {
    await using opened = await openFresh(name)
    const another = await opened.another()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => {
        const storage = i % 2 === 0 ? opened.storage : another
        return storage.putContent(storage.info('c', 'r'), `${i}`, { ifNoneMatch: '*' })
      }),
    )
    const codes = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? 'written' : (outcome.reason as StorageError).code,
    )
    expect(codes.sort()).toEqual([...Array<string>(9).fill('E_PRECONDITION_FAILED'), 'written'])
  })

  test('writers of many neighbours in another order do not deadlock', async () => {
    await using opened = await openFresh(name)
    const another = await opened.another()
    const names = Array.from({ length: 40 }, (_, i) => `name-${i}`)
    const write = (storage: SqlStorage, order: readonly string[]) =>
      Promise.all(order.map((each) => storage.putContent(storage.info('c', each), each)))
    await Promise.all([write(opened.storage, names), write(another, [...names].reverse())])
    expect((await opened.storage.ls('c')).size).toBe(40)
  })

  test('times of resources that are written together keep their order after a clock step', async () => {
    await using opened = await openFresh(name, { now: () => 2_000_000_000_000 })
    await opened.storage.putContent(opened.storage.info('c', 'ahead'), 'x')
    const storage = await opened.another({ orderByModified: true, now: () => 1_000_000_000_000 })
    const infos = ['first', 'ahead', 'last'].map((each) => storage.info('c', each))
    const results = await storage.writeMany(infos.map((info) => ({ info, content: 'y' })))
    const { entries } = await storage.page('c', { order: 'oldest' })
    expect(entries.map(({ info }) => info.resource)).toEqual(['first', 'ahead', 'last'])
    expect(results[2]?.modifiedAt.getTime() ?? 0).toBeGreaterThanOrEqual(2_000_000_000_000)
  })

  test('a version continues after removals, which leave a small row', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    const results: WriteResult[] = [
      await storage.put(info, { content: 'x'.repeat(10_000), metadata: 'y' }),
      await storage.remove(info),
      await storage.putMetaData(info, 'again'),
      await storage.remove(info),
      await storage.putContent(info, 'and again'),
    ]
    expect(results.map(({ version, created, emptied }) => [version, created, emptied])).toEqual([
      [1, true, false],
      [2, false, true],
      [3, true, false],
      [4, false, true],
      [5, true, false],
    ])
    await storage.remove(info)
    const [row] = await opened.query('SELECT * FROM larder_resource')
    expect(Number(row?.['live'])).toBe(0)
    expect(row?.['content']).toBe(null)
    expect(row?.['metadata']).toBe(null)
    expect((await storage.ls('c')).size).toBe(0)
  })

  test('each part has the version of the last write that touched it', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.put(info, { content: 'c', metadata: 'm' })
    await storage.putContent(info, 'c2')
    expect((await storage.getContent(info)).version).toBe(2)
    expect((await storage.getMetaData(info)).version).toBe(1)
    expect((await storage.removeContent(info)).emptied).toBe(false)
    expect((await storage.getMetaData(info)).version).toBe(1)
    expect((await storage.page('c')).entries[0]?.version).toBe(3)
  })

  test('a hook that rejects takes row, journal and body with it', async () => {
    await using opened = await openFresh(name, { inlineMaxBytes: 10, chunkBytes: 100, chunkGraceMs: 1 })
    const { storage } = opened
    const reason = new Error('no')
    const transaction = {
      journal: ['key'],
      beforeCommit: () => Promise.reject(reason),
    }
    const info = storage.info('c', 'r')
    expect(await errorOf(storage.putContent(info, 'x'.repeat(1_000), { transaction }))).toBe(reason)
    expect(await storage.exists(info)).toBe(false)
    expect(await opened.count('journal')).toBe(0)
    expect(await opened.count('body', 'expires_ms > 0 OR expires_ms IS NULL')).toBe(0)
    const result = await storage.putContent(info, 'x')
    expect(result.version).toBe(1)
  })

  test("a hook's own conflict is not taken for the database's", async () => {
    await using opened = await openFresh(name)
    let calls = 0
    const reason = new StorageError('E_CONFLICT', "the hook's own")
    const transaction = {
      beforeCommit: () => {
        calls++
        return Promise.reject(reason)
      },
    }
    const { storage } = opened
    expect(await errorOf(storage.putContent(storage.info('c', 'r'), 'x', { transaction }))).toBe(reason)
    expect(calls).toBe(1)
  })

  test('a commit past its instant, and a hook without an end, are rolled back', async () => {
    await using opened = await openFresh(name, { transactionTimeoutMs: 1_500 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    const late = { beforeCommit: async () => ({ commitBefore: performance.now() - 1 }) }
    expect((await errorOf(storage.putContent(info, 'x', { transaction: late }))).code).toBe('E_TIMEOUT')
    const never = { beforeCommit: async () => ({ commitBefore: NaN }) }
    expect((await errorOf(storage.putContent(info, 'x', { transaction: never }))).code).toBe('E_TIMEOUT')
    const endless = { beforeCommit: () => new Promise<void>(() => undefined) }
    const start = performance.now()
    expect((await errorOf(storage.putContent(info, 'x', { transaction: endless }))).code).toBe('E_TIMEOUT')
    expect(performance.now() - start).toBeLessThan(8_000)
    expect(await storage.exists(info)).toBe(false)
    expect((await storage.putContent(info, 'x')).version).toBe(1)
  })

  test('a hook that waits for its own storage ends with the time of its transaction', async () => {
    await using opened = await openFresh(name, { transactionTimeoutMs: 300 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    let inner: Promise<unknown> = Promise.resolve()
    const beforeCommit = async () => {
      await Promise.resolve()
      inner = storage.putContent(info, 'inner').catch(() => undefined)
      await inner
    }
    const error = await errorOf(storage.putContent(info, 'outer', { transaction: { beforeCommit } }))
    expect(error.code).toBe('E_TIMEOUT')
    expect(error.message).toMatch(/own storage/)
    await inner
    expect((await storage.getMany([info]))[0]?.bytes.toString()).not.toBe('outer')
  })

  test('the journal row has keys, version, address and the time of the database', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const keys = ['plain', 'quote " and \\ and \u2603 and \u{1f4a9}', '%_']
    const info = storage.info('col \u2603', 'res "\u{1f4a9}')
    await storage.putContent(info, '1')
    const result = await storage.putContent(info, '2', { transaction: { ...nothing, journal: keys } })
    const [row] = await opened.query('SELECT * FROM larder_journal')
    expect(String(row?.['id'])).toBe(result.journalId)
    expect(JSON.parse(String(row?.['cache_keys']))).toEqual(keys)
    expect(Number(row?.['version'])).toBe(2)
    expect(String(row?.['collection'])).toBe(info.collection)
    expect(String(row?.['resource'])).toBe(info.resource)
    expect(Math.abs(Number(row?.['created_ms']) - Date.now())).toBeLessThan(60_000)
    await storage.acknowledge([result.journalId ?? '', '999999999', 'no id', "1' OR '1'='1"])
    expect(await opened.count('journal')).toBe(0)
  })

  test('thousands of journal rows are settled at once', async () => {
    await using opened = await openFresh(name)
    const ids = Array.from({ length: 2_500 }, (_, i) => String(i + 1))
    const { journalId = '' } = await opened.storage.putContent(opened.storage.info('c', 'r'), 'x', {
      transaction: { ...nothing, journal: [] },
    })
    await opened.storage.acknowledge([...ids, journalId])
    expect(await opened.count('journal')).toBe(0)
  })

  test('a write aborted while its hook runs has not happened', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const abort = new AbortController()
    const info = storage.info('c', 'r')
    const entered = gate()
    const write = storage.putContent(info, 'x', {
      signal: abort.signal,
      transaction: {
        beforeCommit: (_: PendingWrite) => {
          entered.open()
          return new Promise<void>(() => undefined)
        },
      },
    })
    await entered.opened
    abort.abort()
    expect((await errorOf(write)).code).toBe('E_ABORTED')
    expect(await storage.exists(info)).toBe(false)
    await storage.putContent(info, 'y')
  })

  test('collections and resources with similar names are distinct', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const names = [
      'a',
      'A',
      'a ',
      ' a',
      'a\t',
      'á',
      'a\u0301',
      'ａ',
      'ß',
      'ss',
      'ﬀ',
      'ff',
      '\u{10000}',
      '\uffff',
      '1',
      '01',
      '%',
      '_',
      "'",
      '\\',
      '\\\\',
      'null',
      '?',
      '$1',
      ':a',
    ]
    for (const collection of names) {
      for (const resource of names) {
        await storage.putContent(storage.info(collection, resource), `${collection}/${resource}`)
      }
    }
    for (const collection of names) {
      const infos = names.map((resource) => storage.info(collection, resource))
      const parts = await storage.getMany(infos)
      expect(parts.map((part) => part?.bytes.toString())).toEqual(
        names.map((resource) => `${collection}/${resource}`),
      )
      expect([...(await storage.ls(collection)).keys()]).toEqual(
        [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      )
    }
  })
})
