import {
  type CallOptions,
  MemoryStorage,
  OutcomeUnknownError,
  type ResourceInfo,
  type ResourceWrite,
  type Storage,
  StorageError,
} from '@larder/storage-core'
import { type PutArguments, untilAborted } from '@larder/storage-core/driver'
import { FaultyStorage, ForwardingStorage } from '@larder/storage-core/testing'
import { MemcacheStorage, type ProtocolOptions } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { type Stage, stage, textOf } from '../support/races.js'

type ProxyStage = Stage & { readonly reader: MemcacheStorage; readonly writer: MemcacheStorage }

const NAMES = ['a', 'b', 'c'] as const

function play(options: ProtocolOptions = {}): ProxyStage {
  return stage(
    (storage, cache) => new MemcacheStorage({ storage, cache, fillWaitMs: 20, ...options }),
    new MemoryStorage(),
  ) as ProxyStage
}

const infosOf = (storage: Storage): ResourceInfo[] => NAMES.map((name) => storage.info('c', name))
const write = (storage: Storage, content: string) =>
  storage.writeMany(infosOf(storage).map((info) => ({ info, content })))
const textsOf = (storage: Storage) => Promise.all(infosOf(storage).map((info) => textOf(storage, info)))
const contentKey = ({ key }: ResourceInfo) => `${key}:c`

/** Hears an abort while hooks run, as a database does. */
class Impatient extends ForwardingStorage {
  override put(info: ResourceInfo, ...args: PutArguments) {
    return untilAborted(super.put(info, ...args), args[1]?.signal)
  }

  override writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    return untilAborted(super.writeMany(writes, options), options?.signal)
  }
}

/** Hands streams on. */
class Streaming extends ForwardingStorage {
  override get supports() {
    return { ...this.inner.supports, streams: true }
  }
}

describe('several resources written together', () => {
  test('are left in the cache for readers of every process', async () => {
    const { durable, reader, writer } = play()
    await write(writer, 'old')
    durable.forgetCalls()
    expect(await textsOf(reader)).toEqual(['old', 'old', 'old'])
    expect(durable.count('read')).toBe(0)
    expect(writer.counters()).toMatchObject({ writes: 3, unconfirmedWrites: 0 })
  })

  test('are seen together, by readers and in listings, before the answer to the commit arrives', async () => {
    const { durable, reader, writer } = play()
    await writer.putContent(writer.info('c', 'a'), 'old')
    await textsOf(reader)
    await reader.ls('c')
    const answer = durable.pauseNextWrite({ at: 'after' })
    const writing = write(writer, 'new')
    await answer.reached
    expect(await textsOf(reader)).toEqual(['new', 'new', 'new'])
    answer.open()
    await writing
    expect(await textsOf(reader)).toEqual(['new', 'new', 'new'])
    expect([...(await reader.ls('c')).keys()]).toEqual([...NAMES])
  })

  test('keep nothing out of the cache where they are rolled back', async () => {
    const { server, durable, reader, writer } = play()
    await write(durable, 'old')
    durable.failNextWrites(1, new StorageError('E_CONFLICT', 'Deadlock'), { at: 'commit' })
    await expect(write(writer, 'new')).rejects.toMatchObject({ code: 'E_CONFLICT' })
    for (const info of infosOf(reader)) expect(await server.cache.get(contentKey(info))).toBeUndefined()
    expect(await textsOf(reader)).toEqual(['old', 'old', 'old'])
  })

  test('stay marked where it is not known whether they were committed', async () => {
    const { durable, reader, writer } = play()
    await write(durable, 'old')
    await textsOf(reader)
    durable.failNextWrites(1, new OutcomeUnknownError('No answer to the commit'), { at: 'after' })
    await expect(write(writer, 'new')).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
    expect(await textsOf(reader)).toEqual(['new', 'new', 'new'])
    expect(reader.counters().bypasses).toBe(3)
  })

  test('are read again where one was refused', async () => {
    const { durable, reader, writer } = play()
    await write(durable, 'old')
    const [a, b] = infosOf(reader) as [ResourceInfo, ResourceInfo]
    const { etag } = await reader.getContent(a)
    // Past the cache, which does not hear of it.
    await durable.putContent(durable.info('c', 'a'), 'newer')
    const writes = [
      { info: b, content: 'new' },
      { info: a, content: 'new', ifMatch: etag },
    ]
    await expect(writer.writeMany(writes)).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    expect(await textsOf(reader)).toEqual(['newer', 'old', 'old'])
  })

  test("'reject': where the cache does not answer nothing is written", async () => {
    const { durable, writer, writerCache } = play({ whenCacheFails: 'reject' })
    await write(durable, 'old')
    // One of the marks has no answer.
    writerCache.failNext('set', 1)
    await expect(write(writer, 'new')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(await textsOf(durable)).toEqual(['old', 'old', 'old'])
  })

  test('are not marked after an abort', async () => {
    const { server, durable, reader } = play()
    const writer = new MemcacheStorage({ storage: new Impatient(durable), cache: server.cache })
    await write(durable, 'old')
    const abort = new AbortController()
    let go: () => void = () => undefined
    const held = new Promise<void>((resolve) => (go = resolve))
    const transaction = {
      async beforeCommit() {
        abort.abort()
        await held
      },
    }
    const writes = infosOf(writer).map((info) => ({ info, content: 'new', transaction }))
    const writing = writer.writeMany(writes, { signal: abort.signal })
    const alone = writer.putContent(writer.info('c', 'd'), 'new', { transaction, signal: abort.signal })
    await expect(writing).rejects.toMatchObject({ code: 'E_ABORTED' })
    await expect(alone).rejects.toMatchObject({ code: 'E_ABORTED' })
    // The hooks go on all the same.
    go()
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
    for (const info of [...infosOf(reader), reader.info('c', 'd')])
      expect(await server.cache.get(contentKey(info))).toBeUndefined()
    expect(await textsOf(reader)).toEqual(['old', 'old', 'old'])
  })

  test('keep no more of streams than one of them may', async () => {
    const { server } = play()
    const durable = new FaultyStorage(new Streaming(new MemoryStorage()))
    const [writer, reader] = [1, 2].map(
      () => new MemcacheStorage({ storage: durable, cache: server.cache, maxCachedBytes: 1_000 }),
    ) as [MemcacheStorage, MemcacheStorage]
    const stream = async function* () {
      for (let i = 0; i < 6; i++) yield Buffer.alloc(100, 'x')
    }
    await writer.writeMany(infosOf(writer).map((info) => ({ info, content: stream() })))
    durable.forgetCalls()
    expect((await textsOf(reader)).map((text) => text?.length)).toEqual([600, 600, 600])
    expect(durable.calls.flatMap(({ infos }) => infos)).toHaveLength(2)
  })

  test('have one time for all in which to learn that the cache is right', async () => {
    const { durable, writer, writerCache } = play({ whenCacheFails: 'reject', confirmTimeoutMs: 50 })
    const answer = durable.pauseNextWrite({ at: 'after' })
    const infos = Array.from({ length: 2_000 }, (_, i) => writer.info('c', `r${i}`))
    const writing = writer.writeMany(infos.map((info) => ({ info, content: 'new' })))
    await answer.reached
    writerCache.isDown = true
    const begun = performance.now()
    answer.open()
    await expect(writing).rejects.toMatchObject({ code: 'E_OUTCOME_UNKNOWN' })
    // Twenty in a lane, each with a time of its own, take more than the waits of all together.
    expect(writer.counters().cacheErrors).toBeLessThan(2 * infos.length + 500)
    expect(performance.now() - begun).toBeLessThan(60_000)
  })

  test('each have a journal row until the cache is confirmed', async () => {
    const { durable, writer } = play()
    const results = await write(writer, 'new')
    expect(results.map(({ journalId }) => journalId)).toEqual([undefined, undefined, undefined])
    await writer.shutdown()
    expect(await durable.claim({ olderThanMs: 0 }, async () => [])).toBe(0)
  })

  test('an unconfirmed one leaves its row to the relay', async () => {
    const { durable, writer, writerCache } = play()
    const answer = durable.pauseNextWrite({ at: 'after' })
    const writing = write(writer, 'new')
    await answer.reached
    writerCache.isDown = true
    answer.open()
    await writing
    expect(writer.counters().unconfirmedWrites).toBe(3)
    const keys: string[] = []
    await durable.claim({ olderThanMs: 0 }, async (rows) => {
      for (const row of rows) keys.push(...row.keys)
      return []
    })
    for (const info of infosOf(writer))
      expect(keys.filter((key) => key.endsWith(contentKey(info)))).toHaveLength(1)
  })

  test('writers of one process, whatever their order, enter one after the other', async () => {
    const { durable, writer } = play()
    const gate = durable.pauseNextWrite({ at: 'locked' })
    const first = write(writer, 'first')
    await gate.reached
    const reversed = infosOf(writer).reverse()
    const second = writer.writeMany(reversed.map((info) => ({ info, content: 'second' })))
    const third = writer.putContent(writer.info('c', 'b'), 'third')
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(durable.count('write')).toBe(1)
    gate.open()
    await Promise.all([first, second, third])
    expect(durable.count('write')).toBe(3)
    const [a, , c] = await textsOf(writer)
    expect([a, c]).toEqual(['second', 'second'])
    expect(await textsOf(writer)).toEqual(await textsOf(durable))
  })
})
