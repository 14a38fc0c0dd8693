import { DISCOVERY_CHANNEL, RemoteCache, type DiscoveryEvent } from '@larder/memcached'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { readConfig } from '../src/transport/cluster-config.js'
import { freePort, startMemcached } from './support/memcached.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const OLD_QUESTION = 'get AmazonElastiCache:cluster\r\n'

/** An endpoint that answers as it is told; `oldAnswer`: where it is asked for an item. */
async function endpoint(answer: (socket: Socket) => void, oldAnswer = 'END\r\n'): Promise<string> {
  const server = createServer((socket) => {
    cleanups.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const question = chunk.toString()
      if (question === OLD_QUESTION) return void socket.write(oldAnswer)
      expect(question).toBe('config get cluster\r\n')
      answer(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function config(version: number, servers: readonly string[]): string {
  const body = `${version}\n${servers.map((server) => server.replace(':', '|127.0.0.1|')).join(' ')}\n`
  return `CONFIG cluster 0 ${body.length}\r\n${body}\r\nEND\r\n`
}

/** The next answers of the endpoint, good or bad. */
function asked(count: number): Promise<readonly DiscoveryEvent[]> {
  const events: DiscoveryEvent[] = []
  return new Promise((resolve) => {
    const listen = (event: unknown) => {
      events.push(event as DiscoveryEvent)
      if (events.length < count) return
      unsubscribe(DISCOVERY_CHANNEL, listen)
      resolve(events)
    }
    subscribe(DISCOVERY_CHANNEL, listen)
  })
}

const often = { intervalMs: 5, answerTimeoutMs: 100 }

test('a cache follows its cluster to newer configurations, and to no older one', async () => {
  const servers = await Promise.all([startMemcached(), startMemcached()])
  cleanups.push(...servers.map((server) => () => server.stop()))
  const [first, second] = servers.map(({ address }) => address) as [string, string]
  let answer = config(7, [first])
  const at = await endpoint((socket) => {
    for (const byte of answer) socket.write(byte)
  })
  const cache = await RemoteCache.discover(at, {}, often)
  cleanups.push(() => cache.close())
  expect(cache.servers).toEqual([first])
  await cache.set('k', Buffer.from('v'))
  answer = config(12, [first, second])
  await expect.poll(() => cache.servers).toEqual([first, second])
  expect((await cache.version()).failed.size).toBe(0)
  answer = config(11, [first])
  await asked(2)
  expect(cache.servers).toEqual([first, second])
  const clone = cache.clone()
  cleanups.push(() => clone.close())
  answer = config(13, [second])
  await expect.poll(() => cache.servers).toEqual([second])
  await expect.poll(() => clone.servers).toEqual([second])
})

test('the servers stay the same while the endpoint fails, hangs or is lost', async () => {
  const list = [`127.0.0.1:${await freePort()}`]
  const answers = [config(1, list), 'ERROR\r\n', config(2, list).replace('|', '/'), '', undefined]
  let next = 0
  const at = await endpoint((socket) => {
    const answer = answers[next++]
    if (answer === undefined) socket.resetAndDestroy()
    else socket.write(answer)
  })
  const events = asked(4)
  const cache = await RemoteCache.discover(at, {}, often)
  cleanups.push(() => cache.close())
  const codes = (await events).map(({ error }) => (error as { code?: string }).code)
  expect(codes).toEqual(['E_SERVER', 'E_SERVER', 'E_TIMEOUT', 'E_CACHE_UNAVAILABLE'])
  expect(cache.servers).toEqual(list)
})

test('the first question has to be answered', async () => {
  const nobody = `127.0.0.1:${await freePort()}`
  await expect(RemoteCache.discover(nobody)).rejects.toMatchObject({ code: 'E_CACHE_UNAVAILABLE' })
  const silent = await endpoint(() => {})
  await expect(RemoteCache.discover(silent, {}, often)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
  const alone = await endpoint((socket) => void socket.write('END\r\n'))
  await expect(RemoteCache.discover(alone)).rejects.toMatchObject({ code: 'E_SERVER' })
  await expect(RemoteCache.discover('a', {}, { intervalMs: 0 })).rejects.toBeInstanceOf(RangeError)
  await expect(RemoteCache.discover('a', { timeoutMs: 0 })).rejects.toBeInstanceOf(RangeError)
  await expect(RemoteCache.discover('a:b:c')).rejects.toBeInstanceOf(RangeError)
})

test('an older engine keeps the configuration in an item', async () => {
  const item = config(3, ['127.0.0.1:11311']).replace('CONFIG cluster', 'VALUE AmazonElastiCache:cluster')
  const at = await endpoint((socket) => void socket.write('ERROR\r\n'), item)
  const cache = await RemoteCache.discover(at, {}, { intervalMs: 60_000 })
  cleanups.push(() => cache.close())
  expect(cache.servers).toEqual(['127.0.0.1:11311'])
  const memcached = await startMemcached()
  cleanups.push(() => memcached.stop())
  await expect(RemoteCache.discover(memcached.address)).rejects.toThrow(/names no cluster/)
})

test('servers are called by their IP addresses where that is asked for', async () => {
  const at = await endpoint((socket) => void socket.write(config(3, ['cache.example:11311'])))
  const cache = await RemoteCache.discover(at, {}, { intervalMs: 60_000, addresses: 'ips' })
  cleanups.push(() => cache.close())
  expect(cache.servers).toEqual(['127.0.0.1:11311'])
  await expect(RemoteCache.discover(at, {}, { addresses: 'both' as never })).rejects.toThrow(/addresses/)
})

test('a closed cache asks no more', async () => {
  let questions = 0
  const at = await endpoint((socket) => {
    questions++
    socket.write(config(1, ['127.0.0.1:1']))
  })
  const cache = await RemoteCache.discover(at, {}, often)
  await asked(2)
  await cache.close()
  const until = questions
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(questions).toBeLessThanOrEqual(until + 1)
})

describe('a configuration', () => {
  const read = (body: string) => readConfig(`CONFIG cluster 0 ${body.length}\r\n${body}\r\nEND\r\n`)

  test('names servers by their names, by their addresses where there is none', () => {
    expect(read('12\na.example|10.0.0.1|11211 b.example||11212 |10.0.0.3|1 |fd00::1|2\n')).toEqual({
      version: 12,
      servers: ['a.example:11211', 'b.example:11212', '10.0.0.3:1', '[fd00::1]:2'],
    })
  })

  test('names servers by their addresses where that is asked for', () => {
    const body = '12\na.example|10.0.0.1|11211 b.example||11212 |10.0.0.3|1 c|fd00::1|2\n'
    const answer = `CONFIG cluster 0 ${body.length}\r\n${body}\r\nEND\r\n`
    const servers = ['10.0.0.1:11211', 'b.example:11212', '10.0.0.3:1', '[fd00::1]:2']
    expect(readConfig(answer, 'ips').servers).toEqual(servers)
  })

  test.each(['', '12\n', '12\n\n', 'x\na|b|1\n', '12\na|b\n', '12\na|b|c\n', '12\n||1\n', '12\na|b|1|2\n'])(
    '%j is none',
    (body) => expect(() => read(body)).toThrow(expect.objectContaining({ code: 'E_SERVER' }) as Error),
  )

  test('has the length that it announces', () => {
    expect(() => readConfig('CONFIG cluster 0 3\r\n12\na|b|1\n\r\nEND\r\n')).toThrow(/no cluster/)
  })
})
