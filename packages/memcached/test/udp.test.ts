import { EmbeddedCache, RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, test } from 'vitest'
import { DatagramServer, type DatagramRequest, type DatagramScript } from './support/datagram-server.js'
import { freePort, startMemcached } from './support/memcached.js'
import { opaqueOf, TextServer } from './support/text-server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const BY_DATAGRAM = { withoutToken: true }
const text = (item: { value: Buffer } | undefined) => item?.value.toString()
const hit = (opaque: string, body: string) => `VA ${body.length} f0 c7 ${opaque}\r\n${body}\r\n`

function open(address: string, options: RemoteCacheOptions): RemoteCache {
  const cache = new RemoteCache(address, options)
  cleanups.push(() => cache.close())
  return cache
}

/** memcached with UDP, a cache that reaches it by datagrams alone, and one that does not use them. */
async function memcachedByUdp(options: RemoteCacheOptions['udp'] = {}) {
  const port = await freePort()
  const server = await startMemcached({ port, args: ['-U', String(port)] })
  cleanups.push(() => server.stop())
  const nowhere = `127.0.0.1:${await freePort()}`
  return {
    byUdp: open(nowhere, { udp: { port, waitMs: 400, ...options } }),
    byTcp: open(server.address, {}),
    both: open(server.address, { udp: { waitMs: 400, ...options } }),
  }
}

/** A server whose datagrams the script sends; over TCP it answers `tcp` to every read. */
async function faulty(script: DatagramScript, options: RemoteCacheOptions = {}) {
  const datagrams = await DatagramServer.start(script)
  const connections = await TextServer.start((line, socket) => {
    if (line.startsWith('mg')) socket.write(hit(opaqueOf(line), 'tcp'))
    else for (const key of line.split(' ').slice(1)) socket.write(`VALUE ${key} 0 3 1\r\ntcp\r\n`)
    if (line.startsWith('gets')) socket.write('END\r\n')
  })
  cleanups.push(
    () => datagrams.stop(),
    () => connections.stop(),
  )
  const udp = { port: datagrams.port, waitMs: 60, ...options.udp }
  return { datagrams, connections, cache: open(connections.address, { transport: 'meta', ...options, udp }) }
}

describe('memcached with UDP', () => {
  test('answers reads by datagrams, of any length that they may have', async () => {
    const { byUdp, byTcp } = await memcachedByUdp()
    const values = [0, 1, 3, 1300, 1370, 1392, 1400, 2784, 2800, 20_000].map((length, i) => {
      return { key: `k${i}`, value: Buffer.alloc(length, `${i}-`), flags: i }
    })
    await byTcp.setMulti(values)
    for (const { key, value, flags } of values) {
      const item = await byUdp.get(key, BY_DATAGRAM)
      expect(item?.value.equals(value)).toBe(true)
      expect(item?.flags).toBe(flags)
    }
    const keys = [...values.map(({ key }) => key), 'missing', 'k1']
    const { items, failed } = await byUdp.getMulti(keys, BY_DATAGRAM)
    expect(failed.size).toBe(0)
    expect(new Set(items.keys())).toEqual(new Set(values.map(({ key }) => key)))
    for (const { key, value } of values) expect(items.get(key)?.value.equals(value)).toBe(true)
    expect(await byUdp.get('missing', BY_DATAGRAM)).toBeUndefined()
  })

  test('is asked over TCP for all other commands and for longer answers', async () => {
    const { byUdp, byTcp, both } = await memcachedByUdp({ maxDatagrams: 2 })
    await byTcp.set('short', Buffer.from('v'))
    await byTcp.set('long', Buffer.alloc(3000, 'v'))
    await expect(byUdp.get('short')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    await expect(byUdp.get('long', BY_DATAGRAM)).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect((await both.get('long', BY_DATAGRAM))?.value.length).toBe(3000)
    const { items, failed } = await byUdp.getMulti(['short', 'long', 'missing'], BY_DATAGRAM)
    expect([[...items.keys()], [...failed.keys()]]).toEqual([['short'], ['long']])
  })

  test('tells tokens that match nothing', async () => {
    const { both } = await memcachedByUdp()
    const stored = await both.set('k', Buffer.from('v'))
    const read = (await both.get('k', BY_DATAGRAM))!.cas
    expect(read.id).toBe(stored.id)
    expect(read.equals(stored)).toBe(false)
    expect(read.equals((await both.get('k', BY_DATAGRAM))!.cas)).toBe(false)
    expect(await both.cas('k', Buffer.from('w'), read)).toEqual({ status: 'exists' })
    expect(await both.delete('k', { cas: read })).toBe('exists')
    expect((await both.cas('k', Buffer.from('w'), (await both.get('k'))!.cas)).status).toBe('stored')
  })

  test('is given up where it listens to no datagrams, without a wait for each read', async () => {
    const server = await startMemcached()
    cleanups.push(() => server.stop())
    const cache = open(server.address, { timeoutMs: 5000, udp: { waitMs: 2000 } })
    await cache.set('k', Buffer.from('v'))
    const start = performance.now()
    for (let i = 0; i < 20; i++) expect(text(await cache.get('k', BY_DATAGRAM))).toBe('v')
    expect(performance.now() - start).toBeLessThan(20_000)
  })
})

describe('datagrams that cannot be relied on', () => {
  const part = (body: string, number: number) =>
    [body.slice(number * 1000, (number + 1) * 1000), number] as const

  test.each<[string, DatagramScript]>([
    ['nothing comes', () => {}],
    [
      'one of three is lost',
      ({ opaque }, send) => {
        const body = hit(opaque, 'x'.repeat(2500))
        for (const number of [0, 2]) send(part(body, number)[0], { number, count: 3 })
      },
    ],
    ['the number of another command', (_, send) => send(hit('O5', 'wrong'))],
    ['no number', (_, send) => send('VA 5 f0 c7\r\nwrong\r\n')],
    ['a miss without a number', (_, send) => send('EN\r\n')],
    ['an id that nobody asked with', ({ id, opaque }, send) => send(hit(opaque, 'wrong'), { id: id + 1 })],
    ['less than it says', ({ opaque }, send) => send(`VA 9 f0 c7 ${opaque}\r\nwrong\r\n`)],
    ['more than it says', ({ opaque }, send) => send(`VA 5 f0 c7 ${opaque}\r\nwrong\r\nwrong\r\n`)],
    ['a value that does not end', ({ opaque }, send) => send(`VA 5 f0 c7 ${opaque}\r\nwrongxx`)],
    ['garbage', (_, send) => send(Buffer.alloc(300, 0xff))],
    ['an empty datagram', (_, send) => send('')],
    ['none of none', (_, send) => send('', { count: 0 })],
    ['a number out of range', ({ opaque }, send) => send(hit(opaque, 'wrong'), { number: 1 })],
    [
      'counts that differ',
      ({ opaque }, send) => {
        send(hit(opaque, 'wrong'), { number: 0, count: 2 })
        send('wrong', { number: 1, count: 3 })
      },
    ],
    [
      'two answers that differ',
      ({ opaque }, send) => {
        const [old, young] = [hit(opaque, 'o'.repeat(1500)), hit(opaque, 'y'.repeat(1500))]
        send(part(old, 1)[0], { number: 1, count: 2 })
        send(part(young, 1)[0], { number: 1, count: 2 })
        send(part(young, 0)[0], { number: 0, count: 2 })
      },
    ],
    ['more datagrams than allowed', ({ opaque }, send) => send(hit(opaque, 'wrong'), { count: 17 })],
    ['a datagram that is too long', ({ opaque }, send) => send(hit(opaque, 'x'.repeat(1400)))],
    ['a server that knows no meta commands', (_, send) => send('ERROR\r\n')],
    ['a server in trouble', (_, send) => send('SERVER_ERROR out of memory reading request\r\n')],
    ['a server without CAS', ({ opaque }, send) => send(`VA 5 f0 c0 ${opaque}\r\nwrong\r\n`)],
  ])('%s: the read is asked over TCP', async (_, script) => {
    const { cache, datagrams } = await faulty(script)
    expect(text(await cache.get('k', BY_DATAGRAM))).toBe('tcp')
    expect(datagrams.requests.length).toBe(1)
  })

  test('in any order, and twice, they make one answer', async () => {
    const { cache, connections } = await faulty(({ opaque, key }, send) => {
      const body = hit(opaque, key.repeat(1200))
      for (const number of [2, 1, 2, 0, 3, 1]) send(part(body, number)[0], { number, count: 4 })
      send('', { count: 0 })
    })
    const keys = ['aaa', 'bbb', 'ccc']
    const { items } = await cache.getMulti(keys, BY_DATAGRAM)
    expect(keys.map((key) => text(items.get(key)))).toEqual(keys.map((key) => key.repeat(1200)))
    expect(connections.connections).toBe(0)
  })

  test('a late answer is ignored, whatever command follows', async () => {
    let skipped = 0
    const { cache, datagrams } = await faulty(
      (request, send) => {
        const [first] = datagrams.requests
        if (first === request) return
        // Under its own id, under that of the request that waits now, and then what is true.
        send(hit(first!.opaque, 'the past'), { id: first!.id })
        send(hit(request.opaque, 'now'))
      },
      { deadTimeoutMs: 1000, now: () => performance.now() + skipped },
    )
    expect(text(await cache.get('k', BY_DATAGRAM))).toBe('tcp')
    skipped = 2000
    expect(text(await cache.get('k', BY_DATAGRAM))).toBe('now')
    const { cache: second, datagrams: seconds } = await faulty((request, send) => {
      const [first] = seconds.requests
      if (first !== request) send(hit(first!.opaque, 'the past'))
    })
    second.disconnectAll()
    const [, again] = await Promise.all([second.get('k', BY_DATAGRAM), second.get('k', BY_DATAGRAM)])
    expect(text(again)).toBe('tcp')
  })

  test('answers under each other’s ids belong to nobody', async () => {
    const held: [DatagramRequest, Parameters<DatagramScript>[1]][] = []
    const { cache } = await faulty((request, send) => {
      held.push([request, send])
      if (held.length < 2) return
      for (const [i, [{ opaque, key }, answer]] of held.entries()) {
        answer(hit(opaque, `value of ${key}`), { id: held[1 - i]![0].id })
      }
    })
    const items = await Promise.all(['a', 'b'].map((key) => cache.get(key, BY_DATAGRAM)))
    expect(items.map(text)).toEqual(['tcp', 'tcp'])
  })

  test('what somebody else sends is not heard', async () => {
    const stranger = createSocket('udp4')
    cleanups.push(() => stranger.close())
    const { cache } = await faulty(({ id, opaque, port }, send) => {
      const forged = Buffer.concat([
        Buffer.from([id >> 8, id & 255, 0, 0, 0, 1, 0, 0]),
        Buffer.from(hit(opaque, 'forged')),
      ])
      stranger.send(forged, port, '127.0.0.1', () => send(hit(opaque, 'right')))
    })
    expect(text(await cache.get('k', BY_DATAGRAM))).toBe('right')
  })

  test('one that is lost costs its own read a wait, and UDP stays in use', async () => {
    const { cache, datagrams, connections } = await faulty(({ key, opaque }, send) => {
      if (key !== 'lost') send(hit(opaque, 'udp'))
    })
    const keys = ['lost', ...Array.from({ length: 20 }, (_, i) => `k${i}`)]
    const items = await Promise.all(keys.map((key) => cache.get(key, BY_DATAGRAM)))
    expect(items.map(text)).toEqual(keys.map((key) => (key === 'lost' ? 'tcp' : 'udp')))
    expect(text(await cache.get('k', BY_DATAGRAM))).toBe('udp')
    const batch = await cache.getMulti(['lost', 'k'], BY_DATAGRAM)
    expect(['lost', 'k'].map((key) => text(batch.items.get(key)))).toEqual(['tcp', 'udp'])
    expect(datagrams.requests.length).toBe(24)
    expect(connections.lines.length).toBe(2)
  })

  test('a server that is silent is left alone, and then asked by one read', async () => {
    let isSilent = true
    let skipped = 0
    const { cache, datagrams } = await faulty(
      ({ opaque }, send) => {
        if (!isSilent) send(hit(opaque, 'udp'))
      },
      { deadTimeoutMs: 5000, now: () => performance.now() + skipped },
    )
    const read = () => cache.get('k', BY_DATAGRAM).then(text)
    for (let i = 0; i < 5; i++) expect(await read()).toBe('tcp')
    expect(datagrams.requests.length).toBe(1)
    skipped = 6000
    expect(await Promise.all([read(), read(), read()])).toEqual(['tcp', 'tcp', 'tcp'])
    expect(datagrams.requests.length).toBe(2)
    skipped = 12_000
    isSilent = false
    expect(await Promise.all([read(), read()])).toEqual(['udp', 'tcp'])
    expect(await Promise.all([read(), read()])).toEqual(['udp', 'udp'])
  })
})

describe('limits', () => {
  test('requests past the limit and larger batches go over TCP', async () => {
    const { cache, datagrams } = await faulty(({ opaque }, send) => send(hit(opaque, 'udp')), {
      udp: { maxRequests: 4 },
    })
    const keys = Array.from({ length: 10 }, (_, i) => `k${i}`)
    const items = await Promise.all(keys.map((key) => cache.get(key, BY_DATAGRAM)))
    expect(items.map(text)).toEqual(keys.map((_, i) => (i < 4 ? 'udp' : 'tcp')))
    expect((await cache.getMulti(keys, BY_DATAGRAM)).items.size).toBe(10)
    expect(datagrams.requests.length).toBe(4)
  })

  test('an id is used once for each socket', async () => {
    const { cache, datagrams } = await faulty(({ opaque }, send) => send(hit(opaque, 'v')), {
      udp: { waitMs: 400 },
    })
    const count = 66_000
    let asked = 0
    const ask = async () => {
      while (asked++ < count) await cache.get('k', BY_DATAGRAM)
    }
    await Promise.all(Array.from({ length: 50 }, ask))
    const pairs = new Set(datagrams.requests.map(({ id, port }) => port * 65_536 + id))
    expect(pairs.size).toBe(datagrams.requests.length)
    expect(new Set(datagrams.requests.map(({ port }) => port)).size).toBe(2)
    expect(new Set(datagrams.requests.map(({ opaque }) => opaque)).size).toBe(count)
  })

  test('both ways together take no longer than a command may', async () => {
    const timeoutMs = 400
    // An answer by TCP alone would be in time.
    const slow = await TextServer.start((line, socket) => {
      const reply = line.startsWith('gets') ? 'END\r\n' : `EN ${opaqueOf(line)}\r\n`
      setTimeout(() => socket.write(reply), 0.7 * timeoutMs)
    })
    cleanups.push(() => slow.stop())
    const datagrams = await DatagramServer.start(() => {})
    cleanups.push(() => datagrams.stop())
    const udp = { port: datagrams.port, waitMs: 0.7 * timeoutMs }
    const cache = open(slow.address, { timeoutMs, udp, transport: 'meta' })
    const [single, batch] = await Promise.all([
      cache.get('k', BY_DATAGRAM).catch((error: unknown) => error),
      cache.getMulti(['a', 'b'], BY_DATAGRAM),
    ])
    expect(single).toMatchObject({ code: 'E_TIMEOUT' })
    expect([...batch.failed.keys()]).toEqual(['a', 'b'])
  })

  test('an abort rejects at once, and close settles waiting reads and leaves no socket', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length
    const { cache } = await faulty(() => {}, { timeoutMs: 5000, udp: { waitMs: 4000 } })
    // The fake server's; those of earlier tests are still being closed.
    const before = 1
    await expect.poll(sockets).toBe(before)
    const abort = new AbortController()
    const aborted = cache.get('k', { ...BY_DATAGRAM, signal: abort.signal })
    const batch = cache.getMulti(['k'], { ...BY_DATAGRAM, signal: abort.signal })
    const waiting = cache.get('k', BY_DATAGRAM)
    expect(sockets()).toBe(before + 1)
    abort.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' })
    await expect(batch).rejects.toMatchObject({ code: 'E_ABORTED' })
    await Promise.all([cache.close(), expect(waiting).rejects.toMatchObject({ code: 'E_CLOSED' })])
    await expect.poll(sockets).toBe(before)
    await expect(cache.get('k', BY_DATAGRAM)).rejects.toMatchObject({ code: 'E_CLOSED' })
    expect(sockets()).toBe(before)
  })
})

describe('options', () => {
  test.each<RemoteCacheOptions>([
    { udp: { port: 0 } },
    { udp: { port: 70_000 } },
    { udp: { waitMs: 0 } },
    { udp: { waitMs: 500 } },
    { udp: { maxRequests: 0 } },
    { udp: { maxDatagrams: 1.5 } },
    { udp: {}, tls: {} },
    { udp: {}, credentials: { username: 'u', password: 'p' }, transport: 'meta' },
    { udp: {}, transport: 'binary' },
  ])('%j are refused', (options) => {
    expect(() => new RemoteCache('127.0.0.1:1', options)).toThrow(RangeError)
  })

  test('UDP is asked for by the option, of servers that have it', () => {
    expect(() => new RemoteCache('/tmp/socket', { udp: {} })).toThrow(/UNIX/)
    expect(() => new RemoteCache('udp:127.0.0.1')).toThrow(/option udp/)
  })

  test('a storage has no use for it, and reads over TCP where its cache has it', async () => {
    expect(() => new MemcacheStorage({ servers: 'a', client: { udp: {} } })).toThrow(TypeError)
    const { both } = await memcachedByUdp()
    const storage = new MemcacheStorage({ cache: both })
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'v')
    expect(text(await storage.getContent(info).then(({ bytes }) => ({ value: bytes })))).toBe('v')
    const cache = new EmbeddedCache()
    await cache.set('k', Buffer.from('v'))
    const { items } = await cache.getMulti(['k'])
    expect(text(items.get('k'))).toBe('v')
    await cache.close()
  })
})
