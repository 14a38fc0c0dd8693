import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import { afterEach, expect, test, vi } from 'vitest'
import { FaultyServer, replyTo } from './support/faulty-server.js'
import { startMemcached, type MemcachedOptions } from './support/memcached.js'
import { opaqueOf, TextServer, type TextScript } from './support/text-server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function text(script: TextScript, answerToMn?: string): Promise<TextServer> {
  const server = await TextServer.start(script, answerToMn)
  cleanups.push(() => server.stop())
  return server
}

async function memcached(options?: MemcachedOptions) {
  const server = await startMemcached(options)
  cleanups.push(() => server.stop())
  return server
}

function remote(address: string, options: RemoteCacheOptions = {}): RemoteCache {
  const cache = new RemoteCache(address, { transport: 'meta', ...options })
  cleanups.push(() => cache.close())
  return cache
}

const value = Buffer.from('v')
const code = (error: unknown) => (isStorageError(error) ? error.code : error)
const keyOf = (line: string) => line.split(' ')[1] ?? ''
const hit = (line: string, body = `value of ${keyOf(line)}`) =>
  `VA ${body.length} f5 c18446744073709551615 ${opaqueOf(line)}\r\n${body}\r\n`

test('a CAS is sent back to the server with all 64 bits', async () => {
  const server = await text(
    (line, socket) => void socket.write(line.startsWith('mg') ? hit(line) : `HD c1 ${opaqueOf(line)}\r\n`),
  )
  const cache = remote(server.address)
  const item = await cache.get('k')
  expect(item).toMatchObject({ flags: 5, cas: { id: 18446744073709551615n } })
  await cache.cas('k', value, item!.cas)
  const small = await cache.set('k', value)
  await cache.delete('k', { cas: small })
  await cache.add('k', value)
  const [, cas, , del, add] = server.lines
  expect(cas).toContain(' C18446744073709551615 ')
  expect(del).toContain(' C1 ')
  expect(add).not.toMatch(/ C\d/)
})

test('a reply that is cut at any byte is read completely', async () => {
  let cut = 0
  const server = await text((line, socket) => {
    const reply = hit(line, 'a\r\nHD O1\r\nb')
    socket.write(reply.slice(0, cut))
    setImmediate(() => socket.write(reply.slice(cut)))
  })
  const cache = remote(server.address)
  for (cut = 0; cut < 55; cut++) expect(String((await cache.get('k'))?.value)).toBe('a\r\nHD O1\r\nb')
})

test.each<[string, (line: string) => string]>([
  ['another opaque number', (line) => hit(line).replace(opaqueOf(line), 'O99999')],
  ['no opaque number', (line) => hit(line).replace(` ${opaqueOf(line)}`, '')],
  ['a size that is none', (line) => hit(line).replace(/^VA \d+/, 'VA x')],
  ['a value longer than it said', (line) => hit(line).replace(/^VA \d+/, 'VA 1')],
  ['ERROR', () => 'ERROR\r\n'],
  ['CLIENT_ERROR', () => 'CLIENT_ERROR bad data chunk\r\n'],
  ['a line without an end', () => 'x'.repeat(10_000)],
  ['binary', () => '\x81\0\0\0\n\n'],
  ['END', () => 'END\r\n'],
])('%s: the connection is closed and no value comes of it', async (name, reply) => {
  const server = await text((line, socket) => void socket.write(reply(line), 'latin1'))
  const cache = remote(server.address, { deadTimeoutMs: 1 })
  const results = await Promise.all([cache.get('a').catch(code), cache.getMulti(['b'])])
  expect(['E_CACHE_UNAVAILABLE', 'E_SERVER']).toContain(results[0])
  expect(results[1].items.size).toBe(0)
  // `END` is a right answer to the batch.
  if (name === 'END') return
  expect(results[1].failed.size).toBe(1)
  await expect.poll(() => server.open).toBe(0)
})

test('SERVER_ERROR concerns the command that is due, in a batch of stores too', async () => {
  const server = await text((line, socket) => {
    const done = line.startsWith('mg') ? hit(line) : `HD ${opaqueOf(line)}\r\n`
    socket.write(keyOf(line) === 'bad' ? 'SERVER_ERROR out of memory storing object\r\n' : done)
  })
  const cache = remote(server.address)
  await expect(cache.get('bad')).rejects.toMatchObject({
    code: 'E_SERVER',
    message: expect.stringMatching(/out of memory/),
  })
  const failed = await cache.setMulti(['a', 'bad', 'b'].map((key) => ({ key, value })))
  expect([...failed.keys()]).toEqual(['bad'])
  expect(server.connections).toBe(1)
})

test('a batch read: values name their keys, and one that was not asked for costs the connection', async () => {
  const value = (key: string, body = `value of ${key}`) => `VALUE ${key} 5 ${body.length} 7\r\n${body}\r\n`
  const replies: Record<string, string> = {
    fine: `${value('a')}${value('c', 'END\r\nEND')}END\r\n`,
    foreign: `${value('a')}${value('x')}END\r\n`,
    reversed: `${value('c')}${value('a')}END\r\n`,
    broken: `${value('a')}SERVER_ERROR out of memory writing get response\r\n`,
  }
  for (const [name, reply] of Object.entries(replies)) {
    const server = await text((_line, socket) => void socket.write(reply))
    const { items, failed } = await remote(server.address).getMulti(['a', 'b', 'c'])
    if (name === 'fine') {
      expect(Array.from(items, ([key, item]) => [key, String(item.value), item.flags])).toEqual([
        ['a', 'value of a', 5],
        ['c', 'END\r\nEND', 5],
      ])
    } else expect([items.size, failed.size]).toEqual([0, 3])
  }
})

test('a server without CAS is refused', async () => {
  const cache = remote((await memcached({ args: ['-C'] })).address)
  await expect(cache.set('k', value)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  await expect(cache.get('k')).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
})

test('after a restart of the server a token never matches', async () => {
  const server = await memcached()
  const cache = remote(server.address, { deadTimeoutMs: 10 })
  const token = await cache.set('k', value)
  await server.kill()
  await server.restart()
  const again = await vi.waitFor(() => cache.set('k', value), { timeout: 20_000 })
  expect(again.id).toBe(token.id)
  expect(await cache.cas('k', value, token)).toEqual({ status: 'exists' })
  expect((await cache.cas('k', value, again)).status).toBe('stored')
})

test('a server that does not know meta is spoken to in binary, where the transport is left open', async () => {
  const server = await FaultyServer.start((request, socket) => {
    socket.write(replyTo(request, { value: request.opcode === 0 ? `value of ${request.key}` : '' }))
  })
  cleanups.push(() => server.stop())
  await expect(remote(server.address).get('k')).rejects.toThrow(/meta commands/)
  const cache = remote(server.address, { transport: 'auto' })
  const items = await Promise.all(['a', 'b'].map((key) => cache.get(key)))
  expect(items.map((item) => String(item?.value))).toEqual(['value of a', 'value of b'])
  expect(server.connections).toBe(3)
})

test('the question before the first command is part of its time, and can be aborted', async () => {
  const silent = await text(() => {}, '')
  const late = remote(silent.address, { transport: 'auto', timeoutMs: 100 }).get('k')
  await expect(late).rejects.toMatchObject({ code: 'E_TIMEOUT' })

  const options = { transport: 'auto', timeoutMs: 60_000, connectTimeoutMs: 60_000 } as const
  const cache = remote(silent.address, options)
  const controller = new AbortController()
  const aborted = cache.get('k', { signal: controller.signal })
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' })
  await expect(cache.get('k', { signal: controller.signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
})

test('options that contradict each other are refused', () => {
  expect(() => new RemoteCache('a', { transport: 'udp' as never })).toThrow(RangeError)
  expect(() => new RemoteCache('a', { credentials: { username: 'a b', password: 'c' } })).toThrow(RangeError)
})
