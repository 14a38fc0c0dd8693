import { EmbeddedCache } from '@larder/memcached'
import { MemoryStorage } from '@larder/storage-core'
import { MemcacheLock, MemcacheMaps, type MapSource } from '@larder/storage-memcache'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  describeArgument,
  expectRefused,
  fail,
  nothing,
  notText,
  OPTIONS,
  SECRET,
  TTLS,
} from '../../memcached/test/support/wrong-arguments.js'

let listener: Server
let connections = 0
let servers: string

beforeAll(async () => {
  listener = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  servers = `127.0.0.1:${(listener.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => listener.close(resolve)))
beforeEach(() => {
  connections = 0
})

const cache = new EmbeddedCache()
const HALF = String.fromCharCode(0xd800)
const KEYS = [...nothing, ...notText, [], ['k'], Buffer.from('k'), HALF]
const NAMES = [...KEYS, '', 'x'.repeat(513), 'a\0b']
const FUNCTIONS = [...nothing, SECRET, 5, {}, [], Symbol(SECRET)]
const CACHES = [null, 5, SECRET, {}, [], () => cache, { get: () => 1 }]
/** Options that say nothing of a signal. */
const PLAIN = OPTIONS.slice(0, 8)
const MAP_OPTIONS = [
  ...OPTIONS,
  ...TTLS.map((expires) => ({ expires })),
  { expires: Infinity },
  ...[null, 5, 'none', {}].map((plugin) => ({ plugin })),
  ...[null, 5, 'maybe', {}].map((missing) => ({ missing })),
  Object.defineProperty({}, 'plugin', { enumerable: true, get: fail }),
]
const TIMES = [-1, NaN, Infinity, 86_400_001, null, SECRET, '5', {}, [], 5n, true, Symbol(SECRET), () => 5]
const ACQUIRE_OPTIONS = [
  ...OPTIONS,
  ...[0, ...TIMES].map((leaseMs) => ({ leaseMs })),
  ...TIMES.map((waitMs) => ({ waitMs })),
]

const maps = () => new MemcacheMaps({ plugins: { default: { servers } } })
const map = () => maps().getMemcacheMap<unknown>('p')
const lock = () => new MemcacheLock({ servers })
const inTransaction = (work: (source: MapSource) => unknown) => maps().transaction(work)

describe('a wrong argument is a TypeError or RangeError that shows no secret and causes no I/O', () => {
  test.each<[string, (value: never) => unknown, readonly unknown[]]>([
    ['the key of get', (key) => map().get(key), KEYS],
    ['the default of get', (value) => map().get('k', value), [undefined, SECRET, () => 1, {}]],
    ['the key of has', (key) => map().has(key), KEYS],
    ['the key of set', (key) => map().set(key, 1), KEYS],
    ['the value of set', (value) => map().set('k', value), [undefined, () => SECRET, Symbol(SECRET)]],
    ['the key of delete', (key) => map().delete(key), KEYS],
    ['the key of markEdited', (key) => map().markEdited(key), KEYS],
    ['a prefix', (prefix) => maps().getMemcacheMap(prefix), [...KEYS, '']],
    ['options of a map', (options) => maps().getMemcacheMap('p', options), MAP_OPTIONS],
    ['work of a transaction', (work) => maps().transaction(work), FUNCTIONS],
    [
      'a prefix in a transaction',
      (prefix) => inTransaction((source) => source.getMemcacheMap(prefix)),
      [...KEYS, ''],
    ],
    [
      'options of a map in a transaction that has the map already',
      (options) =>
        inTransaction((source) => [source.getMemcacheMap('p'), source.getMemcacheMap('p', options)]),
      MAP_OPTIONS,
    ],
    ['options of maps', (options) => new MemcacheMaps(options), [...nothing, ...PLAIN, {}]],
    [
      'plugins',
      (plugins) => new MemcacheMaps({ plugins }),
      [...nothing, ...PLAIN, [], {}, ...[...nothing, ...PLAIN, {}].map((plugin) => ({ default: plugin }))],
    ],
    [
      'a plugin',
      (plugin: object) => new MemcacheMaps({ plugins: { default: { cache, ...plugin } } }),
      [
        ...CACHES.map((wrong) => ({ cache: wrong })),
        ...TTLS.map((expires) => ({ expires })),
        { servers: 'a' },
        { client: {} },
        { serializer: {} },
        { compression: 5 },
        { whenUnavailable: null },
        { nonsense: SECRET },
      ],
    ],
    [
      'servers of a plugin',
      (wrong) => new MemcacheMaps({ plugins: { default: { servers: wrong } } }),
      [null, 5, {}, [], '', `memcache://user:${SECRET}@host`],
    ],
    [
      'what is told of a flush',
      (onFlushError) => new MemcacheMaps({ plugins: { default: { cache } }, onFlushError }),
      FUNCTIONS.slice(1),
    ],
    ['the name of a lock', (name) => lock().acquire(name), NAMES],
    ['options of acquire', (options) => lock().acquire('n', options), ACQUIRE_OPTIONS],
    ['the name of withLock', (name) => lock().withLock(name, async () => 1), NAMES],
    ['work of withLock', (work) => lock().withLock('n', work), FUNCTIONS],
    ['options of withLock', (options) => lock().withLock('n', async () => 1, options), ACQUIRE_OPTIONS],
    ['options of a lock', (options) => new MemcacheLock(options), [...nothing, ...PLAIN, {}]],
    [
      'an option of a lock',
      (options: object) => new MemcacheLock({ cache, ...options }),
      [
        ...CACHES.map((wrong) => ({ cache: wrong })),
        ...[0, ...TIMES].map((leaseMs) => ({ leaseMs })),
        ...TIMES.map((waitMs) => ({ waitMs })),
        ...[null, 5, {}, 'a b', 'x'.repeat(81), Symbol(SECRET)].map((namespace) => ({ namespace })),
        ...[null, 5, SECRET, {}, () => 1].map((storage) => ({ storage })),
        { fencingCollection: 'c' },
        ...[null, 5, '', {}].map((name) => ({ storage: new MemoryStorage(), fencingCollection: name })),
        { servers: 'a' },
        { client: {} },
        { nonsense: SECRET },
      ],
    ],
    [
      'servers of a lock',
      (wrong) => new MemcacheLock({ servers: wrong }),
      [null, 5, {}, [], '', `memcache://user:${SECRET}@host`],
    ],
    ['how a lock talks to servers', (client) => new MemcacheLock({ servers, client }), [null, 5, SECRET, []]],
  ])('%s', async (_name, use, values) => {
    for (const value of values) await expectRefused(describeArgument(value), () => use(value as never))
    expect(connections).toBe(0)
  })

  test('a time of extend, and the lock stays held', async () => {
    await using locks = new MemcacheLock({ cache })
    const held = await locks.acquire('n')
    for (const time of [0, ...TIMES]) {
      await expectRefused(describeArgument(time), () => held.extend(time as never))
    }
    expect(await held.release()).toBe(true)
  })
})
