import { MemcacheClient } from '@larder/memcached'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DefectServers } from './support/defect-servers.js'
import { replyTo, type FaultyServer, type Script } from './support/faulty-server.js'

/** The defects of memjs 1.3.2 in what it sends and keeps, each twice: memjs shows it, and this cache does not. */
const servers = new DefectServers()
afterEach(() => servers.end())

const OK: Script = (request, socket) => void socket.write(replyTo(request))
const exptimes = ({ requests }: FaultyServer) => requests.map(({ extras }) => extras.readUInt32BE(4))

describe('7: the number of a request after 2^31 of them', () => {
  test('memjs throws on every later operation', async () => {
    const client = servers.stock(await servers.faulty(OK))
    Object.assign(client, { seq: 0x7fff_ffff })
    await expect(client.get('k')).rejects.toBeInstanceOf(RangeError)
    await expect(client.get('k')).rejects.toBeInstanceOf(RangeError)
  })

  // That ours wraps around at 2^32 as well is tested on its connection, which can begin anywhere.
  test('ours stays within the 32 bits of the field', async () => {
    const server = await servers.faulty(OK)
    const cache = servers.ours(server)
    for (let i = 0; i < 3; i++) await cache.get('k')
    const [first = 0, ...others] = server.requests.map(({ opaque }) => opaque)
    expect(others).toEqual([first + 1, first + 2])
  })
})

describe('9: a store while the server of its key is down', () => {
  const down = new Set<FaultyServer>()
  const pair = async () => {
    down.clear()
    const list: FaultyServer[] = []
    for (let i = 0; i < 2; i++) {
      const values = new Map<string, Buffer>()
      const server: FaultyServer = await servers.faulty((request, socket) => {
        if (down.has(server)) return void socket.resetAndDestroy()
        if (request.opcode === 0x01) values.set(request.key, request.value)
        const value = values.get(request.key) ?? ''
        socket.write(replyTo(request, request.opcode === 0x01 ? {} : { value }))
      })
      list.push(server)
    }
    return list
  }
  const homeOf = (list: readonly FaultyServer[]) => list.find(({ requests }) => requests.length > 0)!

  test('memjs stores on the next server, and reads the old value once the first is back', async () => {
    const list = await pair()
    const client = servers.stock(list, { failover: true, failoverTime: 0.1, retries: 1 })
    await client.set('k', 'old', {})
    const home = homeOf(list)
    down.add(home)
    expect(await client.set('k', 'new', {})).toBe(true)
    down.clear()
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(wakeup(client)))
    expect(String((await client.get('k')).value)).toBe('old')
  })

  test('ours tells the writer, and no other server hears of the key', async () => {
    const list = await pair()
    const cache = servers.ours(list, { deadTimeoutMs: 1 })
    await cache.set('k', Buffer.from('old'))
    const home = homeOf(list)
    down.add(home)
    await expect(cache.set('k', Buffer.from('new'))).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(list.filter((server) => server !== home)[0]?.requests).toEqual([])
  })

  const wakeup = (client: object) =>
    Math.max(...(client as { servers: { wakeupAt?: number }[] }).servers.map(({ wakeupAt = 0 }) => wakeupAt))
})

describe('10: a counter of more than 32 bits', () => {
  const script: Script = (request, socket) => {
    const value = Buffer.alloc(8)
    value.writeBigUInt64BE(4294967301n)
    socket.write(replyTo(request, { value }))
  }

  test('memjs reads another number, and cannot send one', async () => {
    const client = servers.stock(await servers.faulty(script))
    expect((await client.increment('n', 1, {})).value).toBe(261)
    await expect(client.increment('n', 2 ** 32, {})).rejects.toBeInstanceOf(RangeError)
    await expect(client.increment('n', 1, { initial: 2 ** 32 })).rejects.toBeInstanceOf(RangeError)
  })

  test('ours reads and sends all 64 bits', async () => {
    const server = await servers.faulty(script)
    expect(await servers.ours(server).arithmetic('n', 2n ** 40n, { initial: 2n ** 50n })).toBe(4294967301n)
    const { extras } = server.requests[0]!
    expect([extras.readBigUInt64BE(0), extras.readBigUInt64BE(8)]).toEqual([2n ** 40n, 2n ** 50n + 2n ** 40n])
  })
})

describe('11: an item that is to stay, by a client whose items expire', () => {
  test('memjs takes the 0 for no answer', async () => {
    const server = await servers.faulty(OK)
    await servers.stock(server, { expires: 60 }).set('k', 'v', { expires: 0 })
    expect(exptimes(server)).toEqual([60])
  })

  test('ours lets a call override it', async () => {
    const server = await servers.faulty(OK)
    const client = new MemcacheClient({ cache: servers.ours(server), ttlMs: 59_000 })
    await client.set('k', 'v')
    await client.set('k', 'v', { ttlMs: Infinity })
    expect(exptimes(server)).toEqual([60, 0])
  })
})

describe('12: what is copied while a large value comes in', () => {
  const VALUE_BYTES = 4 * 1024 * 1024
  const copied = async (ask: () => Promise<unknown>) => {
    let bytes = 0
    const alloc = Buffer.alloc.bind(Buffer)
    const concat = Buffer.concat.bind(Buffer)
    const spies = [
      vi.spyOn(Buffer, 'alloc').mockImplementation((size: number) => {
        bytes += size
        return alloc(size)
      }),
      vi.spyOn(Buffer, 'concat').mockImplementation((list, size) => {
        const joined = concat(list, size)
        bytes += joined.length
        return joined
      }),
    ]
    await ask()
    for (const spy of spies) spy.mockRestore()
    return bytes
  }
  const large = () => {
    const body = replyTo(REQUEST, { value: Buffer.alloc(VALUE_BYTES, 'x') })
    return servers.faulty((request, socket) => {
      body.writeUInt32BE(request.opaque, 12)
      socket.write(body)
    })
  }

  test('memjs copies all of it for every chunk', async () => {
    const client = servers.stock(await large(), { timeout: 10 })
    expect(await copied(() => client.get('k'))).toBeGreaterThan(10 * VALUE_BYTES)
  })

  test('ours copies each byte once', async () => {
    const cache = servers.ours(await large(), { timeoutMs: 10_000 })
    expect(await copied(() => cache.get('k'))).toBeLessThan(1.1 * VALUE_BYTES)
  })
})

describe('13: a small value and the chunk it came in', () => {
  const both: Script = (request, socket) => {
    if (request.key === 'large') socket.cork()
    const value = request.key === 'large' ? 'L'.repeat(50_000) : 's'.repeat(100)
    socket.write(replyTo(request, { value }))
    if (request.key === 'small') socket.uncork()
  }

  test('memjs hands out a part of the chunk', async () => {
    const client = servers.stock(await servers.faulty(both))
    await client.get('warm')
    const [, small] = await Promise.all([client.get('large'), client.get('small')])
    expect(small.value?.length).toBe(100)
    expect(small.value?.buffer.byteLength).toBeGreaterThan(8192)
  })

  test('ours keeps no more than a slab of the buffer pool alive', async () => {
    const cache = servers.ours(await servers.faulty(both))
    await cache.get('warm')
    const [, small] = await Promise.all([cache.get('large'), cache.get('small')])
    expect(small?.value.length).toBe(100)
    expect(small?.value.buffer.byteLength).toBeLessThanOrEqual(8192)
  })
})

const REQUEST = { opcode: 0, opaque: 0, key: 'k', value: Buffer.alloc(0), cas: 0n, extras: Buffer.alloc(0) }
