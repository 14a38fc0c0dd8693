import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { startProxy } from '@larder/dev-servers'
import { afterEach, expect, test } from 'vitest'
import { PATIENT } from '@larder/dev-servers/vitest'
import { startMemcached } from './support/memcached.js'
import { opaqueOf, TextServer, type TextScript } from './support/text-server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function text(script: TextScript): Promise<TextServer> {
  const server = await TextServer.start(script)
  cleanups.push(() => server.stop())
  return server
}

function remote(address: string, options: RemoteCacheOptions = {}): RemoteCache {
  const cache = new RemoteCache(address, { transport: 'meta', ...options })
  cleanups.push(() => cache.close())
  return cache
}

const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const names = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`)
const found = (key: string, body = `value of ${key}`) => `VALUE ${key} 5 ${body.length} 7\r\n${body}\r\n`
const keysOf = (line: string) => line.split(' ').slice(1)
const isMiss = (key: string) => Number(key.slice(1)) % 3 === 0
/** Answers `gets` and single commands; every third key is a miss. */
const answer = (line: string) => {
  const keys = keysOf(line)
  if (line.startsWith('gets ')) return `${keys.map((key) => (isMiss(key) ? '' : found(key))).join('')}END\r\n`
  if (line.startsWith('mg ')) {
    const body = `value of ${keys[0]}`
    return isMiss(keys[0]!) ? `EN\r\n` : `VA ${body.length} f5 c7 ${opaqueOf(line)}\r\n${body}\r\n`
  }
  return `HD c9 ${opaqueOf(line)}\r\n`
}
const expected = (key: string) => (isMiss(key) ? undefined : `value of ${key}`)
const read = async (cache: RemoteCache, keys: readonly string[]) => {
  const items = await Promise.all(keys.map((key) => cache.get(key)))
  return items.map((item) => (item === undefined ? undefined : String(item.value)))
}

test.each([
  [1, [1]],
  [7, [1, 1, 1, 1, 1, 1, 1]],
  [8, [8]],
  [15, [15]],
  [16, [8, 8]],
  [30, [10, 10, 10]],
  [64, [8, 8, 8, 8, 8, 8, 8, 8]],
  [68, [9, 9, 9, 9, 9, 9, 14]],
  [807, [100, 100, 100, 100, 100, 100, 100, 100, 1, 1, 1, 1, 1, 1, 1]],
  [250, [32, 32, 32, 32, 32, 32, 32, 26]],
  [1000, [100, 100, 100, 100, 100, 100, 100, 100, 100, 100]],
])(
  '%i reads of one tick share eight lines, of no less than eight and no more than a hundred keys',
  async (count, lines) => {
    const server = await text((line, socket) => void socket.write(answer(line)))
    const cache = remote(server.address, PATIENT)
    const keys = names(count)
    expect(await read(cache, keys)).toEqual(keys.map(expected))
    const asked = server.lines.map((line) => (line.startsWith('gets ') ? keysOf(line) : [keysOf(line)[0]]))
    expect(asked.map((line) => line.length)).toEqual(lines)
    expect(asked.flat()).toEqual(keys)
    // Whatever is asked alone is asked by the meta command.
    for (const [i, line] of server.lines.entries())
      expect(line.startsWith(lines[i] === 1 ? 'mg ' : 'gets ')).toBe(true)
  },
)

test('reads before and behind another command are cut into lines by themselves', async () => {
  const server = await text((line, socket) => void socket.write(answer(line)))
  const cache = remote(server.address, PATIENT)
  await cache.get('k1')
  const before = names(40).map((key) => cache.get(key))
  const set = cache.set('k1', Buffer.from('new'))
  await Promise.all([...before, set, ...names(24).map((key) => cache.get(key))])
  const lines = server.lines.slice(1).map((line) => `${line.slice(0, 4)} ${keysOf(line).length}`)
  const behind = ['gets 8', 'gets 8', 'gets 8']
  expect(lines).toEqual(['gets 9', 'gets 9', 'gets 9', 'gets 13', expect.stringContaining('ms k'), ...behind])
})

test('a line of reads that is cut at any byte is read completely', async () => {
  let cut = 0
  const server = await text((line, socket) => {
    const reply = answer(line)
    socket.write(reply.slice(0, cut))
    setImmediate(() => socket.write(reply.slice(cut)))
  })
  const cache = remote(server.address)
  const length = answer(`gets ${names(10).join(' ')}`).length
  for (cut = 0; cut <= length; cut++) expect(await read(cache, names(10))).toEqual(names(10).map(expected))
})

test('other commands keep their place among reads', async () => {
  const server = await text((line, socket) => void socket.write(answer(line)))
  const cache = remote(server.address, PATIENT)
  const before = names(20).map((key) => cache.get(key))
  const set = cache.set('k1', Buffer.from('new'))
  const after = names(20).map((key) => cache.get(key))
  await Promise.all([...before, set, ...after])
  expect(server.lines.map((line) => line.slice(0, 5))).toEqual([
    ...['gets ', 'gets ', 'ms k1', 'gets ', 'gets '],
  ])
})

test('one key many times', async () => {
  const server = await text((line, socket) => void socket.write(answer(line)))
  expect(
    await read(
      remote(server.address),
      Array.from({ length: 20 }, () => 'k1'),
    ),
  ).toEqual(Array.from({ length: 20 }, () => 'value of k1'))
})

test('an aborted read takes no value from other reads', async () => {
  const aborts = [2, 5, 11].map((place) => ({ place, controller: new AbortController() }))
  const server = await text((line, socket) => {
    for (const { controller } of aborts) controller.abort()
    setImmediate(() => socket.write(answer(line)))
  })
  const cache = remote(server.address)
  const results = await Promise.all(
    names(12).map((key, i) =>
      cache.get(key, { signal: aborts.find(({ place }) => place === i)?.controller.signal }).then(
        (item) => (item === undefined ? undefined : String(item.value)),
        (error: unknown) => code(error),
      ),
    ),
  )
  const isAborted = (i: number) => aborts.some(({ place }) => place === i)
  expect(results).toEqual(names(12).map((key, i) => (isAborted(i) ? 'E_ABORTED' : expected(key))))
  expect(await read(cache, names(12))).toEqual(names(12).map(expected))
  expect(server.connections).toBe(1)
})

test.each<[string, (keys: readonly string[]) => string, ...number[]]>([
  ['in another order', (keys) => `${found(keys[5]!)}${found(keys[4]!)}END\r\n`, 5],
  ['of a key that was not asked', (keys) => `${found(keys[1]!)}${found('x')}END\r\n`, 1],
  ['twice', (keys) => `${found(keys[9]!)}${found(keys[9]!)}END\r\n`, 9],
  ['and an error', (keys) => `${found(keys[1]!)}SERVER_ERROR out of memory writing get response\r\n`, 1],
  ['and the reply to a single read', (keys) => `${found(keys[1]!)}EN\r\n`, 1],
])('values %s: the connection is closed, and what has no value is no miss', async (_, reply, place) => {
  const server = await text((line, socket, connection) => {
    if (connection === 1) socket.write(reply(keysOf(line)))
  })
  const cache = remote(server.address, { deadTimeoutMs: 10_000, timeoutMs: 100 })
  const results = await Promise.all(
    names(10).map((key) =>
      cache.get(key).then(
        (item) => String(item?.value),
        (error: unknown) => code(error),
      ),
    ),
  )
  for (const [i, result] of results.entries()) {
    if (i === place) expect(result).toBe(`value of k${i}`)
    else expect(['E_TIMEOUT', 'E_SERVER', 'E_CACHE_UNAVAILABLE']).toContain(result)
  }
})

test('missing values are read again after a reset in the middle of a line', async () => {
  const again: string[] = []
  const server = await text((line, socket, connection) => {
    if (connection > 1) again.push(...keysOf(line))
    if (connection > 1 || line.startsWith('mg')) return void socket.write(answer(line))
    const reply = answer(line)
    if (line.includes(' k0 ')) socket.write(reply)
    // What was not sent before the reset cannot have been read.
    else socket.write(reply.slice(0, reply.indexOf('value of k13')), () => socket.resetAndDestroy())
  })
  const cache = remote(server.address, PATIENT)
  await cache.get('k1')
  expect(await read(cache, names(20))).toEqual(names(20).map(expected))
  expect(server.connections).toBe(2)
  const missing = names(20).slice(13)
  expect(again.filter((key) => missing.includes(key))).toEqual(missing)
})

test('values of the second line come before those of the first: the connection is closed', async () => {
  const server = await text((line, socket, connection) => {
    if (connection > 1 || line.startsWith('mg')) return void socket.write(answer(line))
    if (!line.includes(' k0 ')) socket.write(answer(line))
  })
  const cache = remote(server.address, PATIENT)
  await cache.get('k1')
  expect(await read(cache, names(16))).toEqual(names(16).map(expected))
  expect(server.connections).toBe(2)
})

test.each([
  ['as they come', 60, undefined],
  ['in small pieces', 5, 1000],
])(
  'any mixture of commands in one tick answers as one after another, bytes %s',
  async (_, rounds, pieces) => {
    const server = await startMemcached()
    cleanups.push(() => server.stop())
    const proxy = await startProxy({ port: server.port })
    cleanups.push(() => proxy.stop())
    if (pieces !== undefined) proxy.pieces(pieces)
    const cache = remote(proxy.address, { timeoutMs: 10_000 })
    const stored = new Map<string, string>()
    let state = 1
    // Lehmer's generator: the same mixture in every run.
    const chance = (below: number) => (state = (state * 48_271) % 0x7fff_ffff) % below
    for (let round = 0; round < rounds; round++) {
      const reads = 1 + chance(20)
      const steps = Array.from({ length: 150 }, (_, i) => {
        const key = ['a', 'schlüssel', 'k'.repeat(250)][chance(3)]!
        if (chance(reads) > 0) {
          return { want: stored.get(key), have: cache.get(key).then((item) => item?.value.toString()) }
        }
        if (chance(3) === 0) {
          const want = stored.delete(key) ? 'deleted' : 'not-found'
          return { want, have: cache.delete(key) }
        }
        const value = `${round}:${i}`.repeat(1 + chance(400))
        stored.set(key, value)
        return { want: 'stored', have: cache.set(key, Buffer.from(value)).then(() => 'stored') }
      })
      expect(await Promise.all(steps.map(({ have }) => have))).toEqual(steps.map(({ want }) => want))
    }
  },
)
