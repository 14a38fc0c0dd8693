import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import Memcached, { type IssueDetails } from '@larder/memcached/compat/memcached'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/memcached.js'
import { call, dataOf } from './calls.js'

let server: MemcachedServer
beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server.stop())

const open: Memcached[] = []
function connect(...[servers, options]: ConstructorParameters<typeof Memcached>): Memcached {
  const client = new Memcached(servers ?? server.address, options)
  open.push(client)
  return client
}
afterEach(() => {
  for (const client of open.splice(0)) client.end()
})

describe('a value for cas', () => {
  test('is stored where nobody changed it since gets, and once only', async () => {
    const client = connect()
    await dataOf(client, 'set', 'key', 'first', 100)
    const { cas, ...found } = (await dataOf(client, 'gets', 'key')) as { cas: string }
    expect(found).toEqual({ key: 'first' })
    expect(cas).toMatch(/^\d+$/)
    expect(await dataOf(client, 'cas', 'key', 'second', cas, 100)).toBe(true)
    expect(await dataOf(client, 'cas', 'key', 'third', cas, 100)).toBe(false)
    expect(await dataOf(client, 'get', 'key')).toBe('second')
  })

  test('is found under the key with its namespace', async () => {
    const client = connect(server.address, { namespace: 'ns:' })
    await dataOf(client, 'set', 'cas', 1, 100)
    const found = await dataOf(client, 'gets', 'cas')
    expect(found).toEqual({ 'ns:cas': 1, cas: expect.any(String) as unknown })
  })
})

describe('keys', () => {
  test('of one namespace are not those of another', async () => {
    const [plain, spaced] = [connect(), connect(server.address, { namespace: 'segment:' })]
    await dataOf(plain, 'set', 'key', 'plain', 100)
    expect(await dataOf(spaced, 'get', 'key')).toBeUndefined()
    await dataOf(spaced, 'set', 'key', 1, 100)
    expect(await dataOf(spaced, 'incr', 'key', 1)).toBe(2)
    expect(await dataOf(spaced, 'getMulti', ['key', 'none'])).toEqual({ key: 2 })
    expect(await dataOf(spaced, 'del', 'key')).toBe(true)
    expect(await dataOf(plain, 'get', 'key')).toBe('plain')
  })

  test('that are too long are an error without keyCompression', async () => {
    const client = connect(server.address, { keyCompression: false })
    const { error } = await call(client, 'set', 'k'.repeat(251), 1, 0)
    expect(error).toBe('Argument "key" is longer than the maximum allowed length of 250')
  })

  test('that are no text are an error, and nothing is sent', async () => {
    const { error } = await call(connect(), 'get', undefined)
    expect(error).toBe('Argument "key" is not a valid String.')
  })

  test('with control characters are an error', async () => {
    expect((await call(connect(), 'get', 'a\u0000b')).error).toMatch(/control character/)
  })
})

describe('a lifetime', () => {
  test('of one second has passed after one second', async () => {
    const client = connect()
    await dataOf(client, 'set', 'short', 1, 1)
    await expect.poll(() => dataOf(client, 'get', 'short')).toBeUndefined()
  })

  test('that touch changes is the new one', async () => {
    const client = connect()
    await dataOf(client, 'set', 'touched', 1, 1000)
    expect(await dataOf(client, 'touch', 'touched', 1)).toBe(true)
    await expect.poll(() => dataOf(client, 'get', 'touched')).toBeUndefined()
  })

  test('that is no number is an error', async () => {
    expect((await call(connect(), 'set', 'k', 1, NaN)).error).toMatch(/NaN/)
  })
})

describe('limits', () => {
  test('a value above maxValue is an error and false', async () => {
    const { error, data } = await call(connect(), 'set', 'big', 'x'.repeat(2_000_000), 1)
    expect([error, data]).toEqual(['The length of the value is greater than 1048576', false])
  })

  test('a value under a larger maxValue is stored where the server takes it', async () => {
    await using large = await startMemcached({ args: ['-I', '4m'] })
    const client = connect(large.address, { maxValue: 3_000_000 })
    await dataOf(client, 'set', 'big', 'x'.repeat(2_000_000), 0)
    expect(((await dataOf(client, 'get', 'big')) as string).length).toBe(2_000_000)
  })

  test('more commands than maxQueueSize are an error', async () => {
    const client = connect(server.address, { maxQueueSize: 1 })
    const [first, second] = await Promise.all([call(client, 'get', 'a'), call(client, 'get', 'b')])
    expect([first.error, second.error]).toEqual([undefined, 'over queue limit'])
    expect((await call(client, 'get', 'c')).error).toBeUndefined()
  })
})

test('the defaults of all clients can be changed', () => {
  const before = Memcached.config
  try {
    Memcached.config = { ...before, namespace: 'all:' }
    expect([connect().namespace, connect(server.address, { namespace: 'own:' }).namespace]).toEqual([
      'all:',
      'own:',
    ])
  } finally {
    Memcached.config = before
  }
})

test('a cachedump of a slab class lists its items', async () => {
  await using own = await startMemcached()
  const client = connect(own.address)
  await dataOf(client, 'set', 'dumped', 'value', 0)
  const items = (await dataOf(client, 'items')) as readonly Record<string, unknown>[]
  const [slab] = Object.keys(items[0]!)
  const dump = () => dataOf(client, 'cachedump', own.address, Number(slab), 0)
  await expect.poll(dump).toMatchObject({ key: 'dumped', b: 5 })
})

describe('a server that does not answer', () => {
  const seen = (client: Memcached) => {
    const events: string[] = []
    for (const event of ['issue', 'failure', 'reconnecting', 'reconnect', 'remove'])
      client.on(event, ({ server: name }: IssueDetails) => events.push(`${event} ${name}`))
    return events
  }

  test('is left alone for `retry` milliseconds, `failures` times, and is dead then', async () => {
    const address = `127.0.0.1:${await freePort()}`
    const client = connect(address, { failures: 1, retry: 1, reconnect: 20 })
    const events = seen(client)
    expect((await call(client, 'get', 'k')).error).toMatch(/ECONNREFUSED/)
    expect((await call(client, 'get', 'k')).error).toBe(`Server at ${address} not available`)
    await expect.poll(() => client.issues[address]?.failed).toBe(false)
    expect((await call(client, 'get', 'k')).error).toMatch(/ECONNREFUSED/)
    expect(events.slice(0, 2)).toEqual([`issue ${address}`, `failure ${address}`])
    await expect.poll(() => events).toContain(`reconnecting ${address}`)
    expect((await call(client, 'get', 'k')).error).toBe(`Server at ${address} not available`)
  })

  test('is back when it answers', async () => {
    await using own = await startMemcached()
    const client = connect(own.address, { failures: 0, reconnect: 20 })
    const events = seen(client)
    await own.kill()
    await call(client, 'get', 'k')
    await own.restart()
    await expect.poll(() => events).toContain(`reconnect ${own.address}`)
    expect(await dataOf(client, 'set', 'k', 1, 0)).toBe(true)
  })

  test('loses its keys to the others with `remove`', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    const client = connect([dead, server.address], { failures: 0, remove: true })
    const events = seen(client)
    const keys = Array.from({ length: 50 }, (_, i) => `moved-${i}`)
    await Promise.all(keys.map((key) => call(client, 'get', key)))
    expect(events).toEqual([`remove ${dead}`, `failure ${dead}`])
    await Promise.all(keys.map((key) => dataOf(client, 'set', key, key, 0)))
    expect(Object.keys((await dataOf(client, 'getMulti', keys)) as object)).toHaveLength(50)
  })

  test('is replaced by one of failOverServers', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    await using spare = await startMemcached()
    const servers = [dead, server.address]
    const client = connect(servers, { failures: 0, remove: true, failOverServers: [spare.address] })
    const keys = Array.from({ length: 50 }, (_, i) => `spare-${i}`)
    await Promise.all(keys.map((key) => call(client, 'get', key)))
    await Promise.all(keys.map((key) => dataOf(client, 'set', key, key, 0)))
    const there = (await dataOf(connect(spare.address), 'getMulti', keys)) as object
    expect(Object.keys(there).length).toBeGreaterThan(0)
  })

  test('fails its keys of a getMulti, and the others are found', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    const keys = Array.from({ length: 50 }, (_, i) => `half-${i}`)
    const client = connect([dead, server.address])
    await Promise.all(keys.map((key) => call(connect(), 'set', key, 1, 0)))
    const { error, data } = await call(client, 'getMulti', keys)
    expect(error).toMatch(/ECONNREFUSED/)
    const found = Object.keys(data as object).length
    expect([found > 0, found < 50]).toEqual([true, true])
  })
})

test('an error that a callback throws is an uncaught exception', async () => {
  const program = `import Memcached from '@larder/memcached/compat/memcached'
    process.on('uncaughtException', (error) => { console.log('uncaught', error.message); process.exit() })
    new Memcached(process.argv[1]).get('k', () => { throw new Error('mine') })`
  expect(await runProgram(program)).toBe('uncaught mine\n')
})

test('a program ends without end() when its commands are answered', async () => {
  const program = `import Memcached from '@larder/memcached/compat/memcached'
    const client = new Memcached(process.argv[1])
    client.set('k', 1, 0, () => client.get('k', (error, value) => console.log(value)))`
  expect(await runProgram(program)).toBe('1\n')
})

test('`require` answers with the class, as of npm memcached', () => {
  const required: unknown = createRequire(import.meta.url)('@larder/memcached/compat/memcached')
  expect(required).toBe(Memcached)
})

async function runProgram(program: string): Promise<string> {
  const args = ['--input-type=module', '-e', program, server.address]
  const cwd = new URL('.', import.meta.url)
  return (await promisify(execFile)(process.execPath, args, { cwd })).stdout
}
