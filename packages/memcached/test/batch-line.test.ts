import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { opaqueOf, TextServer } from './support/text-server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server that answers only on request of the test. */
async function start() {
  const held: { readonly line: string; readonly socket: Socket }[] = []
  const server = await TextServer.start((line, socket) => void held.push({ line, socket }))
  cleanups.push(() => server.stop())
  const answerNext = async (answer = 'HD') => {
    await expect.poll(() => held.length).toBeGreaterThan(0)
    for (const { line, socket } of held.splice(0)) socket.write(`${answer} ${opaqueOf(line)}`.trim() + '\r\n')
  }
  /** The keys in the order in which they came. */
  const keys = () => server.lines.map((line) => line.split(' ')[1])
  return { server, answerNext, keys }
}

function open(server: TextServer, options: RemoteCacheOptions): RemoteCache {
  const cache = new RemoteCache(server.address, { transport: 'meta', timeoutMs: 60_000, ...options })
  cleanups.push(() => cache.close())
  return cache
}

const code = (error: unknown) => (isStorageError(error) ? error.code : error)

/** Touches each key as one batch; what became of each. */
function touchAll(cache: RemoteCache, keys: readonly string[], signal?: AbortSignal): Promise<unknown>[] {
  const batch = {}
  return keys.map((key) => cache.touch(key, undefined, { batch, signal }).catch(code))
}

describe('commands of a batch that find no room', () => {
  test('wait until there is some, and batches take turns', async () => {
    const { server, answerNext, keys } = await start()
    const cache = open(server, { maxQueuedCommands: 2 })
    const calls = [...touchAll(cache, ['a1', 'a2', 'a3', 'a4']), ...touchAll(cache, ['b1', 'b2'])]
    for (let i = 0; i < calls.length; i++) await answerNext()
    expect(await Promise.all(calls)).toEqual(Array(6).fill(true))
    expect(keys()).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4'])
  })

  test('take no room of others, and others none of theirs', async () => {
    const { server, answerNext, keys } = await start()
    const cache = open(server, { maxQueuedCommands: 2 })
    const batch = touchAll(cache, ['a1', 'a2'])
    const others = ['b1', 'b2', 'b3'].map((key) => cache.touch(key, undefined).catch(code))
    expect(await others[2]).toBe('E_OVERLOADED')
    await answerNext()
    await answerNext()
    expect(await Promise.all([...batch, ...others])).toEqual([true, true, true, true, 'E_OVERLOADED'])
    expect(keys()).toEqual(['a1', 'b1', 'b2', 'a2'])
  })

  test('wait for room by bytes too, and one that is larger than all of it is sent alone', async () => {
    const { server, answerNext, keys } = await start()
    const cache = open(server, { maxQueuedBytes: 2_000 })
    const batch = {}
    const calls = ['a1', 'a2', 'a3'].map((key) => cache.put(key, Buffer.alloc(5_000), { batch }))
    for (let sent = 1; sent <= calls.length; sent++) {
      await expect.poll(() => keys().length).toBe(sent)
      await answerNext()
    }
    expect(await Promise.all(calls)).toEqual([true, true, true])
    expect(keys()).toEqual(['a1', 'a2', 'a3'])
  })

  test('are settled when the cache is closed', async () => {
    const { server, keys } = await start()
    const cache = open(server, { maxQueuedCommands: 2 })
    const calls = touchAll(cache, ['a1', 'a2', 'a3'])
    await expect.poll(() => keys().length).toBe(1)
    await cache.close()
    expect(await Promise.all(calls)).toEqual(Array(3).fill('E_CLOSED'))
  })

  test('are settled when the server does not answer and when it is lost', async () => {
    const { server } = await start()
    const cache = open(server, { maxQueuedCommands: 2, timeoutMs: 50, deadTimeoutMs: 60_000 })
    const silent = await Promise.all(touchAll(cache, ['a1', 'a2', 'a3']))
    expect(silent[0]).toBe('E_TIMEOUT')
    expect(silent.every((result) => result === 'E_TIMEOUT' || result === 'E_CACHE_UNAVAILABLE')).toBe(true)
    await server.stop()
    expect(await Promise.all(touchAll(cache, ['b1', 'b2', 'b3']))).toEqual(
      Array(3).fill('E_CACHE_UNAVAILABLE'),
    )
  })

  test('are not sent once they were aborted', async () => {
    const { server, answerNext, keys } = await start()
    const cache = open(server, { maxQueuedCommands: 2 })
    const controller = new AbortController()
    const aborted = touchAll(cache, ['a1', 'a2', 'a3'], controller.signal)
    const [other] = touchAll(cache, ['b1'])
    await expect.poll(() => keys().length).toBe(1)
    controller.abort()
    expect(await Promise.all(aborted)).toEqual(Array(3).fill('E_ABORTED'))
    await answerNext()
    await answerNext()
    expect(await other).toBe(true)
    expect(keys()).toEqual(['a1', 'b1'])
  })

  test('are refused where as many wait already and none had a turn within the time-out', async () => {
    const { server, answerNext } = await start()
    let now = 0
    const cache = open(server, { maxQueuedCommands: 2, timeoutMs: 1_000, now: () => now })
    const waiting = touchAll(cache, ['a1', 'a2', 'a3'])
    now = 900
    const more = touchAll(cache, ['b1'])
    now = 1_001
    expect(await touchAll(cache, ['c1'])[0]).toBe('E_OVERLOADED')
    for (let i = 0; i < 4; i++) await answerNext()
    expect(await Promise.all([...waiting, ...more])).toEqual(Array(4).fill(true))
  })
})

test('setMulti and getMulti keep at most two commands of limited size in flight to a server', async () => {
  const { server, answerNext, keys } = await start()
  const cache = open(server, {})
  const entries = ['s1', 's2', 's3', 's4'].map((key) => ({ key, value: Buffer.alloc(600_000) }))
  const stored = cache.setMulti(entries)
  await expect.poll(() => keys().length).toBe(2)
  await answerNext()
  await expect.poll(() => keys().length).toBe(4)
  await answerNext()
  expect((await stored).size).toBe(0)
  const missing = Array.from({ length: 2_500 }, (_, i) => `g${i}`)
  const found = cache.getMulti(missing)
  // A line has 100 keys, and a command as many lines as it takes.
  await expect.poll(() => server.lines.length).toBe(4 + 20)
  await answerNext('END')
  await expect.poll(() => server.lines.length).toBe(4 + 25)
  await answerNext('END')
  expect(await found).toMatchObject({ items: new Map(), failed: new Map() })
})

test('setMulti reports the stored items when a later command fails', async () => {
  const { server, answerNext, keys } = await start()
  const cache = open(server, {})
  const entries = ['s1', 's2', 's3', 's4'].map((key) => ({ key, value: Buffer.alloc(600_000) }))
  const stored = cache.setMulti(entries)
  await expect.poll(() => keys().length).toBe(2)
  await answerNext()
  await expect.poll(() => keys().length).toBe(4)
  cache.disconnectAll()
  expect([...(await stored).keys()]).toEqual(['s3', 's4'])
})
