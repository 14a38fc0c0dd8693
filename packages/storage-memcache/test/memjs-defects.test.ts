import { isStorageError } from '@larder/storage-core'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { DefectServers, settled } from './support/defect-servers.js'
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
  const late = () => {
    const script: Script = (request, socket) => {
      if (request.key !== 'slow')
        return void socket.write(replyTo(request, { value: `value of ${request.key}` }))
      // Half of the reply now, the rest once the client has given up and asked for another key.
      const reply = replyTo(request, { value: 'value of slow'.padEnd(100, '.') })
      socket.write(reply.subarray(0, 30))
      setTimeout(() => socket.write(reply.subarray(30)), 260)
    }
    return script
  }

  test('ours never sees it: the old socket is destroyed', async () => {
    const server = await servers.faulty(late())
    const cache = servers.ours(server, { timeoutMs: 200, deadTimeoutMs: 1 })
    await expect(cache.get('slow')).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    await sleep(10)
    expect(server.open).toBe(0)
    for (let i = 0; i < 10; i++) {
      expect(String((await cache.get(`k${i}`))?.value)).toBe(`value of k${i}`)
      await sleep(15)
    }
  })

  test('memjs only half-closes the old socket and goes on parsing what it brings', async () => {
    const server = await servers.faulty(late())
    const client = servers.stock(server, { timeout: 0.2, retries: 1 })
    await client.get('slow').catch(() => {})
    await sleep(10)
    expect(server.open).toBe(1)
  })
})

describe('3: a clean close with a request in flight', () => {
  const script: Script = (_, socket) => void socket.end()

  test('memjs never settles it', async () => {
    const client = servers.stock(await servers.faulty(script))
    expect(
      await settled(
        client.get('k').catch(() => 'rejected'),
        1000,
      ),
    ).toBe('open')
  })

  test('ours rejects it', async () => {
    const cache = servers.ours(await servers.faulty(script))
    expect(await settled(cache.get('k').catch(code), 400)).toBe('E_CACHE_UNAVAILABLE')
    expect(await settled(cache.set('k', Buffer.from('v')).catch(code), 400)).toBe('E_CACHE_UNAVAILABLE')
  })
})

describe('4: a server that hangs under a steady stream of requests', () => {
  const script: Script = () => {}
  const stream = async (ask: (i: number) => Promise<unknown>) => {
    const results: Promise<unknown>[] = []
    for (let i = 0; i < 10; i++) {
      results.push(ask(i))
      await sleep(50)
    }
    return results
  }

  test('memjs times none of them out', async () => {
    const client = servers.stock(await servers.faulty(script), { timeout: 0.15, retries: 1 })
    const results = await stream((i) => client.get(`k${i}`).catch(() => 'rejected'))
    expect(await settled(Promise.race(results), 1)).toBe('open')
  })

  test('ours times out each within its deadline', async () => {
    const cache = servers.ours(await servers.faulty(script), { timeoutMs: 150, deadTimeoutMs: 20 })
    const times = await stream(async (i) => {
      const start = performance.now()
      await expect(cache.get(`k${i}`)).rejects.toThrow()
      return performance.now() - start
    })
    for (const time of await Promise.all(times)) expect(time).toBeLessThan(200)
  })
})

describe('5: the late close of an old socket', () => {
  test('ours leaves one connection, however often the server hangs', async () => {
    const server = await servers.faulty((request, socket) => {
      if (request.key !== 'slow') socket.write(replyTo(request, { value: 'v' }))
    })
    const cache = servers.ours(server, { timeoutMs: 30, deadTimeoutMs: 1 })
    for (let i = 0; i < 5; i++) {
      await cache.get('slow').catch(() => {})
      await sleep(5)
      await cache.get('k')
    }
    await sleep(20)
    expect(server.open).toBe(1)
  })

  test('memjs leaves its old connections open', async () => {
    const server = await servers.faulty((request, socket) => {
      if (request.key !== 'slow') socket.write(replyTo(request, { value: 'v' }))
    })
    const client = servers.stock(server, { timeout: 0.03, retries: 1 })
    for (let i = 0; i < 5; i++) {
      await client.get('slow').catch(() => {})
      await client.get('k').catch(() => {})
    }
    await sleep(20)
    expect(server.open).toBeGreaterThan(1)
  })
})

describe('6: what is not idempotent is sent once', () => {
  // The server executes the command, and the connection breaks before the answer.
  const script: Script = (request, socket) =>
    void (request.key === 'warm' ? socket.write(replyTo(request)) : socket.resetAndDestroy())

  test('memjs sends an increment and an add twice', async () => {
    const server = await servers.faulty(script)
    const client = servers.stock(server)
    await client.increment('n', 1, {}).catch(() => {})
    expect(server.requests.filter(({ key }) => key === 'n').length).toBe(2)
  })

  test('ours sends each store once, and a read at most twice', async () => {
    const server = await servers.faulty(script)
    const cache = servers.ours(server, { deadTimeoutMs: 1 })
    const value = Buffer.from('v')
    const stores = {
      set: (key: string) => cache.set(key, value),
      add: (key: string) => cache.add(key, value),
      replace: (key: string) => cache.replace(key, value),
      append: (key: string) => cache.append(key, value),
      prepend: (key: string) => cache.prepend(key, value),
      delete: (key: string) => cache.delete(key),
    }
    for (const [key, store] of Object.entries(stores)) {
      await cache.set('warm', value)
      await expect(store(key)).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
      expect(server.requests.filter((request) => request.key === key).length).toBe(1)
      await sleep(5)
    }
    await cache.set('warm', value)
    await expect(cache.get('read')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(server.requests.filter(({ key }) => key === 'read').length).toBe(2)
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
    const client = servers.stock(await servers.faulty(script), { timeout: 60 })
    const pending = client.get('k').catch(() => 'rejected')
    await sleep(20)
    client.close()
    expect(await settled(pending, 300)).toBe('open')
  })

  test('ours settles them and cuts the connection', async () => {
    const server = await servers.faulty(script)
    const cache = servers.ours(server, { timeoutMs: 60_000 })
    const pending = [cache.get('k'), cache.set('k', Buffer.from('v')), cache.delete('k')].map((call) =>
      call.catch(code),
    )
    await sleep(20)
    await cache.close()
    expect(await settled(Promise.all(pending), 50)).toEqual(['E_CLOSED', 'E_CLOSED', 'E_CLOSED'])
    await sleep(20)
    expect(server.open).toBe(0)
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
})
