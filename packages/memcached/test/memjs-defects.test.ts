import { isStorageError } from '@larder/storage-core'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DefectServers, NEVER_MS, settled } from './support/defect-servers.js'
import { replyTo, type Script } from './support/faulty-server.js'

/** Each defect of memjs 1.3.2 twice: stock memjs shows it, and this cache does not. */
const servers = new DefectServers()
afterEach(() => servers.end())

const code = (error: unknown) => (isStorageError(error) ? error.code : error)

describe('1: half a reply, then a reset', () => {
  // The second connection answers properly; the bytes of the first one must be gone by then.
  const script: Script = (request, socket, connection) => {
    if (connection > 1 || request.key === 'warm')
      return void socket.write(replyTo(request, { value: 'right' }))
    socket.write(replyTo(request, { value: 'X'.repeat(60) }).subarray(0, 60))
    setTimeout(() => socket.resetAndDestroy(), 20)
  }

  test('memjs resolves to wrong bytes', async () => {
    const client = servers.stock(await servers.faulty(script))
    await client.get('warm')
    const { value } = await client.get('k')
    expect(String(value)).toMatch(/^X{32}/)
  })

  test('ours reads again on a fresh connection', async () => {
    const server = await servers.faulty(script)
    const cache = servers.ours(server)
    await cache.get('warm')
    expect(String((await cache.get('k'))?.value)).toBe('right')
    expect(server.connections).toBe(2)
  })
})

describe('2: data that comes after the time-out', () => {
  const VALUE = 'value of another key'
  // The head of a reply comes in time, and nothing more of it.
  const script: Script = (request, socket, connection) => {
    if (request.key !== 'slow') return void socket.write(replyTo(request, { value: VALUE }))
    const reply = replyTo(request, { value: Buffer.alloc(24 + 4 + VALUE.length) })
    if (connection === 1) socket.write(reply.subarray(0, 24 + 4))
  }

  test('memjs only half-closes the socket, and takes what another key is answered for the rest', async () => {
    const server = await servers.faulty(script)
    const client = servers.stock(server, { timeout: 1, retries: 2 })
    const slow = client.get('slow')
    await expect.poll(() => server.requests.length).toBe(2)
    expect(server.open).toBe(2)
    void client.get('other').catch(() => {})
    // Behind what the old socket still brought.
    expect(String((await slow).value)).toContain(VALUE.slice(0, 10))
  })

  test('ours never sees it: the socket is destroyed with all that came over it', async () => {
    const server = await servers.faulty(script)
    const cache = servers.ours(server, { timeoutMs: 200, deadTimeoutMs: 1 })
    await expect(cache.get('slow')).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    await expect.poll(() => server.open).toBe(0)
    await expect.poll(() => cache.get('other').then((item) => String(item?.value), code)).toBe(VALUE)
  })
})

describe('3: a clean close with a request in flight', () => {
  const script: Script = (_, socket) => void socket.end()

  test('memjs never settles it', async () => {
    const server = await servers.faulty(script)
    const pending = servers.stock(server).get('k')
    await expect.poll(() => server.requests.length).toBe(1)
    expect(
      await settled(
        pending.catch(() => 'rejected'),
        1000,
      ),
    ).toBe('open')
  })

  test('ours rejects it', async () => {
    const cache = servers.ours(await servers.faulty(script), { timeoutMs: NEVER_MS })
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    await expect(cache.set('k', Buffer.from('v'))).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
  })
})

describe('4: a server that hangs under a steady stream of requests', () => {
  const script: Script = () => {}
  const TIMEOUT_MS = 300

  test('memjs times none of them out', async () => {
    const server = await servers.faulty(script)
    const client = servers.stock(server, { timeout: TIMEOUT_MS / 1000, retries: 1 })
    for (let longestPause = Infinity; longestPause >= TIMEOUT_MS;) {
      // Where the machine had something else to do, the stream was none.
      const results: Promise<unknown>[] = []
      const start = performance.now()
      longestPause = 0
      for (let last = start; last - start < 3 * TIMEOUT_MS;) {
        results.push(client.get(`k${results.length}`).catch(() => 'rejected'))
        await sleep(20)
        const now = performance.now()
        longestPause = Math.max(longestPause, now - last)
        last = now
      }
      const first = await settled(Promise.race(results), 1)
      if (longestPause < TIMEOUT_MS) expect(first).toBe('open')
    }
  })

  test('ours does', async () => {
    const cache = servers.ours(await servers.faulty(script), { timeoutMs: TIMEOUT_MS, deadTimeoutMs: 20 })
    let first: unknown
    void cache.get('first').catch((error: unknown) => (first = code(error)))
    const others: Promise<unknown>[] = []
    while (first === undefined) {
      others.push(cache.get(`k${others.length}`).catch(code))
      await sleep(20)
    }
    expect(first).toBe('E_TIMEOUT')
    for (const other of await Promise.all(others))
      expect(['E_TIMEOUT', 'E_CACHE_UNAVAILABLE']).toContain(other)
  })
})

describe('5: the late close of an old socket', () => {
  const script: Script = (request, socket) => {
    if (request.key !== 'slow') socket.write(replyTo(request, { value: 'v' }))
  }

  test('ours leaves one connection, however often the server hangs', async () => {
    const server = await servers.faulty(script)
    const cache = servers.ours(server, { timeoutMs: 100, deadTimeoutMs: 1 })
    for (let i = 0; i < 3; i++) {
      await cache.get('slow').catch(() => {})
      await expect.poll(() => cache.get('k').then((item) => String(item?.value), code)).toBe('v')
    }
    await expect.poll(() => server.open).toBe(1)
  })

  test('memjs leaves its old connections open', async () => {
    const server = await servers.faulty(script)
    const client = servers.stock(server, { timeout: 0.03, retries: 1 })
    for (let i = 0; i < 5; i++) {
      await client.get('slow').catch(() => {})
      await client.get('k').catch(() => {})
    }
    await expect.poll(() => server.open).toBeGreaterThan(1)
  })
})

describe('6: what is not idempotent is sent once', () => {
  // Every command is executed, and the first connection breaks before it can answer.
  const start = async () => {
    const stored = new Map<string, number>()
    const server = await servers.faulty((request, socket, connection) => {
      const count = (stored.get(request.key) ?? 0) + 1
      stored.set(request.key, count)
      if (connection === 1) return void socket.resetAndDestroy()
      const sum = Buffer.alloc(8)
      sum.writeBigUInt64BE(BigInt(count))
      const isAdd = request.opcode === 0x02
      socket.write(replyTo(request, isAdd && count > 1 ? { status: 0x02 } : { value: sum }))
    })
    return { server, stored }
  }

  test('memjs counts twice, and loses an add to itself', async () => {
    const counting = await start()
    expect((await servers.stock(counting.server).increment('n', 1, {})).value).toBe(2)
    const locking = await start()
    expect(await servers.stock(locking.server).add('lock', 'mine', {})).toBe(false)
  })

  test('ours rejects with an unknown outcome', async () => {
    const counting = await start()
    const unknown = { code: 'E_CACHE_UNAVAILABLE' }
    await expect(servers.ours(counting.server).arithmetic('n', 1n)).rejects.toMatchObject(unknown)
    expect(counting.stored.get('n')).toBe(1)
    const locking = await start()
    await expect(servers.ours(locking.server).add('lock', Buffer.from('mine'))).rejects.toMatchObject(unknown)
    expect(locking.stored.get('lock')).toBe(1)
  })
})

describe('8: prepend', () => {
  const script: Script = (request, socket) => void socket.write(replyTo(request))

  test('memjs sends the opcode of append', async () => {
    const server = await servers.faulty(script)
    await servers.stock(server).prepend('k', 'v')
    expect(server.requests[0]?.opcode).toBe(0x0e)
  })

  test('ours sends its own', async () => {
    const server = await servers.faulty(script)
    await servers.ours(server).prepend('k', Buffer.from('v'))
    expect(server.requests[0]?.opcode).toBe(0x0f)
  })
})

describe('14: close', () => {
  const script: Script = () => {}

  test('memjs leaves operations hanging', async () => {
    const server = await servers.faulty(script)
    const client = servers.stock(server, { timeout: 60 })
    const pending = client.get('k').catch(() => 'rejected')
    await expect.poll(() => server.requests.length).toBe(1)
    client.close()
    expect(await settled(pending, 300)).toBe('open')
  })

  test('ours settles them and cuts the connection', async () => {
    const server = await servers.faulty(script)
    const cache = servers.ours(server, { timeoutMs: NEVER_MS })
    const pending = [cache.get('k'), cache.set('k', Buffer.from('v')), cache.delete('k')].map((call) =>
      call.catch(code),
    )
    await expect.poll(() => server.requests.length).toBe(3)
    await cache.close()
    expect(await Promise.all(pending)).toEqual(['E_CLOSED', 'E_CLOSED', 'E_CLOSED'])
    await expect.poll(() => server.open).toBe(0)
  })

  const closedDoor: Script = (request, socket) =>
    void socket.write(replyTo(request, request.opcode === 0x20 ? { value: 'PLAIN' } : { status: 0x20 }))

  test('memjs rejects with a string where the server lets it not in', async () => {
    const client = servers.stock(await servers.faulty(closedDoor), {
      username: 'u',
      password: 'p',
      retries: 1,
    })
    expect(typeof (await client.get('k').catch((error: unknown) => error))).toBe('string')
  })

  test('ours rejects with an error', async () => {
    const credentials = { username: 'u', password: 'p' }
    const cache = servers.ours(await servers.faulty(closedDoor), { credentials })
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
  })

  const refusing: Script = (request, socket) => void socket.write(replyTo(request, { status: 0x84 }))

  test('memjs logs to the console, unless it is given something else', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    await servers
      .stock(await servers.faulty(refusing), { logger: console })
      .get('k')
      .catch(() => {})
    expect(log).toHaveBeenCalled()
    log.mockRestore()
  })

  test('ours tells nobody but the caller', async () => {
    const spies = (['log', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name))
    const cache = servers.ours(await servers.faulty(refusing))
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_SERVER' })
    for (const spy of spies) {
      expect(spy).not.toHaveBeenCalled()
      spy.mockRestore()
    }
  })
})
