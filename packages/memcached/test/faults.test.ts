import { isStorageError } from '@larder/storage-core'
import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { startWire, type Asked, type FaultyWire } from './support/wires.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const value = Buffer.from('v')
/** No test waits for it: what has to settle before has another reason. */
const NEVER_MS = 60_000

/** What must hold whatever a server does, over both protocols. */
describe.each(['meta', 'binary'] as const)('%s', (transport) => {
  async function start(script: (asked: Asked) => void): Promise<FaultyWire> {
    const server = await startWire(transport, script)
    cleanups.push(() => server.stop())
    return server
  }

  function open(server: FaultyWire, options: RemoteCacheOptions = {}): RemoteCache {
    const cache = new RemoteCache(server.address, { transport, timeoutMs: NEVER_MS, ...options })
    cleanups.push(() => cache.close())
    return cache
  }

  const answer = (asked: Asked) => void asked.socket.write(asked.hit(`value of ${asked.key}`))
  const text = async (asking: Promise<{ readonly value: Buffer } | undefined>) =>
    String((await asking)?.value)

  test('a server that hangs: a call settles while others are still being made', async () => {
    const server = await start(() => {})
    const cache = open(server, { timeoutMs: 150, deadTimeoutMs: 1 })
    let result: unknown
    void cache.get('first').catch((error: unknown) => (result = code(error)))
    const others: Promise<unknown>[] = []
    while (result === undefined) {
      others.push(cache.get(`k${others.length}`).catch(code))
      await sleep(20)
    }
    expect(result).toBe('E_TIMEOUT')
    for (const other of await Promise.all(others))
      expect(['E_TIMEOUT', 'E_CACHE_UNAVAILABLE']).toContain(other)
  })

  test('half a reply, then a reset: the read is made again, and nothing of the half is left', async () => {
    const server = await start((asked) => {
      if (asked.connection > 1 || asked.key === 'warm') return answer(asked)
      const { socket } = asked
      socket.write(asked.hit('X'.repeat(100)).subarray(0, 60), () => socket.resetAndDestroy())
    })
    const cache = open(server)
    await cache.get('warm')
    expect(await text(cache.get('k'))).toBe('value of k')
    expect(server.connections).toBe(2)
  })

  test('after a clean close with commands in flight, reads are repeated and stores have known outcomes', async () => {
    const server = await start((asked) => {
      if (asked.connection > 1 || asked.key === 'warm') return answer(asked)
      if (asked.key === 'last') asked.socket.end()
    })
    const cache = open(server)
    await cache.get('warm')
    const calls = [cache.get('a'), cache.get('b'), cache.set('c', value), cache.get('last')]
    const settled = await Promise.all(calls.map((call) => call.then((item) => item && 'read', code)))
    expect(settled).toEqual(['read', 'read', 'E_CACHE_UNAVAILABLE', 'read'])
    expect(server.asked.filter((key) => key === 'c').length).toBe(1)
  })

  test('data that arrives after the time-out is ignored', async () => {
    let late: Asked | undefined
    const server = await start((asked) => {
      if (asked.key !== 'slow') {
        // Just before the answer on the new connection, what is due comes on the old one.
        late?.socket.write(late.hit('value of slow'))
        return answer(asked)
      }
      late = asked
      asked.socket.write(asked.hit('value of slow').subarray(0, 10))
    })
    const cache = open(server, { timeoutMs: 100, deadTimeoutMs: 1 })
    await expect(cache.get('slow')).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    await expect.poll(() => server.open).toBe(0)
    await expect.poll(() => text(cache.get('k')).catch(code)).toBe('value of k')
    expect(server.connections).toBe(2)
  })

  test('a read is made twice and no more, a store once', async () => {
    const server = await start((asked) => {
      if (asked.key === 'warm') answer(asked)
      else asked.socket.resetAndDestroy()
    })
    let now = 0
    const cache = open(server, { now: () => now })
    const asked = async (key: string, call: () => Promise<unknown>) => {
      now += 10_000
      await cache.get('warm')
      await call().catch(() => {})
      return server.asked.filter((name) => name === key).length
    }
    expect(await asked('get', () => cache.get('get'))).toBe(2)
    expect(await asked('getMulti', () => cache.getMulti(['getMulti']))).toBe(2)
    expect(await asked('set', () => cache.set('set', value))).toBe(1)
    expect(await asked('setMulti', () => cache.setMulti([{ key: 'setMulti', value }]))).toBe(1)
    expect(await asked('add', () => cache.add('add', value))).toBe(1)
    expect(await asked('replace', () => cache.replace('replace', value))).toBe(1)
    expect(await asked('append', () => cache.append('append', value))).toBe(1)
    expect(await asked('prepend', () => cache.prepend('prepend', value))).toBe(1)
    expect(await asked('delete', () => cache.delete('delete'))).toBe(1)
    expect(await asked('touch', () => cache.touch('touch', 1000))).toBe(1)
    expect(await asked('getAndTouch', () => cache.getAndTouch('getAndTouch', 1000))).toBe(1)
    expect(await asked('arithmetic', () => cache.arithmetic('arithmetic', 1n))).toBe(1)
  })

  test('a read is made twice and no more, where connections answer others before they break', async () => {
    const server = await start((asked) => {
      if (asked.key === 'k') asked.socket.end()
      else if (asked.connection > 1 || asked.key === 'warm') answer(asked)
    })
    const cache = open(server)
    await cache.get('warm')
    const [before, broken] = await Promise.allSettled([cache.get('before'), cache.get('k')])
    expect(before.status === 'fulfilled' && String(before.value?.value)).toBe('value of before')
    expect(broken.status === 'rejected' && code(broken.reason)).toBe('E_CACHE_UNAVAILABLE')
    expect(server.asked).toEqual(['warm', 'before', 'k', 'before', 'k'])
  })

  test('a dead server is asked by nobody until its time has passed, and then by one', async () => {
    let isUp = false
    const held: Asked[] = []
    const server = await start((asked) => {
      if (!isUp) asked.socket.destroy()
      else if (asked.key === 'probe') held.push(asked)
      else answer(asked)
    })
    let now = 0
    const cache = open(server, { now: () => now, deadTimeoutMs: 1000 })
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    const { connections } = server
    isUp = true
    now = 999
    await expect(cache.get('k')).rejects.toThrow(/left alone/)
    expect(server.connections).toBe(connections)
    now = 1001
    const probe = cache.get('probe')
    const refused = Array.from({ length: 10 }, () => cache.get('k').catch(code))
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['E_CACHE_UNAVAILABLE']))
    await expect.poll(() => held.length).toBe(1)
    await expect(cache.get('k')).rejects.toThrow(/left alone/)
    for (const asked of held) answer(asked)
    expect(await text(probe)).toBe('value of probe')
    expect(await text(cache.get('k'))).toBe('value of k')
    expect(server.asked.filter((key) => key === 'probe').length).toBe(1)
  })

  test('past the limit of what waits a call is refused', async () => {
    const server = await start(() => {})
    const [few, small] = [open(server, { maxQueuedCommands: 10 }), open(server, { maxQueuedBytes: 1000 })]
    const calls = Array.from({ length: 15 }, (_, i) => few.get(`k${i}`).catch(code))
    expect(await Promise.all(calls.slice(10))).toEqual(Array(5).fill('E_OVERLOADED'))
    const large = [0, 1, 2].map(() => small.set('k', Buffer.alloc(2000)).catch(code))
    expect(await Promise.all(large.slice(1))).toEqual(['E_OVERLOADED', 'E_OVERLOADED'])
    await Promise.all([few.close(), small.close()])
    expect(await Promise.all(calls.slice(0, 10))).toEqual(Array(10).fill('E_CLOSED'))
    expect(await large[0]).toBe('E_CLOSED')
  })
})
