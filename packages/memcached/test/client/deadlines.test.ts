import { isStorageError } from '@larder/storage-core'
import { MemcacheClient, type RemoteCacheOptions } from '@larder/memcached'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { passTime } from '../support/fake-time.js'
import { opaqueOf, TextServer, type TextScript } from '../support/text-server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(script: TextScript, answerToMn?: string): Promise<TextServer> {
  const server = await TextServer.start(script, answerToMn)
  cleanups.push(() => server.stop())
  return server
}

function open(server: TextServer, options: RemoteCacheOptions): MemcacheClient {
  const client = new MemcacheClient({ servers: server.address, transport: 'meta', ...options })
  cleanups.push(() => client.close())
  return client
}

const code = (error: unknown) => (isStorageError(error) ? error.code : error)
/** The flags of the lock that a deletion leaves. */
const LOCK = 0x4c6f_636b

/** What the server answers to each verb; the value of a read has the flags given. */
function replies(line: string, flags = 0): string {
  const opaque = opaqueOf(line)
  const value = flags === LOCK ? '' : 'x'
  if (line.startsWith('mg') && line.includes(' v '))
    return `VA ${value.length} f${flags} c1 ${opaque}\r\n${value}\r\n`
  if (line.startsWith('ma')) return 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
  return `HD c2 ${opaque}\r\n`
}

const calls: Readonly<Record<string, (client: MemcacheClient) => Promise<unknown>>> = {
  replace: (client) => client.replace('k', 1),
  append: (client) => client.append('k', 'x'),
  prepend: (client) => client.prepend('k', 'x'),
  touch: (client) => client.touch('k', 1000),
  getAndTouch: (client) => client.getAndTouch('k', 1000),
  'delete with a lock': (client) => client.delete('k', { lockMs: 1000 }),
  'get in a namespace': (client) => client.namespace('n').get('k'),
  'set in a namespace': (client) => client.namespace('n').set('k', 1),
}

/** A server whose answers take so long each, by a clock that stands still otherwise. */
async function slow(answerMs: number, flags?: number): Promise<TextServer> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  let isOver = false
  cleanups.push(() => {
    isOver = true
    vi.useRealTimers()
  })
  const answer = async (line: string, socket: Socket) => {
    await passTime(answerMs, () => isOver)
    socket.write(replies(line, flags))
  }
  return start((line, socket) => void answer(line, socket))
}

describe('a call of several round trips', () => {
  const timeoutMs = 400

  test.each(Object.entries(calls))('has one time-out for all of them: %s', async (_, call) => {
    // Each answer is in time, two of them are not.
    const server = await slow(0.7 * timeoutMs)
    expect(await call(open(server, { timeoutMs })).catch(code)).toBe('E_TIMEOUT')
    expect(server.lines.length).toBe(2)
  })

  test('has one time-out for all of them: a counter in the place of a lock', async () => {
    const server = await slow(0.4 * timeoutMs, LOCK)
    expect(await open(server, { timeoutMs }).incr('k', 1, { initial: 1 }).catch(code)).toBe('E_TIMEOUT')
    expect(server.lines.length).toBe(3)
  })

  const endless: Readonly<
    Record<string, [(line: string) => string, (client: MemcacheClient) => Promise<unknown>]>
  > = {
    'a replace that is always overtaken': [
      (line) => (line.startsWith('mg') ? replies(line) : `EX ${opaqueOf(line)}\r\n`),
      (client) => client.replace('k', 1),
    ],
    'a counter that comes and goes': [
      (line) => `${line.startsWith('ma') ? 'NF' : 'NS'} ${opaqueOf(line)}\r\n`,
      (client) => client.incr('k', 1, { initial: 1 }),
    ],
    'a stamp that comes and goes': [
      (line) => `${line.startsWith('mg') ? 'EN' : `NS ${opaqueOf(line)}`}\r\n`,
      (client) => client.namespace('n').get('k'),
    ],
  }
  test.each(Object.entries(endless))('ends, whatever the server answers: %s', async (_, [reply, call]) => {
    const server = await start((line, socket) => void socket.write(reply(line)))
    expect(await call(open(server, { timeoutMs: 150 })).catch(code)).toBe('E_TIMEOUT')
    const asked = server.lines.length
    expect(asked).toBeGreaterThan(2)
    await server.silence(50)
    // What was under way was the last.
    expect(server.lines.length).toBeLessThanOrEqual(asked + 1)
  })

  test('is aborted at once, while it waits for the stamp of its namespace', async () => {
    const server = await start(() => {})
    const space = open(server, { timeoutMs: 60_000 }).namespace('n')
    for (const ask of [
      (signal: AbortSignal) => space.get('k', { signal }),
      (signal: AbortSignal) => space.set('k', 1, { signal }),
      (signal: AbortSignal) => space.getMulti(['k'], { signal }),
    ]) {
      const controller = new AbortController()
      const asking = ask(controller.signal)
      await expect.poll(() => server.lines.length).toBeGreaterThan(0)
      controller.abort()
      await expect(asking).rejects.toMatchObject({ code: 'E_ABORTED' })
    }
  })
})

describe('a batch in a namespace', () => {
  const keys = ['a', 'b', 'c', 'd', 'e']
  const isDelete = (line: string) => line.startsWith('md')

  test('has one time-out for the stamp, and then one for each command', async () => {
    const timeoutMs = 400
    const server = await slow(0.7 * timeoutMs)
    const space = open(server, { timeoutMs, maxQueuedCommands: 1 }).namespace('n')
    const { signal } = new AbortController()
    for (const options of [{}, { signal }]) {
      const { values, failed } = await space.deleteMulti(keys, options)
      expect([...failed.values()]).toEqual([])
      expect([...values.keys()].sort()).toEqual(keys)
    }
  })

  test('keeps the answers from before the server stopped, and sends nothing afterwards', async () => {
    let answers = 3
    const server = await start((line, socket) => {
      if (!isDelete(line) || answers-- > 0) socket.write(replies(line))
    })
    const space = open(server, { timeoutMs: 100, maxQueuedCommands: 1, deadTimeoutMs: 1 }).namespace('n')
    const { values, failed } = await space.deleteMulti(keys, { signal: new AbortController().signal })
    expect([...values.keys()]).toEqual(['a', 'b', 'c'])
    expect([...failed.keys()].sort()).toEqual(['d', 'e'])
    const sent = server.lines.length
    await server.silence(50)
    expect(server.lines.length).toBe(sent)
  })

  test('sends nothing but the question for the stamp where that is not answered', async () => {
    const server = await start(() => {})
    const space = open(server, { timeoutMs: 50, deadTimeoutMs: 1 }).namespace('n')
    const { values, failed } = await space.deleteMulti(keys)
    expect([values.size, [...failed.values()].map(code)]).toEqual([0, Array(5).fill('E_TIMEOUT')])
    await server.silence(50)
    expect(server.lines.filter(isDelete)).toEqual([])
  })
})

describe('while it is not known which protocol a server speaks', () => {
  test('commands past the limit are refused, and those within it are settled', async () => {
    const server = await start(() => {}, '')
    const client = open(server, { transport: 'auto', maxQueuedCommands: 10, timeoutMs: 200 })
    const results = await Promise.all(Array.from({ length: 15 }, (_, i) => client.get(`k${i}`).catch(code)))
    expect(results.slice(10)).toEqual(Array(5).fill('E_OVERLOADED'))
    for (const result of results.slice(0, 10)) expect(result).not.toBe('E_OVERLOADED')
  })

  test('so are bytes', async () => {
    const server = await start(() => {}, '')
    const client = open(server, { transport: 'auto', maxQueuedBytes: 1000, timeoutMs: 200 })
    const values = [2000, 10, 2000].map((size) => client.set('k', Buffer.alloc(size)).catch(code))
    expect((await Promise.all(values)).slice(1)).toEqual(['E_OVERLOADED', 'E_OVERLOADED'])
  })

  test('settled commands make room for others', async () => {
    const server = await start(() => {}, '')
    const client = open(server, { transport: 'auto', maxQueuedCommands: 1, timeoutMs: 50, deadTimeoutMs: 1 })
    for (let i = 0; i < 3; i++) {
      // Until the dead time-out has passed it is refused as unavailable; then it waits, and times out.
      await expect.poll(() => client.get('k').catch(code)).toBe('E_TIMEOUT')
    }
  })
})
