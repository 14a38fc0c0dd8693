import { RemoteCache } from '@larder/memcached'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startMemcached, type MemcachedServer } from './support/memcached.js'
import { TextServer } from './support/text-server.js'

let server: MemcachedServer

beforeAll(async () => {
  server = await startMemcached()
})

afterAll(() => server[Symbol.asyncDispose]())

test('each store over meta asks for a CAS number of its own, which the token then has', async () => {
  const fake = await TextServer.start((line, socket) => {
    const [, own = ''] = / E(\d+)/.exec(line) ?? []
    const [opaque = ''] = / O\d+/.exec(line) ?? []
    socket.write(line.startsWith('ma') ? `VA 1${opaque}\r\n5\r\n` : `HD c${own}${opaque}\r\n`)
  })
  await using cache = new RemoteCache(fake.address, { ownCasNumbers: true })
  const value = Buffer.from('v')
  const tokens = [
    await cache.set('k', value),
    await cache.add('k', value),
    await cache.replace('k', value),
    await cache.set('k', value, { ttlMs: 1_000, flags: 7 }),
  ]
  await cache.cas('k', value, await cache.set('k', value))
  await cache.setMulti([{ key: 'a', value }])
  await cache.append('k', value)
  await cache.arithmetic('n', 1n)
  const asked = fake.lines.map((line) => / E(\d+)/.exec(line)?.[1])
  expect(asked).not.toContain(undefined)
  expect(new Set(asked).size).toBe(9)
  expect(asked.every((number) => BigInt(number ?? 0) >= 2n ** 32n)).toBe(true)
  expect(tokens.map((token) => String(token?.id))).toEqual(asked.slice(0, 4))
  await fake.stop()
})

test('a server that does not know such numbers refuses the store, and says so', async () => {
  await using cache = new RemoteCache(server.address, { ownCasNumbers: true })
  const version = [...(await cache.version()).answers.values()].join()
  const storing = cache.set('k', Buffer.from('v')).then((token) => token.id > 2n ** 32n, String)
  const isKnown = /^1\.6\.(2[7-9]|[3-9]\d)/.test(version)
  expect(await storing).toEqual(isKnown ? true : expect.stringContaining('CLIENT_ERROR'))
})

test('the binary protocol has none', () => {
  const options = { ownCasNumbers: true, transport: 'binary' } as const
  expect(() => new RemoteCache(server.address, options)).toThrow(RangeError)
})
