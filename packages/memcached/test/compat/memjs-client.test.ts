import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import memjs, { Client, type ClientOptions } from '@larder/memcached/compat/memjs'
import Original from 'memjs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/memcached.js'
import { LOGIN, startMemcachedWithSasl } from '../support/secured-servers.js'

const QUIET: ClientOptions = { logger: { log: () => {} }, timeout: 30 }

let server: MemcachedServer
beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server.stop())

const open: { close(): void }[] = []
function connect(address = server.address, options: ClientOptions = {}): Client {
  const client = Client.create(address, { ...QUIET, ...options })
  open.push(client)
  return client
}
afterEach(() => {
  for (const client of open.splice(0)) client.close()
})

type Step = readonly [method: string, ...args: unknown[]]
type Seen = readonly unknown[]

const SCRIPT: readonly Step[] = [
  ['get', 'none'],
  ['set', 'text', 'wörld', {}],
  ['get', 'text'],
  ['set', 'bytes', Buffer.from([0, 255]), { expires: 10 }],
  ['get', 'bytes'],
  ['add', 'text', 'other', {}],
  ['add', 'added', 'new', {}],
  ['replace', 'none', 'x', {}],
  ['replace', 'text', 'replaced', {}],
  ['append', 'text', '!'],
  ['get', 'text'],
  ['increment', 'counter', 5, {}],
  ['increment', 'counter', 5, {}],
  ['increment', 'started', 5, { initial: 3 }],
  ['decrement', 'counter', 2, {}],
  ['decrement', 'counter', 20, {}],
  ['get', 'counter'],
  ['touch', 'text', 100],
  ['touch', 'none', 100],
  ['delete', 'text'],
  ['delete', 'text'],
  ['flush'],
]

async function run(client: object, form: 'callback' | 'promise'): Promise<readonly Seen[]> {
  const methods = client as Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>
  const seen: Seen[] = []
  for (const [method, ...args] of SCRIPT) {
    if (form === 'promise') seen.push([method, await methods[method]!(...args)])
    else
      seen.push(
        await new Promise<Seen>((resolve) => {
          void methods[method]!(...args, (...answer: unknown[]) => resolve([method, ...answer]))
        }),
      )
  }
  return seen
}

test.each(['callback', 'promise'] as const)('the client answers as memjs does, by %s', async (form) => {
  const theirs = Original.Client.create(server.address, { timeout: 30 })
  open.push(theirs)
  await theirs.flush()
  const expected = await run(theirs, form)
  expect(await run(connect(), form)).toEqual(expected)
})

test('the oldest form of calls, with a callback before the options, is understood', async () => {
  const client = connect()
  const asked = <T>(ask: (callback: (error: Error | null, value: T) => void) => void) =>
    new Promise<T>((resolve) => ask((_, value) => resolve(value)))
  expect(await asked((callback) => client.set('old', 'x', callback, 10))).toBe(true)
  expect(await asked((callback) => client.increment('old-n', 1, callback, 10, 7))).toBe(true)
  expect(await client.increment('old-n', 1)).toEqual({ success: true, value: 8 })
})

test('a missing item cannot be appended to, and prepend adds before, which memjs does not', async () => {
  const client = connect()
  expect(await client.append('nowhere', 'x')).toBe(false)
  expect(await client.prepend('nowhere', 'x')).toBe(false)
  await client.set('word', 'b')
  expect(await client.prepend('word', 'a')).toBe(true)
  expect(String((await client.get('word')).value)).toBe('ab')
})

test('a serializer of the program gets opcodes and extras, and its flags are stored', async () => {
  const json: NonNullable<ClientOptions['serializer']> = {
    serialize(opcode, value, extras) {
      if (opcode !== 1) throw new Error('not a set')
      extras.writeUInt32BE(7, 0)
      return { value: JSON.stringify(value), extras }
    },
    deserialize: (_, value, extras) => ({ value: JSON.parse(value.toString()) as unknown, extras }),
  }
  await connect(server.address, { serializer: json }).set('json', { a: 1 })
  const theirs = Original.Client.create(server.address, { timeout: 30, serializer: json })
  open.push(theirs)
  expect((await theirs.get('json')).value).toEqual({ a: 1 })
  const { value, flags } = await connect(server.address, { serializer: json }).get('json')
  expect([value, flags?.readUInt32BE(0)]).toEqual([{ a: 1 }, 7])
})

describe('an expiry time', () => {
  test('of the client applies to values without their own', async () => {
    const client = connect(server.address, { expires: 1 })
    await client.set('short', 'x')
    await client.set('long', 'x', { expires: 1000 })
    await expect.poll(async () => (await client.get('short')).value).toBeNull()
    expect((await client.get('long')).value).not.toBeNull()
  })
})

describe('commands to the servers', () => {
  test('answer once for each of them', async () => {
    await using second = await startMemcached()
    const addresses = [server.address, second.address]
    const client = connect(addresses.join())
    const names: string[] = []
    client.stats((error, name, stats) => {
      if (error === null && stats?.['pid'] !== undefined) names.push(name)
    })
    client.statsWithKey('settings', (error, name, stats) => {
      if (error === null && stats?.['maxbytes'] !== undefined) names.push(name)
    })
    client.resetStats((error, name) => {
      if (error === null) names.push(name)
    })
    await expect.poll(() => names.toSorted()).toEqual([...addresses, ...addresses, ...addresses].toSorted())
    expect(Object.keys((await client.versionAll()).values)).toEqual(addresses)
    expect(await client.version()).toEqual({ value: expect.stringMatching(/^1\./) as unknown })
    expect(await client.flush()).toEqual(Object.fromEntries(addresses.map((name) => [name, true])))
  })

  test('reject with the error of a server that is dead', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    const client = connect(`${server.address},${dead}`)
    await expect(client.flush()).rejects.toThrow(/ECONNREFUSED/)
    const [error, results] = await new Promise<readonly [Error | null, object]>((resolve) =>
      client.flush((...answer) => resolve(answer)),
    )
    expect([error?.message, results]).toEqual([
      expect.stringMatching(/ECONNREFUSED/) as unknown,
      { [server.address]: true, [dead]: error },
    ])
  })
})

describe('a server that is dead', () => {
  test('fails its keys after the retries, and the logger is called', async () => {
    const lines: string[] = []
    const dead = `127.0.0.1:${await freePort()}`
    const client = connect(dead, { retry_delay: 0, logger: { log: (line) => lines.push(String(line)) } })
    await expect(client.get('k')).rejects.toThrow(/ECONNREFUSED/)
    expect(lines).toEqual([expect.stringContaining(dead) as unknown])
    const [error, value] = await new Promise<readonly unknown[]>((resolve) =>
      client.get('k', (...answer) => resolve(answer)),
    )
    expect([error instanceof Error, value]).toEqual([true, null])
  })

  test('leaves its keys to the next one with failover', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    const client = connect(`${dead},${server.address}`, { failover: true, retry_delay: 0 })
    for (const key of ['a', 'b', 'c', 'd']) {
      await client.set(key, key)
      expect(String((await client.get(key)).value)).toBe(key)
    }
    const none = connect(dead, { failover: true, retry_delay: 0 })
    await expect(none.get('a')).rejects.toThrow('No servers available')
  })

  test('is asked again after a restart without an error to the caller', async () => {
    await using own = await startMemcached()
    const client = connect(own.address, { retry_delay: 0.05, retries: 100 })
    await client.set('k', 'x')
    await own.kill()
    await own.restart()
    expect(await client.set('k', 'y')).toBe(true)
  })
})

test('a program may choose the servers itself', async () => {
  await using second = await startMemcached()
  const client = connect(`${server.address},${second.address}`)
  client.getServer = () => '1'
  for (const key of ['a', 'b', 'c', 'd']) await client.set(`own-${key}`, key)
  const direct = connect(second.address)
  for (const key of ['a', 'b', 'c', 'd']) expect(String((await direct.get(`own-${key}`)).value)).toBe(key)
})

test('a user and password in the address log in', async () => {
  await using secured = await startMemcachedWithSasl()
  const { address } = secured.server
  const client = connect(`${LOGIN.username}:${LOGIN.password}@${address}`)
  expect(await client.set('k', 'v')).toBe(true)
  await expect(connect(address).get('k')).rejects.toThrow()
})

test('quit answers commands in flight, and close rejects them', async () => {
  const client = connect()
  const reading = client.get('k')
  client.quit()
  expect(await reading).toEqual({ value: null, flags: null })
  const lost = client.get('k')
  client.close()
  await expect(lost).rejects.toThrow(/closed/)
  expect(await client.get('k')).toEqual({ value: null, flags: null })
})

test('bad arguments reject, or come by the callback', async () => {
  const client = connect()
  await expect(client.set('k', 5)).rejects.toThrow(TypeError)
  await expect(client.get('a key')).rejects.toThrow(RangeError)
  await expect(client.increment('k', -1)).rejects.toThrow(RangeError)
  const error = await new Promise((resolve) => client.get('a key', (...[reason]) => resolve(reason)))
  expect(error).toBeInstanceOf(RangeError)
  expect(() => new memjs.Client([])).toThrow(RangeError)
})

test('the servers and the login come from the environment where none are given', () => {
  const before = { ...process.env }
  Object.assign(process.env, { MEMCACHIER_SERVERS: 'a:1,b', MEMCACHE_USERNAME: 'u', MEMCACHE_PASSWORD: 'p' })
  try {
    const { servers } = Client.create(null, QUIET)
    expect(servers.map(({ host, port, username }) => [host, port, username])).toEqual([
      ['a', 1, 'u'],
      ['b', 11211, 'u'],
    ])
  } finally {
    process.env = before
  }
})
