import { RemoteCache, type CacheBatch, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { FaultyServer, replyTo, type Request, type Script } from './support/faulty-server.js'
import { startMemcached, type MemcachedOptions } from './support/memcached.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function faulty(script: Script): Promise<FaultyServer> {
  const server = await FaultyServer.start(script)
  cleanups.push(() => server.stop())
  return server
}

async function memcached(options?: MemcachedOptions) {
  const server = await startMemcached(options)
  cleanups.push(() => server.stop())
  return server
}

function remote(servers: string | readonly string[], options: RemoteCacheOptions = {}): RemoteCache {
  const cache = new RemoteCache(servers, { transport: 'binary', ...options })
  cleanups.push(() => cache.close())
  return cache
}

const value = Buffer.from('v')
const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const hit = (request: Request) => replyTo(request, { value: `value of ${request.key}` })

describe('a token and its connection', () => {
  test('after a restart of the server a token never matches, not even the same number', async () => {
    const server = await memcached()
    const cache = remote(server.address)
    const token = await cache.set('k', value)
    await server.kill()
    await server.restart()
    const again = await retry(() => cache.set('k', value))
    expect(again.id).toBe(token.id)
    expect(again.equals(token)).toBe(false)
    expect(await cache.cas('k', Buffer.from('w'), token)).toEqual({ status: 'exists' })
    expect(await cache.delete('k', { cas: token })).toBe('exists')
    expect(String((await cache.get('k'))?.value)).toBe('v')
    expect((await cache.cas('k', Buffer.from('w'), again)).status).toBe('stored')
  })

  test('a token without a connection is answered without any I/O', async () => {
    const server = await memcached()
    const cache = remote(server.address)
    const token = await cache.set('k', value)
    await server.kill()
    await cache.get('k').catch(() => {})
    expect(await cache.cas('k', value, token)).toEqual({ status: 'exists' })
    expect(await cache.delete('k', { cas: token })).toBe('exists')
  })

  test('a CAS is sent back to the server with all 64 bits', async () => {
    const server = await faulty(
      (request, socket) => void socket.write(replyTo(request, { cas: 0xfedc_ba98_7654_3210n })),
    )
    const cache = remote(server.address)
    const token = await cache.set('k', value)
    expect(token.id).toBe(0xfedc_ba98_7654_3210n)
    await cache.cas('k', value, token)
    await cache.delete('k', { cas: token })
    await cache.add('k', value)
    expect(server.requests.map((request) => request.cas)).toEqual([0n, token.id, token.id, 0n])
  })

  test('a server without CAS is refused', async () => {
    const cache = remote((await memcached({ args: ['-C'] })).address)
    await expect(cache.set('k', value)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    expect((await cache.getMulti(['k'])).failed.get('k')).toMatchObject({ code: 'E_UNSUPPORTED' })
  })
})

describe('a server that is dead', () => {
  test('a probe lets the others in as soon as it is answered', async () => {
    let isUp = false
    const server = await faulty(
      (request, socket) => void (isUp ? socket.write(hit(request)) : socket.destroy()),
    )
    let now = 0
    const cache = remote(server.address, { now: () => now })
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    const { connections } = server
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    expect(server.connections).toBe(connections)
    isUp = true
    now += 3000
    const results = await Promise.allSettled([cache.get('a'), cache.get('b')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(String((await cache.get('c'))?.value)).toBe('value of c')
  })

  test('a probe that is aborted before it leaves does not lock the server out', async () => {
    let isUp = false
    const server = await faulty(
      (request, socket) => void (isUp ? socket.write(hit(request)) : socket.destroy()),
    )
    let now = 0
    const cache = remote(server.address, { now: () => now })
    await cache.get('k').catch(() => {})
    isUp = true
    now += 3000
    const controller = new AbortController()
    const probe = cache.get('k', { signal: controller.signal })
    controller.abort()
    await expect(probe).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect(String((await retry(() => cache.get('k')))?.value)).toBe('value of k')
  })

  test('its keys are never found on another server, and a batch names them', async () => {
    const servers = await Promise.all([memcached(), memcached(), memcached()])
    const cache = remote(servers.map(({ address }) => address))
    const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`)
    await cache.setMulti(keys.map((key) => ({ key, value: Buffer.from(key) })))
    await servers[1].kill()
    const batch = await cache.getMulti(keys)
    expect(batch.failed.size).toBeGreaterThan(5)
    expect(batch.items.size + batch.failed.size).toBe(60)
    for (const key of batch.failed.keys()) {
      await expect(cache.set(key, value)).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
    }
    const failed = await cache.setMulti(keys.map((key) => ({ key, value })))
    expect([...failed.keys()].sort()).toEqual([...batch.failed.keys()].sort())
  })

  test('a stopped process times out every call in its time', async () => {
    const server = await memcached()
    const cache = remote(server.address, { timeoutMs: 100, deadTimeoutMs: 50 })
    await cache.set('k', value)
    server.pause()
    try {
      for (const call of [() => cache.get('k'), () => cache.set('k', value), () => cache.getMulti(['k'])]) {
        // Until the dead time-out has passed it is refused at once; then it is asked, and times out.
        await expect
          .poll(async () => {
            const result = await call().catch(code)
            return isBatch(result) ? code([...result.failed.values()][0]) : result
          })
          .toBe('E_TIMEOUT')
      }
    } finally {
      server.resume()
    }
    expect(String((await retry(() => cache.get('k')))?.value)).toBe('v')
  })
})

describe('replies that cannot be trusted', () => {
  test.each<[string, Script]>([
    [
      'another opaque number',
      (request, socket) => void socket.write(replyTo(request, { opaque: request.opaque + 1 })),
    ],
    ['another opcode', (request, socket) => void socket.write(replyTo(request, { opcode: 0x1c }))],
    ['text', (_, socket) => void socket.write('ERROR\r\n'.repeat(10))],
    ['lengths that contradict each other', (request, socket) => void socket.write(contradiction(request))],
    ['a reply of four gigabytes', (request, socket) => void socket.write(gigantic(request))],
    ['two replies', (request, socket) => void socket.write(Buffer.concat([hit(request), hit(request)]))],
  ])('%s: the connection is closed and no value comes of it', async (name, script) => {
    const server = await faulty(script)
    const cache = remote(server.address, { deadTimeoutMs: 1 })
    const calls = ['a', 'b'].map((key) => cache.get(key).then((item) => String(item?.value), code))
    const results = await Promise.all(calls)
    // The first of two replies is fine; the second costs the connection, and what waited is read again.
    const expected =
      name === 'two replies' ? ['value of a', 'value of b'] : Array(2).fill('E_CACHE_UNAVAILABLE')
    expect(results).toEqual(expected)
    await expect.poll(() => server.open).toBe(0)
  })

  test('an error status rejects its own command and nothing else', async () => {
    const server = await faulty((request, socket) => {
      socket.write(request.key === 'bad' ? replyTo(request, { status: 0x84, value: 'broken' }) : hit(request))
    })
    const cache = remote(server.address)
    const [bad, good] = await Promise.allSettled([cache.get('bad'), cache.get('good')])
    expect(bad.status === 'rejected' && bad.reason).toMatchObject({
      code: 'E_SERVER',
      message: expect.stringMatching(/broken/),
    })
    expect(good.status === 'fulfilled' && String(good.value?.value)).toBe('value of good')
    const batch = await cache.getMulti(['bad', 'good'])
    expect([...batch.failed.keys()]).toEqual(['bad'])
    expect([...batch.items.keys()]).toEqual(['good'])
    expect([...(await cache.setMulti([{ key: 'bad', value }])).keys()]).toEqual(['bad'])
  })

  test('a reply that is cut at any byte is read completely', async () => {
    let cut = 0
    const server = await faulty((request, socket) => {
      const reply = Buffer.concat([
        hit(request),
        replyTo(request, { opcode: 0x0a, opaque: request.opaque + 1 }),
      ])
      if (request.opcode !== 0x09) return
      socket.write(reply.subarray(0, cut))
      setImmediate(() => socket.write(reply.subarray(cut)))
    })
    const cache = remote(server.address)
    for (cut = 0; cut < 24 + 4 + 10 + 24; cut++) {
      expect(String((await cache.getMulti(['k'])).items.get('k')?.value)).toBe('value of k')
    }
  })
})

describe('limits', () => {
  test('the commands of one tick leave in one write', async () => {
    let chunks = 0
    const server = await FaultyServer.start(
      (request, socket) => void socket.write(hit(request)),
      (socket) => void socket.on('data', () => chunks++),
    )
    cleanups.push(() => server.stop())
    const cache = remote(server.address)
    await cache.get('warm')
    chunks = 0
    await Promise.all(Array.from({ length: 100 }, (_, i) => cache.get(`k${i}`)))
    expect(chunks).toBe(1)
  })

  test.each([
    { timeoutMs: 0 },
    { connectTimeoutMs: -1 },
    { deadTimeoutMs: Number.NaN },
    { maxQueuedCommands: 0 },
    { timeoutMs: 2 ** 31 },
    { serverItemLimitBytes: 10 },
    { credentials: { username: 'u', password: '' } },
  ])('options that cannot be honoured are refused: %o', (options) => {
    expect(() => new RemoteCache('127.0.0.1', options)).toThrow(RangeError)
  })

  test.each(['', [], 'a:b', 'a:0', 'a:65536', '[::1', '[x]:1', 'a:1:0', 'h,h:11211', ['a b'], 'x/y'])(
    'servers that cannot be meant are refused: %o',
    (servers) => {
      expect(() => new RemoteCache(servers)).toThrow(RangeError)
    },
  )

  test('servers are a list, or a string with commas', () => {
    for (const servers of ['a', 'a:1,b:2, [::1]:3:7,/tmp/x.sock', ['[fe80::1]', '10.0.0.1:11211:3']]) {
      expect(() => new RemoteCache(servers)).not.toThrow()
    }
  })
})

describe('SASL', () => {
  const script: Script = (request, socket) => {
    if (request.opcode === 0x20) return void socket.write(replyTo(request, { value: 'CRAM-MD5 PLAIN' }))
    if (request.opcode !== 0x21) return void socket.write(hit(request))
    const isRight = request.key === 'PLAIN' && String(request.value) === '\0someone\0secret'
    socket.write(
      replyTo(request, isRight ? { value: 'Authenticated' } : { status: 0x20, value: 'Auth failure.' }),
    )
  }

  test('the right password lets in, a wrong one does not', async () => {
    const server = await faulty(script)
    const cache = remote(server.address, { credentials: { username: 'someone', password: 'secret' } })
    expect(String((await cache.get('k'))?.value)).toBe('value of k')
    const wrong = remote(server.address, { credentials: { username: 'someone', password: 'wrong' } })
    await expect(wrong.get('k')).rejects.toMatchObject({
      code: 'E_CACHE_UNAVAILABLE',
      message: expect.stringMatching(/Auth failure/),
    })
  })

  test('memcached -S lets in nobody without or with wrong credentials', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'larder-sasl-'))
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    // Without any configuration the SASL library does not start.
    await writeFile(join(folder, 'memcached.conf'), 'mech_list: plain\n')
    await chmod(folder, 0o755)
    process.env['SASL_CONF_PATH'] = folder
    cleanups.push(() => delete process.env['SASL_CONF_PATH'])
    const { address } = await memcached({ args: ['-S'] })
    await expect(remote(address).get('k')).rejects.toThrow(/[Aa]uth/)
    const wrong = remote(address, { credentials: { username: 'someone', password: 'wrong' } })
    await expect(wrong.get('k')).rejects.toMatchObject({
      code: 'E_CACHE_UNAVAILABLE',
      message: expect.stringMatching(/Auth failure/),
    })
  })

  test('credentials in the environment are not used', async () => {
    process.env['MEMCACHE_USERNAME'] = 'someone'
    process.env['MEMCACHE_PASSWORD'] = 'secret'
    cleanups.push(() => {
      delete process.env['MEMCACHE_USERNAME']
      delete process.env['MEMCACHE_PASSWORD']
    })
    const server = await faulty((request, socket) => void socket.write(hit(request)))
    await remote(server.address).get('k')
    expect(server.requests.map(({ opcode }) => opcode)).toEqual([0x00])
  })

  test('a server without SASL is not taken for one that let us in', async () => {
    const { address } = await memcached()
    const cache = remote(address, { credentials: { username: 'someone', password: 'secret' } })
    await expect(cache.get('k')).rejects.toMatchObject({
      code: 'E_CACHE_UNAVAILABLE',
      message: expect.stringMatching(/[Aa]uthentication/),
    })
  })
})

function isBatch(result: unknown): result is CacheBatch {
  return typeof result === 'object' && result !== null && 'failed' in result
}

function contradiction(request: Request): Buffer {
  const reply = replyTo(request, { value: 'abc' })
  reply.writeUInt16BE(500, 2)
  return reply
}

function gigantic(request: Request): Buffer {
  const reply = replyTo(request)
  reply.writeUInt32BE(0xffff_ff00, 8)
  return reply
}

/** While a server is left alone. */
async function retry<T>(ask: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await ask()
    } catch (error) {
      if (i > 200) throw error
      await sleep(20)
    }
  }
}
