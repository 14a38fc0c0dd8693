import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import { PATIENT } from '@larder/dev-servers/vitest'
import { MemcacheClient, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

// Its own: the shared one evicts what other tests have no room for.
let server: MemcachedServer
beforeAll(async () => {
  server = await startMemcached({ args: ['-m', '256'] })
})
afterAll(() => server.stop())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

function open(options: RemoteCacheOptions = {}): MemcacheClient {
  const cache = new RemoteCache(server.address, { ...PATIENT, ...options })
  cleanups.push(() => cache.close())
  return new MemcacheClient({ cache, keyPrefix: `waves-${process.pid}:` })
}

function openSpace(client: MemcacheClient): MemcacheClient {
  return client.namespace('space')
}

const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`)

async function checkAll(client: MemcacheClient, count: number): Promise<void> {
  const keys = keysOf(count)
  const entries = keys.map((key) => [key, 'a'] as const)
  const whole = async (
    answers: Promise<{ values: ReadonlyMap<string, unknown>; failed: ReadonlyMap<string, Error> }>,
  ) => {
    const { values, failed } = await answers
    expect([...failed.values()].map(String)).toEqual([])
    expect(values.size).toBe(count)
    return values
  }
  await whole(client.setMulti(entries))
  await whole(client.getMulti(keys))
  expect(new Set((await whole(client.deleteMulti(keys))).values())).toEqual(new Set([true]))
  expect(new Set((await whole(client.addMulti(entries))).values())).toEqual(new Set([true]))
  expect(new Set((await whole(client.replaceMulti(entries))).values())).toEqual(new Set([true]))
  const found = (await client.getsMulti<string>(keys)).values
  const changed = keys.map((key) => [key, 1, found.get(key)!.cas] as const)
  expect(new Set((await whole(client.casMulti(changed))).values())).toEqual(new Set([true]))
  const sums = await whole(client.offsetMulti(keys.map((key) => [key, 2] as const)))
  expect(new Set(sums.values())).toEqual(new Set([3]))
  const routed = keys.map((key, i) => [i, key] as [number, string])
  const answers = await client.deleteMulti(routed)
  expect([...answers.failed.values()].map(String)).toEqual([])
}

describe('a batch that is larger than the queue of a server', () => {
  test('of 30,000 keys gets an answer for every key from every command', async () => {
    await checkAll(open(), 30_000)
  }, 60_000)

  test('gets an answer for every key where only 100 commands may wait, over several connections too', async () => {
    await checkAll(open({ maxQueuedCommands: 100 }), 2_000)
    await checkAll(open({ maxQueuedCommands: 100, connectionsPerServer: 4 }), 2_000)
    await checkAll(open({ maxQueuedCommands: 1 }), 20)
  }, 60_000)

  test('gets an answer for every key while other callers fill the queue without a gap', async () => {
    const client = open({ maxQueuedCommands: 100 })
    let isDone = false
    let refused = 0
    let answered = 0
    const callers = Array.from({ length: 150 }, async (_, i) => {
      while (!isDone) {
        const [result] = await Promise.allSettled([client.get(`other${i}`)])
        if (result.status === 'fulfilled') answered++
        else if (isStorageError(result.reason, 'E_OVERLOADED')) refused++
        else throw result.reason
        // A refusal comes within the turn of the event loop: the next call is for the next turn.
        await nextTurn()
      }
    })
    try {
      while (refused === 0) await nextTurn()
      const before = answered
      await checkAll(client, 2_000)
      await checkAll(openSpace(client), 500)
      expect(answered - before).toBeGreaterThan(2_000)
    } finally {
      isDone = true
      await Promise.all(callers)
    }
  }, 60_000)

  test('takes no room from other callers', async () => {
    const client = open({ maxQueuedCommands: 2 })
    const batches = Promise.all([checkAll(client, 500), checkAll(openSpace(client), 500)])
    let isDone = false
    const end = () => (isDone = true)
    batches.then(end, end)
    // One at a time fits in the room for two.
    while (!isDone) await client.get('other')
    await batches
  }, 60_000)
})
