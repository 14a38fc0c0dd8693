import { MemoryStorage, OutcomeUnknownError, type Storage, StorageError } from '@larder/storage-core'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { type Stage, stage, textOf } from '../support/races.js'

type ProxyStage = Stage & { readonly reader: MemcacheStorage; readonly writer: MemcacheStorage }

const NAMES = ['a', 'b'] as const

function play(options: ProtocolOptions = {}): ProxyStage {
  return stage(
    (storage, cache) => new MemcacheStorage({ storage, cache, fillWaitMs: 20, ...options }),
    new MemoryStorage(),
  ) as ProxyStage
}

const infosOf = (storage: Storage) => NAMES.map((name) => storage.info('c', name))
const textsOf = (storage: Storage) => Promise.all(infosOf(storage).map((info) => textOf(storage, info)))
const write = (storage: Storage, content: string) =>
  storage.transaction(async (tx) => {
    for (const info of infosOf(tx)) await tx.putContent(info, content)
  })

describe('a transaction of several calls', () => {
  test('leaves its values in the cache, and the listing knows its resources', async () => {
    const { durable, reader, writer } = play()
    await reader.ls('c')
    await write(writer, 'new')
    durable.forgetCalls()
    expect(await textsOf(reader)).toEqual(['new', 'new'])
    expect([...(await reader.ls('c')).keys()]).toEqual([...NAMES])
    expect(durable.count('read')).toBe(0)
    expect(writer.counters()).toMatchObject({ writes: 2, unconfirmedWrites: 0 })
  })

  test('does not touch the cache before it commits, and fills nothing', async () => {
    const { server, reader, writer } = play()
    await write(writer, 'old')
    await textsOf(reader)
    await writer.transaction(async (tx) => {
      await tx.putContent(tx.info('c', 'a'), 'new')
      await tx.getContent(tx.info('c', 'a'))
      await tx.getMany(infosOf(tx), { part: 'metadata' })
      expect(await textsOf(reader)).toEqual(['old', 'old'])
      expect(await server.cache.get(`${writer.info('c', 'a').key}:m`)).toBeUndefined()
    })
    expect(await textsOf(reader)).toEqual(['new', 'old'])
  })

  test('is seen as a whole before the answer to the commit arrives', async () => {
    const { durable, reader, writer } = play()
    await write(writer, 'old')
    await textsOf(reader)
    const answer = durable.pauseNextWrite({ at: 'after' })
    const writing = write(writer, 'new')
    await answer.reached
    expect(await textsOf(reader)).toEqual(['new', 'new'])
    answer.open()
    await writing
    expect(await textsOf(reader)).toEqual(['new', 'new'])
  })

  test('refuses the fill of a reader that read before the commit', async () => {
    const { durable, reader, writer } = play()
    await write(durable, 'old')
    const gate = durable.pauseNextRead()
    const slow = textOf(reader, reader.info('c', 'a'))
    await gate.reached
    await write(writer, 'new')
    gate.open()
    await slow
    expect(await textsOf(reader)).toEqual(['new', 'new'])
  })

  test('leaves the last of several writes of a resource, each part with its own version', async () => {
    const { durable, reader, writer } = play()
    const info = writer.info('c', 'a')
    const { value } = await writer.transaction(async (tx) => {
      await tx.put(info, { content: 'first', metadata: 'first' })
      const content = await tx.putContent(info, 'second')
      const metadata = await tx.putMetaData(info, 'third')
      await tx.putContent(tx.info('c', 'b'), 'gone')
      await tx.removeContent(tx.info('c', 'b'))
      return [content, metadata]
    })
    durable.forgetCalls()
    expect(await reader.getContent(info)).toMatchObject({ version: value[0]?.version })
    expect(await reader.getMetaData(info)).toMatchObject({ version: value[1]?.version })
    expect(await textOf(reader, reader.info('c', 'b'))).toBeUndefined()
    expect(durable.count('read')).toBe(0)
    expect([...(await reader.ls('c')).keys()]).toEqual(['a'])
  })

  test('keeps its bytes, though the caller uses their memory again', async () => {
    const { durable, reader, writer } = play()
    const bytes = Buffer.from('kept')
    await writer.transaction(async (tx) => {
      await tx.putContent(tx.info('c', 'a'), bytes)
      bytes.fill('x')
    })
    durable.forgetCalls()
    expect(await textOf(reader, reader.info('c', 'a'))).toBe('kept')
    expect(durable.count('read')).toBe(0)
  })

  test('removes marks where a value is too large to be kept until the commit', async () => {
    const { durable, reader, writer } = play({ maxCachedBytes: 10 })
    await write(writer, 'old')
    await writer.transaction(async (tx) => {
      await tx.putContent(tx.info('c', 'a'), 'larger than ten bytes')
      await tx.putContent(tx.info('c', 'b'), '12345678')
    })
    durable.forgetCalls()
    expect(await textsOf(reader)).toEqual(['larger than ten bytes', '12345678'])
    expect(durable.count('read')).toBe(1)
  })

  test('keeps nothing out of the cache where it is rolled back at its commit', async () => {
    const { server, durable, reader, writer } = play()
    await write(durable, 'old')
    durable.failNextWrites(1, new StorageError('E_CONFLICT', 'Deadlock'), { at: 'commit' })
    await expect(write(writer, 'new')).rejects.toMatchObject({ code: 'E_CONFLICT' })
    for (const info of infosOf(reader)) expect(await server.cache.get(`${info.key}:c`)).toBeUndefined()
    expect(await textsOf(reader)).toEqual(['old', 'old'])
  })

  test('stays marked where it is not known whether it was committed', async () => {
    const { durable, reader, writer } = play()
    await write(durable, 'old')
    await textsOf(reader)
    durable.failNextWrites(1, new OutcomeUnknownError('No answer to the commit'), { at: 'after' })
    await expect(write(writer, 'new')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
    expect(await textsOf(reader)).toEqual(['new', 'new'])
  })

  test('sets no mark for writes that a nested one rolled back', async () => {
    const { durable, reader, writer } = play()
    await write(writer, 'old')
    const boom = new Error('only this')
    await writer.transaction(async (tx) => {
      await tx.putContent(tx.info('c', 'b'), 'new')
      const nested = tx.transaction(async (inner) => {
        await inner.putContent(tx.info('c', 'a'), 'never')
        throw boom
      })
      await expect(nested).rejects.toBe(boom)
    })
    durable.forgetCalls()
    expect(await textsOf(reader)).toEqual(['old', 'new'])
    expect(durable.count('read')).toBe(0)
  })

  test("with 'reject', writes nothing where the marks cannot be set", async () => {
    const { durable, writer, writerCache } = play({ whenCacheFails: 'reject' })
    await write(writer, 'old')
    writerCache.isDown = true
    await expect(write(writer, 'new')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(await textsOf(durable)).toEqual(['old', 'old'])
  })

  test.each(['bypass', 'reject'] as const)(
    'with %s, a cache that is lost after the marks is no error and is invalidated later',
    async (whenCacheFails) => {
      const options = { whenCacheFails, relayAfterMs: 0, relayIntervalMs: 20, confirmTimeoutMs: 50 }
      const { durable, reader, writer, writerCache } = play(options)
      await write(writer, 'old')
      await textsOf(reader)
      const commit = durable.pauseNextWrite({ at: 'commit' })
      const writing = write(writer, 'new')
      await commit.reached
      while (writerCache.count('set') < 4) await new Promise((resolve) => setImmediate(resolve))
      writerCache.isDown = true
      commit.open()
      expect(await writing).toEqual({ value: undefined, cacheInvalidated: false })
      expect(writer.counters().unconfirmedWrites).toBe(2)
      writerCache.isDown = false
      while (writer.counters().relayed + reader.counters().relayed < 2)
        await new Promise((resolve) => setTimeout(resolve, 5))
      expect(await textsOf(reader)).toEqual(['new', 'new'])
      await writer.shutdown()
      await reader.shutdown()
    },
  )

  test('drops its journal rows when the cache is right', async () => {
    const { durable, writer } = play()
    await write(writer, 'new')
    await writer.shutdown()
    expect(await durable.claim({ olderThanMs: 0 }, async () => [])).toBe(0)
  })
})
