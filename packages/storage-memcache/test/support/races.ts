import { MemoryStorage, type ResourceInfo, type Storage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { expect } from 'vitest'
import { CacheServer, type FaultyCache } from './faulty-cache.js'

/** Two processes with a proxy each, one cache server and one durable storage, which all can be stopped and broken. */
export interface Stage {
  readonly server: CacheServer
  readonly durable: FaultyStorage
  readonly reader: Storage
  readonly readerCache: FaultyCache
  readonly writer: Storage
  readonly writerCache: FaultyCache
}

export type MakeProxy = (durable: Storage, cache: FaultyCache) => Storage

export function stage(makeProxy: MakeProxy, inner: Storage = new MemoryStorage()): Stage {
  const server = new CacheServer()
  const durable = new FaultyStorage(inner)
  const readerCache = server.client()
  const writerCache = server.client()
  return {
    server,
    durable,
    readerCache,
    writerCache,
    reader: makeProxy(durable, readerCache),
    writer: makeProxy(durable, writerCache),
  }
}

export async function textOf(storage: Storage, info: ResourceInfo): Promise<string | undefined> {
  const [found] = await storage.getMany([info])
  return found?.bytes.toString()
}

export const FILM = ['films', 'academy dinosaur'] as const

/** Races that any cache in front of a database can meet, each as a play with one right ending. */
export const races: Readonly<Record<string, (makeProxy: MakeProxy) => Promise<void>>> = {
  async 'a write overtakes a fill'(makeProxy) {
    const { durable, reader, writer } = stage(makeProxy)
    const info = reader.info(...FILM)
    await durable.putContent(durable.info(...FILM), 'old')
    const gate = durable.pauseNextRead()
    const slow = textOf(reader, info)
    await gate.reached
    await writer.putContent(info, 'new')
    gate.open()
    await slow
    expect(await textOf(reader, info)).toBe('new')
    expect(await textOf(writer, info)).toBe('new')
  },

  async 'a write overtakes a fill in the same process'(makeProxy) {
    const { durable, writer } = stage(makeProxy)
    const info = writer.info(...FILM)
    await durable.putContent(durable.info(...FILM), 'old')
    const gate = durable.pauseNextRead()
    const slow = textOf(writer, info)
    await gate.reached
    await writer.putContent(info, 'new')
    gate.open()
    await slow
    expect(await textOf(writer, info)).toBe('new')
  },

  async 'the answers of two commits arrive in the wrong order'(makeProxy) {
    const { durable, reader, writer } = stage(makeProxy)
    const info = reader.info(...FILM)
    const gate = durable.pauseNextWrite({ at: 'after' })
    const first = reader.putContent(info, 'first')
    await gate.reached
    await writer.putContent(info, 'second')
    gate.open()
    await first
    expect(await textOf(reader, info)).toBe('second')
    expect(await textOf(writer, info)).toBe('second')
  },

  async 'a removal overtakes a fill'(makeProxy) {
    const { durable, reader, writer } = stage(makeProxy)
    const info = reader.info(...FILM)
    await durable.putContent(durable.info(...FILM), 'old')
    const gate = durable.pauseNextRead()
    const slow = textOf(reader, info)
    await gate.reached
    await writer.remove(info)
    gate.open()
    await slow
    expect(await textOf(reader, info)).toBeUndefined()
  },

  async 'a create overtakes the building of a listing'(makeProxy) {
    const { durable, reader, writer } = stage(makeProxy)
    await durable.putContent(durable.info('films', 'ace goldfinger'), 'x')
    const gate = durable.pauseNextListing()
    const slow = reader.ls('films')
    await gate.reached
    await writer.putContent(writer.info('films', 'zorro ark'), 'x')
    gate.open()
    await slow
    expect([...(await reader.ls('films')).keys()]).toEqual(['ace goldfinger', 'zorro ark'])
  },

  async 'a removal overtakes the building of a listing'(makeProxy) {
    const { durable, reader, writer } = stage(makeProxy)
    await durable.putContent(durable.info('films', 'ace goldfinger'), 'x')
    await durable.putContent(durable.info('films', 'zorro ark'), 'x')
    const gate = durable.pauseNextListing()
    const slow = reader.ls('films')
    await gate.reached
    await writer.remove(writer.info('films', 'zorro ark'))
    gate.open()
    await slow
    expect([...(await reader.ls('films')).keys()]).toEqual(['ace goldfinger'])
  },
}
