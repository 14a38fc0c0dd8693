import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import Memcached from '@larder/memcached/compat/memcached'
import Original from 'memcached'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call, type Answer } from './calls.js'

let server: MemcachedServer
beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server.stop())

type Step = readonly [method: string, ...args: unknown[]]

const BYTES = Buffer.from([0, 255, 13, 10, 92, 10])

/** Each on a server that was flushed, and under a namespace. */
const SCRIPTS: Readonly<Record<string, readonly Step[]>> = {
  'text, bytes, numbers and objects': [
    ['set', 'text', 'one\ntwo\r\n\\\nthree', 10],
    ['get', 'text'],
    ['set', 'empty', '', 10],
    ['get', 'empty'],
    ['set', 'bytes', BYTES, 10],
    ['get', 'bytes'],
    ['set', 'number', 1.5, 10],
    ['get', 'number'],
    ['set', 'object', { a: ['ä\n', null, new Date(0)] }, 10],
    ['get', 'object'],
    ['set', 'map', new Map([[1, 2]]), 10],
    ['get', 'map'],
    ['set', 'null', null, 10],
    ['get', 'null'],
    ['set', 'true', true, 0],
    ['get', 'true'],
    ['get', 5],
    ['set', 5, 'five', 0],
    ['get', '5'],
  ],
  'conditions that do not hold': [
    ['get', 'none'],
    ['gets', 'none'],
    ['replace', 'none', 1, 10],
    ['append', 'none', '1'],
    ['prepend', 'none', '1'],
    ['cas', 'none', 1, '99', 10],
    ['touch', 'none', 10],
    ['del', 'none'],
    ['delete', 'none'],
    ['incr', 'none', 1],
    ['decr', 'none', 1],
    ['set', 'some', 'x', 10],
    ['add', 'some', 1, 10],
    ['cas', 'some', 1, '99', 10],
    ['incr', 'some', 1],
  ],
  'conditions that hold': [
    ['add', 'some', 'b', 10],
    ['append', 'some', 'c\n'],
    ['prepend', 'some', 'a'],
    ['get', 'some'],
    ['touch', 'some', 100],
    ['replace', 'some', 41, 0],
    ['incr', 'some', 1],
    ['increment', 'some', 10],
    ['get', 'some'],
    ['decr', 'some', 2],
    ['decrement', 'some', 100],
    ['del', 'some'],
    ['set', 'gone', 1, -1],
    ['get', 'gone'],
    ['set', 'later', 1, Math.ceil(Date.now() / 1000) + 1000],
    ['get', 'later'],
  ],
  'several keys': [
    ['set', 'a', 'A', 10],
    ['set', 'b', { b: 1 }, 10],
    ['getMulti', ['a', 'b', 'none']],
    ['get', ['a']],
    ['get', ['none']],
    ['getMulti', ['with space']],
  ],
  'bad arguments': [
    ['get', 'with space'],
    ['set', 'with\nbreak', 1, 10],
    ['set', 'a', 1, '10'],
    ['touch', 'a', '10'],
    ['incr', 'a', '1'],
    ['cachedump', '127.0.0.1:1', '1', 1],
  ],
  'the servers themselves': [['version'], ['settings'], ['flush'], ['flushAll']],
}

async function run(Client: new (servers: string, options: object) => object, steps: readonly Step[]) {
  const client = new Client(server.address, { namespace: 'n:' })
  const answers: Answer[] = []
  await call(client, 'flush')
  for (const [method, ...args] of steps) answers.push(await call(client, method, ...args))
  ;(client as { end(): void }).end()
  return answers
}

/** What a program can see in the command that is `this`; times and text of the command differ. */
function commandOf({ self }: Answer): unknown {
  if (typeof self !== 'object' || self === null || !('type' in self)) return typeof self
  const { type, key, lifetime, cas } = self as Record<string, unknown>
  const { execution, start } = self as { execution?: unknown; start?: unknown }
  return { type, key, lifetime, cas, execution: typeof execution, start: typeof start }
}

const IS_RANDOM = new Set(['oldest'])
function stable(data: unknown): unknown {
  return JSON.parse(JSON.stringify({ data }, (key, value: unknown) => (IS_RANDOM.has(key) ? 0 : value)))
}

test.each(Object.entries(SCRIPTS))('the client calls back as npm memcached does: %s', async (_, steps) => {
  const [ours, theirs] = [await run(Memcached, steps), await run(Original, steps)]
  const seen = (answers: readonly Answer[]) =>
    answers.map((answer, i) => {
      return { step: steps[i], error: answer.error, data: stable(answer.data), this: commandOf(answer) }
    })
  expect(seen(ours)).toEqual(seen(theirs))
})

test('the client reads what npm memcached stored, and the reverse', async () => {
  const [ours, theirs] = [new Memcached(server.address), new Original(server.address)]
  const values = { text: 'a\r\nb', bytes: BYTES, number: 7, object: { a: [1] }, empty: '' }
  for (const [key, value] of Object.entries(values)) {
    await call(theirs, 'set', `theirs-${key}`, value, 0)
    await call(ours, 'set', `ours-${key}`, value, 0)
    expect((await call(ours, 'get', `theirs-${key}`)).data).toEqual(value)
    expect((await call(theirs, 'get', `ours-${key}`)).data).toEqual(value)
  }
  ours.end()
  theirs.end()
})
