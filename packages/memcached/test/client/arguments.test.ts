import {
  EmbeddedCache,
  MemcacheClient,
  RemoteCache,
  type CasToken,
  type CommandCache,
} from '@larder/memcached'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  describeArgument,
  expectRefusals,
  expectRefused,
  fail,
  nothing,
  notText,
  OPTIONS,
  SECRET,
  TTLS,
  type Method,
} from '../support/wrong-arguments.js'

const TOKEN: CasToken = { id: 1n, equals: () => false }

/** For every argument what it must not be. `VALID` stands where the argument is right. */
const KEYS = [
  ...nothing,
  ...notText,
  '',
  [],
  ['a'],
  ['a', 'b', 'c'],
  [{}, 'k'],
  [-1, 'k'],
  [1.5, 'k'],
  ['a', 5],
]
const WIRE_KEYS = [
  ...nothing,
  ...notText,
  '',
  [],
  ['a', 'b'],
  Buffer.from('k'),
  'a b',
  'a\r\nb',
  'x'.repeat(251),
]
const TOKENS = [
  ...nothing,
  5,
  'token',
  {},
  { cas: TOKEN },
  { id: 1n },
  Buffer.from('c'),
  Symbol(SECRET),
  () => TOKEN,
]
const BYTES = [...nothing, 5, {}, [1, 2], true, 5n, Symbol(SECRET), () => SECRET, new Float64Array(1)]
const LISTS = [...nothing, 'abc', 5, {}, { k: 1 }, Symbol(SECRET), () => ['k'], Promise.resolve(['k'])]
const KEY_LISTS = [...LISTS, new Map([['k', 'v']]), new URLSearchParams('k=v'), [5], ['k', ''], [['k']], [{}]]
const ENTRIES = [...LISTS, ['ab'], new Set(['ab']), [['k']], [['k', 1, 2, 3]], [[5, 1]], [['', 1]], [null]]
const CLIENT_OPTIONS = [...OPTIONS, { keyPrefix: 5 }, { keyPrefix: null }, { routeBy: 'k' }]
const STORE_OPTIONS = [...CLIENT_OPTIONS, ...TTLS.map((ttlMs) => ({ ttlMs }))]
const DELTAS = [null, -1, NaN, Infinity, 0.5, 2 ** 53, 2n ** 64n, '5', {}, [], true, Symbol(SECRET), () => 1]
const COUNTER_OPTIONS = [
  ...STORE_OPTIONS,
  ...[-1, 0.5, NaN, -1n, 2n ** 64n, '5', null, {}].map((initial) => ({ initial })),
  { bigint: 1 },
]

const CLIENT: readonly Method[] = [
  ...['get', 'gets', 'peek'].map((name): Method => [name, ['k', {}], [KEYS, CLIENT_OPTIONS]]),
  ['touch', ['k', 1000, {}], [KEYS, TTLS, CLIENT_OPTIONS]],
  ['getAndTouch', ['k', 1000, {}], [KEYS, TTLS, CLIENT_OPTIONS]],
  ...['set', 'add', 'replace'].map((name): Method => [
    name,
    ['k', 1, {}],
    [KEYS, [undefined, fail], STORE_OPTIONS],
  ]),
  ['cas', ['k', 1, TOKEN, {}], [KEYS, [undefined], TOKENS, STORE_OPTIONS]],
  ['append', ['k', 'v', {}], [KEYS, BYTES.slice(0, -1), CLIENT_OPTIONS]],
  ['prepend', ['k', 'v', {}], [KEYS, BYTES.slice(0, -1), CLIENT_OPTIONS]],
  [
    'delete',
    ['k', {}],
    [
      KEYS,
      [...CLIENT_OPTIONS, ...TTLS.map((lockMs) => ({ lockMs })), ...TOKENS.slice(1).map((cas) => ({ cas }))],
    ],
  ],
  ['incr', ['k', 1, {}], [KEYS, DELTAS, COUNTER_OPTIONS]],
  ['decr', ['k', 1, {}], [KEYS, DELTAS, COUNTER_OPTIONS]],
  ['getMulti', [['k'], {}], [KEY_LISTS, CLIENT_OPTIONS]],
  ['getsMulti', [['k'], {}], [KEY_LISTS, CLIENT_OPTIONS]],
  ...['setMulti', 'addMulti', 'replaceMulti'].map((name): Method => {
    return [name, [[['k', 1]], {}], [[...ENTRIES, [['k', undefined]]], STORE_OPTIONS]]
  }),
  [
    'casMulti',
    [[['k', 1, TOKEN]], {}],
    [[...ENTRIES, new Map([['k', 1]]), ...TOKENS.map((token) => [['k', 1, token]])], STORE_OPTIONS],
  ],
  [
    'deleteMulti',
    [['k'], {}],
    [KEY_LISTS, [...CLIENT_OPTIONS, { cas: TOKEN }, ...TTLS.map((lockMs) => ({ lockMs }))]],
  ],
  [
    'offsetMulti',
    [[['k', 1]], {}],
    [[...ENTRIES, ...DELTAS.filter((d) => d !== -1).map((d) => [['k', d]])], COUNTER_OPTIONS],
  ],
  ['flushAll', [0, {}], [[...TTLS.filter((ttl) => ttl !== 0), Infinity, {}], OPTIONS]],
  ['stats', ['', {}], [[...notText, null, 'A B', 'settings\r\nflush_all'], OPTIONS]],
  ['summary', [{}], [OPTIONS]],
  ['version', [{}], [OPTIONS]],
]

const READ_OPTIONS = [...OPTIONS, ...[Symbol(SECRET), {}, -1, 0.5, NaN, null].map((routeBy) => ({ routeBy }))]
const ITEM_OPTIONS = [
  ...READ_OPTIONS,
  ...TTLS.map((ttlMs) => ({ ttlMs })),
  ...[-1, 0.5, 2 ** 32, NaN, '1', null].map((flags) => ({ flags })),
]
const CACHE: readonly Method[] = [
  ['get', ['k', {}], [WIRE_KEYS, [...READ_OPTIONS, { withoutToken: 1 }]]],
  ['getAs', ['k', () => 1, {}], [WIRE_KEYS, [...nothing, {}, 'f'], READ_OPTIONS]],
  ['stateOf', ['k', {}], [WIRE_KEYS, READ_OPTIONS]],
  ['peek', ['k', {}], [WIRE_KEYS, READ_OPTIONS]],
  ['touch', ['k', 1000, {}], [WIRE_KEYS, TTLS, READ_OPTIONS]],
  ['getAndTouch', ['k', 1000, {}], [WIRE_KEYS, TTLS, READ_OPTIONS]],
  ...['set', 'put', 'add', 'replace'].map((name): Method => {
    return [name, ['k', Buffer.from('v'), {}], [WIRE_KEYS, [...BYTES, 'text'], ITEM_OPTIONS]]
  }),
  ['cas', ['k', Buffer.from('v'), TOKEN, {}], [WIRE_KEYS, [...BYTES, 'text'], TOKENS, ITEM_OPTIONS]],
  ['append', ['k', Buffer.from('v'), {}], [WIRE_KEYS, [...BYTES, 'text'], READ_OPTIONS]],
  ['prepend', ['k', Buffer.from('v'), {}], [WIRE_KEYS, [...BYTES, 'text'], READ_OPTIONS]],
  ['delete', ['k', {}], [WIRE_KEYS, [...READ_OPTIONS, ...TOKENS.slice(1).map((cas) => ({ cas }))]]],
  [
    'arithmetic',
    ['k', 1n, {}],
    [
      WIRE_KEYS,
      [...nothing, 1, '1', {}, 2n ** 64n, -(2n ** 64n), Symbol(SECRET)],
      [...READ_OPTIONS, ...[-1n, 1, '1', null].map((initial) => ({ initial }))],
    ],
  ],
  ['getMulti', [['k'], {}], [[...KEY_LISTS, new Set(['k'])], READ_OPTIONS]],
  [
    'setMulti',
    [[{ key: 'k', value: Buffer.from('v') }], {}],
    [[...LISTS, [null], [{}], [{ key: 'k', value: 'v' }]], READ_OPTIONS],
  ],
  ['flushAll', [0, {}], [[...TTLS.filter((ttl) => ttl !== 0), Infinity], OPTIONS]],
  ['stats', ['', {}], [[...notText, null, 'A B'], OPTIONS]],
  ['version', [{}], [OPTIONS]],
]

let listener: Server
let connections = 0
let address: string
const caches: CommandCache[] = []

beforeAll(async () => {
  listener = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  address = `127.0.0.1:${(listener.address() as AddressInfo).port}`
  caches.push(new RemoteCache(address), new EmbeddedCache())
})
afterAll(async () => {
  for (const cache of caches) await cache.close()
  await new Promise((resolve) => listener.close(resolve))
})
beforeEach(() => {
  connections = 0
})

describe('a wrong argument is a TypeError or RangeError that names it, shows no secret and causes no I/O', () => {
  test.each(CLIENT)('%s of a client', async (...method) => {
    const target = new MemcacheClient({ cache: caches[0]! })
    await expectRefusals(target, method)
    await expectRefusals(target.namespace('n'), method)
    await expectRefusals(new MemcacheClient({ servers: address, whenUnavailable: 'miss' }), method)
    expect(connections).toBe(0)
  })

  test.each(CACHE)('%s of a cache', async (...method) => {
    for (const cache of caches) await expectRefusals(cache, method)
    expect(connections).toBe(0)
  })

  test.each<[string, (value: never) => unknown, readonly unknown[]]>([
    ['options of a client', (value) => new MemcacheClient(value), [...nothing, ...OPTIONS, {}]],
    [
      'servers of a client',
      (value) => new MemcacheClient({ servers: value }),
      [null, 5, {}, [], '', [5], ['a', 'a'], { host: 'a' }, Symbol(SECRET), `memcache://user:${SECRET}@host`],
    ],
    ['a cache of a client', (value) => new MemcacheClient({ cache: value }), [null, 5, {}, 'a', () => 1]],
    [
      'an option of a client',
      (value: object) => new MemcacheClient({ cache: caches[1]!, ...value }),
      [
        ...TTLS.map((ttlMs) => ({ ttlMs })),
        { servers: 'a' },
        { timeoutMs: 5 },
        { keyPrefix: 5 },
        { invalidKeys: SECRET.slice(0, 3) },
        { whenUnavailable: null },
        { serializer: {} },
        { serializer: () => 1 },
        { compression: 5 },
        { compression: { nonsense: 1 } },
      ],
    ],
    [
      'the name of a namespace',
      (value) => new MemcacheClient({ cache: caches[0]! }).namespace(value),
      [...nothing, ...notText, '', 'a b'],
    ],
    [
      'servers of a cache',
      (value) => new RemoteCache(value),
      [
        ...nothing,
        5,
        {},
        [],
        '',
        ',',
        [null],
        { host: 'a' },
        { servers: [] },
        'a:0',
        'a:65536',
        'a b a',
        `memcache://user:${SECRET}@host`,
        `user:${SECRET}@host:11211`,
        [`user:${SECRET}@host`],
        `memcached://${SECRET}`,
        `memcache://user:${SECRET},x@host`,
      ],
    ],
    [
      'options of a cache',
      (value) => new RemoteCache('127.0.0.1:1', value),
      [
        null,
        SECRET,
        [],
        { timeoutMs: NaN },
        { timeoutMs: '5' },
        { deadTimeoutMs: -1 },
        { connectionsPerServer: 1.5 },
        { maxQueuedCommands: Infinity },
        { now: 5 },
        { transport: 'udp' },
        { routing: 'md5' },
        { routing: { hash: 5 } },
        { udp: true },
        { udp: { waitMs: 1e9 } },
        { tls: true },
        { credentials: SECRET },
        { credentials: {} },
        { credentials: { username: 'u' } },
        { credentials: { username: 'u', password: ` ${SECRET}` } },
        { credentials: { username: 'u', password: [SECRET] } },
        { credentials: { username: 'u', password: SECRET, user: SECRET } },
        { serverItemLimitBytes: 5 },
      ],
    ],
    [
      'options of an embedded cache',
      (value) => new EmbeddedCache(value),
      [null, 5, [], { maxBytes: 1 }, { maxBytes: '64' }, { maxItemBytes: 0 }, { now: {} }, { nonsense: 1 }],
    ],
    [
      'an endpoint of discovery',
      (value) => RemoteCache.discover(value),
      [...nothing, 5, '', `a:${SECRET}@b`],
    ],
    [
      'options of discovery',
      (value) => RemoteCache.discover('127.0.0.1:1', {}, value),
      [null, 5, [], { intervalMs: 0 }, { answerTimeoutMs: '5' }, { nonsense: 1 }],
    ],
  ])('%s', async (_name, use, values) => {
    for (const value of values) await expectRefused(describeArgument(value), () => use(value as never))
    expect(connections).toBe(0)
  })
})
