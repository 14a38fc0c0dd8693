import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { rm } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { cacheContract } from './contract/cache-contract.js'
import { commandContract } from './contract/command-contract.js'
import { PATIENT } from '@larder/dev-servers/vitest'
import { startMemcached, type MemcachedServer } from './support/memcached.js'
import {
  createCertificate,
  LOGIN,
  passwordFile,
  sharedFolder,
  startMemcachedWithSasl,
  tlsArgs,
} from './support/secured-servers.js'

const folder = await sharedFolder()
const certificate = await createCertificate(folder, 'IP:127.0.0.1,DNS:localhost')
const users = await passwordFile(folder)
const tls = { ca: certificate.ca }
const wrong = { ...LOGIN, password: 'wrong' }
afterAll(() => rm(folder, { recursive: true, force: true }))

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function memcached(...args: readonly string[]): Promise<MemcachedServer> {
  const server = await startMemcached({ args })
  cleanups.push(() => server.stop())
  return server
}

function open(address: string, options: RemoteCacheOptions): RemoteCache {
  const cache = new RemoteCache(address, options)
  cleanups.push(() => cache.close())
  return cache
}

/** Both contracts, over a server of their own. */
function overServer(
  name: string,
  start: () => Promise<AsyncDisposable & { readonly server: MemcachedServer }>,
  options: RemoteCacheOptions,
  peeks: boolean,
): void {
  const started = start()
  let users = 2
  const stop = async () => {
    if (--users === 0) await (await started)[Symbol.asyncDispose]()
  }
  for (const contract of [cacheContract, commandContract]) {
    contract(name, {
      create: async () => new RemoteCache((await started).server.address, { ...PATIENT, ...options }),
      peeks,
      stop,
    })
  }
}

const start = (...args: readonly string[]) => {
  return async () => {
    const server = await startMemcached({ args })
    return { server, [Symbol.asyncDispose]: () => server.stop() }
  }
}

overServer('meta, TLS', start(...tlsArgs(certificate)), { transport: 'meta', tls }, true)
overServer('auto, TLS', start(...tlsArgs(certificate)), { tls }, true)
overServer('binary, TLS', start(...tlsArgs(certificate)), { transport: 'binary', tls }, false)
overServer('binary, SASL', () => startMemcachedWithSasl(), { credentials: LOGIN }, false)
overServer(
  'binary, SASL over TLS',
  () => startMemcachedWithSasl(tlsArgs(certificate)),
  { credentials: LOGIN, tls },
  false,
)
overServer(
  'meta, password file over TLS',
  start('-Y', users, ...tlsArgs(certificate)),
  { transport: 'meta', credentials: LOGIN, tls },
  true,
)

describe('who is not let in is told so', () => {
  test.each<[RemoteCacheOptions, RegExp]>([
    [{ credentials: wrong }, /Authentication failed/],
    [{ transport: 'binary' }, /answered: Auth failure/],
  ])('by SASL: %j', async (options, message) => {
    const sasl = await startMemcachedWithSasl()
    cleanups.push(() => sasl[Symbol.asyncDispose]())
    await expect(open(sasl.server.address, options).get('k')).rejects.toThrow(message)
  })

  test.each<[RemoteCacheOptions, RegExp]>([
    [{ transport: 'meta' }, /asks for credentials.*unauthenticated/],
    [{ transport: 'text' }, /asks for credentials.*unauthenticated/],
    [{ transport: 'binary' }, /asks for credentials.*unauthenticated.*transport: 'meta'/],
    [{}, /asks for credentials.*unauthenticated/],
    [{ transport: 'meta', credentials: wrong }, /refuses the credentials.*unauthenticated/],
    [{ transport: 'text', credentials: wrong }, /refuses the credentials.*unauthenticated/],
    // The login of these is SASL, which a password file does not go with.
    [{ credentials: LOGIN }, /unauthenticated.*transport: 'meta'/],
    [{ transport: 'binary', credentials: LOGIN }, /unauthenticated.*transport: 'meta'/],
  ])('by a password file: %j', async (options, message) => {
    const { address } = await memcached('-Y', users)
    const cache = open(address, options)
    const refusal = { code: 'E_CACHE_UNAVAILABLE', message: expect.stringMatching(message) }
    await expect(cache.get('k')).rejects.toMatchObject(refusal)
    // The server is dead by now, and the reason is still told.
    await expect(cache.get('k')).rejects.toMatchObject(refusal)
  })
})

describe.each(['meta', 'binary', 'auto'] as const)('over TLS, %s', (transport) => {
  const refused = async (address: string, options: RemoteCacheOptions, message: RegExp) => {
    const cache = open(address, { transport, ...options })
    const code = 'E_CACHE_UNAVAILABLE'
    await expect(cache.set('k', Buffer.from('v'))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    // The server is dead by now, and the reason is still told.
    await expect(cache.get('k')).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  }

  test('a command behind large values is answered', async () => {
    const { address } = await memcached(...tlsArgs(certificate))
    const cache = open(address, { transport, tls, timeoutMs: 2000 })
    for (const size of [100, 8000, 16_300, 16_400, 20_000, 100_000, 900_000]) {
      const value = Buffer.alloc(size, 'v')
      // No more than the connection takes at once of one batch, so that the next one is sent behind it.
      const count = Math.max(2, Math.min(40, Math.floor(1_000_000 / size)))
      const entries = Array.from({ length: count }, (_, i) => ({
        key: `${size}-${i}`,
        value,
      }))
      const keys = entries.map(({ key }) => key)
      const calls = [cache.setMulti(entries), cache.getMulti(keys), cache.version()] as const
      const [refused, { items, failed }, { answers }] = await Promise.all(calls)
      expect([refused.size, failed.size, items.size, answers.size]).toEqual([0, 0, keys.length, 1])
      await Promise.all(keys.map((key) => cache.set(key, value)))
      const found = await Promise.all(keys.map((key) => cache.get(key)))
      for (const item of found) expect(item?.value.equals(value)).toBe(true)
    }
    const long = Array.from({ length: 250 }, (_, i) => ({
      key: String(i).padStart(250, 'k'),
      value: Buffer.from('v'),
    }))
    await cache.setMulti(long)
    const batches = Array.from({ length: 3 }, () => cache.getMulti(long.map(({ key }) => key)))
    for (const { items } of await Promise.all(batches)) expect(items.size).toBe(250)
    const many = Array.from({ length: 3000 }, (_, i) => cache.set(`small-${i}`, Buffer.alloc(i % 50)))
    expect((await Promise.all(many)).length).toBe(3000)
  })

  test('a certificate that nobody vouches for is refused', async () => {
    const { address } = await memcached(...tlsArgs(certificate))
    await refused(address, { tls: {} }, /self-signed certificate/)
  })

  test('a certificate for another host is refused', async () => {
    const elsewhere = await sharedFolder()
    cleanups.push(() => rm(elsewhere, { recursive: true, force: true }))
    const other = await createCertificate(elsewhere, 'DNS:other.example')
    const { address } = await memcached(...tlsArgs(other))
    await refused(address, { tls: { ca: other.ca } }, /does not match certificate's altnames/)
    const named = open(address, { transport, tls: { ca: other.ca, servername: 'other.example' } })
    await named.set('k', Buffer.from('v'))
    expect(String((await named.get('k'))?.value)).toBe('v')
  })

  test('a server that has no TLS is no server', async () => {
    const { address } = await memcached()
    await refused(address, { tls }, /SSL|TLS|closed|ECONNRESET/)
  })

  test('a server that has nothing else is not reached without', async () => {
    const { address } = await memcached(...tlsArgs(certificate))
    await refused(address, {}, /closed|ECONNRESET|time|answer/)
  })
})

test('a server is found by its IPv6 address', async () => {
  const { address, port } = await memcached('-l', '::1')
  const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === '::1'),
  )
  const cache = open(`[::1]:${port}:2,${address}`, {})
  expect(cache.servers).toEqual([`[::1]:${port}`, address])
  const { answers, failed } = await cache.version()
  expect([...answers.keys()]).toEqual(hasIpv6 ? cache.servers : [address])
  for (const error of failed.values()) expect(error).toMatchObject({ message: expect.stringMatching(/::1/) })
})
