import { EmbeddedCache } from '@larder/memcached'
import { MemoryStorage } from '@larder/storage-core'
import {
  audit,
  CachedQuery,
  MemcacheLock,
  MemcacheMaps,
  MemcacheStorage,
  QueryCache,
  type MapSource,
} from '@larder/storage-memcache'
import { KeyvMemcache } from '@larder/storage-memcache/keyv'
import { instrument } from '@larder/storage-memcache/opentelemetry'
import { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
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

const LISTS = [
  null,
  5,
  SECRET,
  {},
  new Map([['k', 1]]),
  new Set(['k']),
  () => ['k'],
  ...KEYS.map((key) => [key]),
  [''],
]
const DURATIONS = [-1, NaN, Infinity, null, '60', SECRET, {}, [], 5n, true, Symbol(SECRET)]
const CODECS = [null, 5, SECRET, {}, [], { encode: () => 1 }, () => 1]
const SCHEMAS = [null, 5, SECRET, {}, { parse: () => 1 }]
const ENTRY_SETTINGS = [
  ...[0, ...DURATIONS].map((ttlMs) => ({ ttlMs })),
  ...DURATIONS.map((graceMs) => ({ graceMs })),
  ...DURATIONS.map((softTimeoutMs) => ({ graceMs: 1, softTimeoutMs })),
  ...[null, 5, 'maybe', {}].map((whenLoaderFails) => ({ graceMs: 1, whenLoaderFails })),
  ...CODECS.map((codec) => ({ codec })),
  ...SCHEMAS.map((schema) => ({ schema })),
]
const WITHOUT_GRACE = [{ softTimeoutMs: 1 }, { whenLoaderFails: 'grace' }]
const ENTRY_OPTIONS = [...OPTIONS, undefined, ...WITHOUT_GRACE, ...ENTRY_SETTINGS]
const TAGS = LISTS
const TARGETS = [
  ...nothing,
  ...notText,
  '',
  HALF,
  ['k'],
  { tga: 't' },
  { key: 'k', tag: 't' },
  { tag: 't', nonsense: SECRET },
  ...['', HALF, 5, null, ['t'], {}].flatMap((name) => [{ key: name }, { tag: name }, { prefix: name }]),
  { prefix: 'no end' },
]
const CACHE_SETTINGS = [
  ...CACHES.map((wrong) => ({ cache: wrong })),
  { servers: 'a' },
  { client: {} },
  { nonsense: SECRET },
  ...[null, 5, {}, 'a b', 'x'.repeat(81), Symbol(SECRET)].map((keyPrefix) => ({ keyPrefix })),
]

const loader = () => 1
const queryCache = () => new QueryCache({ servers, outbox: new MemoryStorage() })
const query = () => new CachedQuery(queryCache(), { name: 'q', load: loader })
const keyv = () => new KeyvMemcache({ servers })
const resultCache = () => new MemcacheQueryResultCache({ servers, tables: ['film'] })
const storage = () => new MemcacheStorage({ servers, storage: new MemoryStorage() })
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
        ...[null, 5, {}, 'a b', 'x'.repeat(81), Symbol(SECRET)].map((keyPrefix) => ({ keyPrefix })),
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
    ['the key of cached', (key) => queryCache().cached(key, {}, loader), [...KEYS, '']],
    ['options of cached', (options) => queryCache().cached('k', options, loader), ENTRY_OPTIONS],
    ['tags of cached', (tags) => queryCache().cached('k', { tags }, loader), TAGS],
    ['the loader of cached', (load) => queryCache().cached('k', {}, load), FUNCTIONS],
    [
      'the keys of cachedMany',
      (keys) => queryCache().cachedMany(keys, {}, () => new Map()),
      [undefined, ...LISTS],
    ],
    [
      'options of cachedMany',
      (options) => queryCache().cachedMany(['k'], options, () => new Map()),
      ENTRY_OPTIONS,
    ],
    ['tags of cachedMany', (tags) => queryCache().cachedMany(['k'], { tags }, () => new Map()), TAGS],
    ['the loader of cachedMany', (load) => queryCache().cachedMany(['k'], {}, load), FUNCTIONS],
    ['what invalidate takes', (target) => queryCache().invalidate('k', target), TARGETS],
    ['a manager', (manager) => queryCache().invalidateWith(manager, 'k'), [...nothing, 5, SECRET, () => 1]],
    ['what invalidateWith takes', (target) => queryCache().invalidateWith({}, target), TARGETS],
    ['a transaction', (tx) => queryCache().invalidateIn(tx, 'k'), [...nothing, 5, SECRET, {}]],
    [
      'what invalidateIn takes',
      (target) => queryCache().invalidateIn({ journal: fail, enlist: fail }, target),
      TARGETS,
    ],
    [
      'an option of a query cache',
      (options: object) => new QueryCache({ cache, ...options }),
      [
        ...CACHE_SETTINGS,
        ...WITHOUT_GRACE,
        ...ENTRY_SETTINGS,
        ...[0, ...DURATIONS].flatMap((ms) => [
          { leaseTtlMs: ms },
          { outbox: new MemoryStorage(), relayIntervalMs: ms },
        ]),
        ...DURATIONS.flatMap((ms) => [{ fillWaitMs: ms }, { outbox: new MemoryStorage(), relayAfterMs: ms }]),
        ...[null, 5, '', true, {}].map((prefixSeparator) => ({ prefixSeparator })),
        ...[null, 1, 'yes', {}].map((clearable) => ({ clearable })),
        ...[null, 5, {}, () => 1].map((outbox) => ({ outbox })),
        ...[null, 'maybe', 5].map((whenCacheFails) => ({ outbox: new MemoryStorage(), whenCacheFails })),
        { whenCacheFails: 'reject' },
        { relayAfterMs: 1 },
        ...[null, 5, SECRET].map((environment) => ({ environment })),
      ],
    ],
    [
      'the cache of a query',
      (queries) => new CachedQuery(queries, { name: 'q', load: loader }),
      [...nothing, 5, {}],
    ],
    [
      'an option of a query',
      (options: object) => new CachedQuery(queryCache(), { name: 'q', load: loader, ...options }),
      [
        ...[...KEYS, ''].map((name) => ({ name })),
        ...FUNCTIONS.map((load) => ({ load })),
        ...FUNCTIONS.slice(1).map((loadMany) => ({ loadMany })),
        ...TAGS.filter((tags) => typeof tags !== 'function').map((tags) => ({ tags })),
        ...ENTRY_SETTINGS,
        { nonsense: SECRET },
      ],
    ],
    ['options of a query', (options) => new CachedQuery(queryCache(), options), [...nothing, ...PLAIN, {}]],
    [
      'tags by the arguments',
      (tags) => new CachedQuery(queryCache(), { name: 'q', load: loader, tags: () => tags }).get(),
      TAGS,
    ],
    [
      'an argument of a query',
      (argument) => (query() as unknown as { get(each: unknown): Promise<unknown> }).get(argument),
      [5n, Symbol(SECRET), () => 1, NaN],
    ],
    [
      'arguments of getMany',
      (list) => query().getMany(list),
      [...nothing, 5, SECRET, {}, new Map(), [5], ['k'], [null], [undefined], [{}]],
    ],
    ['a key of Keyv', (key) => keyv().get(key), [...KEYS, '']],
    ['a key of Keyv to look for', (key) => keyv().has(key), [...KEYS, '']],
    ['a key of Keyv to set', (key) => keyv().set(key, 'v'), [...KEYS, '']],
    ['a key of Keyv to delete', (key) => keyv().delete(key), [...KEYS, '']],
    ['a value of Keyv', (value) => keyv().set('k', value), [...nothing, ...notText, 'a\ud800']],
    [
      'a lifetime of Keyv',
      (lifetime) => keyv().set('k', 'v', lifetime),
      [NaN, null, '60', SECRET, {}, [], true, 5n],
    ],
    ['keys of Keyv', (keys) => keyv().getMany(keys), [undefined, ...LISTS]],
    ['keys of Keyv to look for', (keys) => keyv().hasMany(keys), [undefined, ...LISTS]],
    ['keys of Keyv to delete', (keys) => keyv().deleteMany(keys), [undefined, ...LISTS]],
    [
      'entries of Keyv',
      (entries) => keyv().setMany(entries),
      [
        ...[undefined, null, 5, SECRET, {}, new Map()],
        ...[null, 5, 'k', {}, { key: 5, value: 'v' }, { key: 'k', value: 5 }].map((entry) => [
          { key: 'good', value: 'v' },
          entry,
        ]),
        ...[NaN, null, '60', {}].flatMap((time) => [
          [{ key: 'k', value: 'v', ttl: time }],
          [{ key: 'k', value: 'v', expires: time }],
        ]),
      ],
    ],
    ['a namespace of Keyv', (namespace) => keyv().iterator(namespace).next(), [null, 5, {}]],
    [
      'an option of Keyv',
      (options: object) => new KeyvMemcache({ cache, ...options }),
      [...CACHE_SETTINGS, ...[null, 1, 'yes'].map((iterable) => ({ iterable }))],
    ],
    ['options of Keyv', (options) => new KeyvMemcache(options), [...nothing, ...PLAIN, {}]],
    ['identifiers of TypeORM', (identifiers) => resultCache().remove(identifiers), [undefined, ...LISTS]],
    ['tables of TypeORM', (tables) => resultCache().invalidateTables(tables), [undefined, ...LISTS]],
    [
      'an option of the cache of TypeORM',
      (options: object) => new MemcacheQueryResultCache({ cache, ...options }),
      [
        ...CACHE_SETTINGS,
        ...LISTS.map((tables) => ({ tables })),
        ...[0, ...DURATIONS].map((leaseTtlMs) => ({ leaseTtlMs })),
        ...DURATIONS.map((fillWaitMs) => ({ fillWaitMs })),
      ],
    ],
    [
      'an option of a storage',
      (options: object) => new MemcacheStorage({ cache, storage: new MemoryStorage(), ...options }),
      [
        ...CACHE_SETTINGS,
        ...[null, 5, SECRET, {}].map((home) => ({ storage: home })),
        ...[null, 5, SECRET, {}].map((keyGenerator) => ({ keyGenerator })),
        ...[0, ...DURATIONS].flatMap((ms) =>
          [
            'ttlMs',
            'absentTtlMs',
            'leaseTtlMs',
            'markTtlMs',
            'lockTimeoutMs',
            'confirmTimeoutMs',
            'relayIntervalMs',
          ].map((name) => ({ [name]: ms })),
        ),
        ...DURATIONS.flatMap((ms) =>
          ['graceMs', 'fillWaitMs', 'relayAfterMs', 'maxCachedBytes', 'listMemoryBytes'].map((name) => ({
            [name]: ms,
          })),
        ),
        { softTimeoutMs: 5 },
        { whenStorageFails: 'grace' },
        ...[null, 'maybe', 5].flatMap((when) => [{ whenCacheFails: when }, { whenStorageFails: when }]),
        { storage: undefined, ttlMs: 5 },
      ],
    ],
    [
      'a storage to audit',
      (wrong) => audit(wrong, { collections: ['a'] }),
      [...nothing, 5, SECRET, {}, new MemoryStorage()],
    ],
    ['options of an audit', (options) => audit(storage(), options), [...nothing, ...PLAIN, {}]],
    [
      'an option of an audit',
      (options: object) => audit(storage(), { collections: ['a'], ...options }),
      [
        ...[...LISTS, []].map((collections) => ({ collections })),
        ...[0, 2, ...DURATIONS].map((sample) => ({ sample })),
        ...[0, -1, NaN, null, '5'].flatMap((count) => [{ limit: count }, { maxPerSecond: count }]),
        ...DURATIONS.map((recheckAfterMs) => ({ recheckAfterMs })),
        ...FUNCTIONS.slice(1).map((onProgress) => ({ onProgress })),
        ...[null, 5, {}, SECRET].map((signal) => ({ signal })),
      ],
    ],
    ['options of instrument', (options) => instrument(options), [null, ...PLAIN]],
    [
      'an option of instrument',
      (options) => instrument(options),
      [
        ...[null, true, 5, {}, SECRET].flatMap((provider) => [
          { tracerProvider: provider },
          { meterProvider: provider },
        ]),
        ...[null, 1, 'yes'].map((statements) => ({ statements })),
      ],
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
