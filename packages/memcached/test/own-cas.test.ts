import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MetaItems } from './support/meta-items.js'
import { startMemcached } from './support/memcached.js'
import { TextServer } from './support/text-server.js'

const NEW = '1.6.30'
const OLD = '1.6.18'
const value = Buffer.from('v')

let items: MetaItems
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  items = new MetaItems()
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function fake(version: string): Promise<TextServer> {
  const server = await TextServer.start(
    (line, socket, _, body) => void socket.write(items.answer(line, body)),
    undefined,
    version,
  )
  cleanups.push(() => server.stop())
  return server
}

function open(address: string, options?: RemoteCacheOptions): RemoteCache {
  const cache = new RemoteCache(address, options)
  cleanups.push(() => cache.close())
  return cache
}

const ownNumbers = (server: TextServer) =>
  server.lines.flatMap((line) => (/^m[sa]/.test(line) ? [/ E(\d+)/.exec(line)?.[1]] : []))

/** All that stores. */
async function storeAll(cache: RemoteCache): Promise<void> {
  const token = await cache.set('k', value)
  expect(await cache.cas('k', value, token)).toMatchObject({ status: 'stored' })
  expect(await cache.add('added', value)).toBeDefined()
  expect(await cache.add('added', value)).toBeUndefined()
  expect(await cache.replace('k', value, { ttlMs: 1_000, flags: 7 })).toBeDefined()
  expect(await cache.append('k', value)).toBe(true)
  expect(await cache.arithmetic('n', 1n, { initial: 5n })).toBe(6n)
  const entries = ['a', 'b'].map((key) => ({ key, value }))
  expect((await cache.setMulti(entries)).size).toBe(0)
}

describe.each(['auto', 'meta'] as const)('over the transport %s', (transport) => {
  test('each store chooses a CAS number where the server reports 1.6.27 or later', async () => {
    const server = await fake(NEW)
    const cache = open(server.address, { transport })
    const { id } = await cache.set('k', value)
    await storeAll(cache)
    const asked = ownNumbers(server)
    expect(asked).not.toContain(undefined)
    expect(new Set(asked).size).toBe(10)
    expect(asked.every((number) => BigInt(number ?? 0) >= 2n ** 32n)).toBe(true)
    expect(asked[0]).toBe(String(id))
  })

  test.each([OLD, '1.6.26', '1.5.99', 'mcrouter-37.0', '7.2.4'])(
    'no store chooses one where the server reports %s',
    async (version) => {
      const server = await fake(version)
      await storeAll(open(server.address, { transport }))
      expect(new Set(ownNumbers(server))).toEqual(new Set([undefined]))
    },
  )
})

test.each(['1.6.27', '1.6.100', '1.7.0', '1.6.45_beta1'])(
  'a server that reports %s is new enough',
  async (version) => {
    const server = await fake(version)
    await open(server.address).set('k', value)
    expect(ownNumbers(server)).not.toContain(undefined)
  },
)

test('a server that does not answer version by a version gets stores without numbers', async () => {
  const server = await TextServer.start(
    (line, socket, _, body) => void socket.write(items.answer(line, body)),
    'MN\r\nERROR\r\n',
  )
  cleanups.push(() => server.stop())
  await storeAll(open(server.address))
  expect(new Set(ownNumbers(server))).toEqual(new Set([undefined]))
})

describe('behind a middleman whose servers are older than it says', () => {
  beforeEach(() => {
    items.refuses = () => true
  })

  test('every kind of store arrives, and the connection asks once', async () => {
    const server = await fake(NEW)
    const cache = open(server.address)
    await storeAll(cache)
    expect(ownNumbers(server).filter((number) => number !== undefined)).toHaveLength(1)
    expect(server.connections).toBe(1)
    expect((await cache.get('k'))?.value).toEqual(Buffer.from('vv'))
  })

  test.each<[string, (cache: RemoteCache) => Promise<unknown>, unknown]>([
    ['set', (cache) => cache.set('k', value), { id: 2n }],
    ['add', (cache) => cache.add('new', value), { id: 2n }],
    ['replace', (cache) => cache.replace('k', value), { id: 2n }],
    ['append', (cache) => cache.append('k', value), true],
    ['prepend', (cache) => cache.prepend('k', value), true],
    ['arithmetic', (cache) => cache.arithmetic('n', 1n, { initial: 5n }), 6n],
    [
      'setMulti',
      (cache) =>
        cache.setMulti([
          { key: 'a', value },
          { key: 'k', value },
        ]),
      new Map(),
    ],
    [
      'cas',
      async (cache) => cache.cas('k', value, (await cache.get('k'))!.cas),
      { status: 'stored', cas: { id: 2n } },
    ],
  ])('a %s that is refused is executed once', async (name, store, result) => {
    items.set('k', 'first')
    const server = await fake(NEW)
    expect(await store(open(server.address))).toMatchObject(result as object)
    expect(items.executed).toBe(name === 'setMulti' ? 2 : 1)
  })

  test('stores that were sent together are all sent again, in their order', async () => {
    const server = await fake(NEW)
    const cache = open(server.address)
    const entries = ['a', 'b', 'c'].map((key) => ({ key, value }))
    const [, failed] = await Promise.all([
      cache.set('k', Buffer.from('first')),
      cache.setMulti(entries),
      cache.set('k', Buffer.from('second')),
    ])
    expect(failed.size).toBe(0)
    expect((await cache.get('k'))?.value.toString()).toBe('second')
    expect(items.executed).toBe(5)
  })

  test('of a batch, only the items that were refused are stored again', async () => {
    items.refuses = (key) => key.startsWith('old')
    items.tooLarge.add('old-large').add('new-large')
    const server = await fake(NEW)
    const keys = ['old-1', 'new-1', 'old-large', 'new-large', 'old-2', 'new-2']
    const failed = await open(server.address).setMulti(keys.map((key) => ({ key, value })))
    expect([...failed.keys()].sort()).toEqual(['new-large', 'old-large'])
    expect([...failed.values()]).toMatchObject([{ code: 'E_TOO_LARGE' }, { code: 'E_TOO_LARGE' }])
    expect(items.executed).toBe(4)
  })

  test('an error of another kind is the error of the store', async () => {
    items.refusal = 'CLIENT_ERROR bad data chunk'
    const server = await fake(NEW)
    const message = expect.stringContaining('bad data chunk') as string
    await expect(open(server.address).set('k', value)).rejects.toMatchObject({ code: 'E_SERVER', message })
    expect(ownNumbers(server)).toHaveLength(1)
  })

  test("'always' rejects the store with the server's error", async () => {
    const server = await fake(NEW)
    const cache = open(server.address, { ownCasNumbers: 'always' })
    const message = expect.stringContaining('invalid flag') as string
    await expect(cache.set('k', value)).rejects.toMatchObject({ code: 'E_SERVER', message })
    expect(items.executed).toBe(0)
  })
})

test.each([
  { ownCasNumbers: 'auto', version: NEW, status: 'exists', body: 'new' },
  { ownCasNumbers: 'always', version: OLD, status: 'exists', body: 'new' },
  // What they protect from.
  { ownCasNumbers: 'never', version: NEW, status: 'stored', body: 'old' },
] as const)(
  'with $ownCasNumbers and a server of $version, a fill from before a restart that kept the connections meets: $status',
  async ({ ownCasNumbers, version, status, body }) => {
    const server = await fake(version)
    const reader = open(server.address, { ownCasNumbers })
    const writer = open(server.address, { ownCasNumbers })
    const lease = await reader.add('k', Buffer.from('lease'))
    items.restart()
    await writer.set('k', Buffer.from('new'))
    expect(await reader.cas('k', Buffer.from('old'), lease!)).toMatchObject({ status })
    expect((await reader.get('k'))?.value.toString()).toBe(body)
  },
)

test('memcached itself gets numbers from 1.6.27 on, and stores from every version', async () => {
  const server = await startMemcached()
  cleanups.push(() => server.stop())
  const cache = open(server.address)
  const version = [...(await cache.version()).answers.values()].join()
  const isKnown = /^1\.6\.(?:2[7-9]|[3-9]\d)/.test(version)
  expect((await cache.set('k', value)).id > 2n ** 32n).toBe(isKnown)
  await storeAll(cache)
})

test('memcached itself, where it is older, refuses numbers without executing the store', async () => {
  const server = await startMemcached()
  cleanups.push(() => server.stop())
  const cache = open(server.address, { ownCasNumbers: 'always' })
  const storing = cache.set('k', value).then((token) => token.id > 2n ** 32n, String)
  const version = [...(await cache.version()).answers.values()].join()
  const isKnown = /^1\.6\.(?:2[7-9]|[3-9]\d)/.test(version)
  expect(await storing).toEqual(isKnown ? true : expect.stringContaining('CLIENT_ERROR invalid flag'))
  expect((await cache.get('k')) !== undefined).toBe(isKnown)
})

test('the binary protocol and classic text have none', () => {
  for (const transport of ['binary', 'text'] as const)
    expect(() => new RemoteCache('localhost', { ownCasNumbers: 'always', transport })).toThrow(RangeError)
})
