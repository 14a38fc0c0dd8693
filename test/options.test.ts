import { compressedCodec, jsonCodec, MemoryStorage, UnitOfWork } from '@larder/storage-core'
import { booleanOption, checkOptions, groupOption, optionTable, textOption } from '@larder/storage-core/base'
import { EmbeddedCache, MemcacheClient, RemoteCache } from '@larder/memcached'
import {
  audit,
  CachedQuery,
  MemcacheLock,
  MemcacheMaps,
  MemcacheStorage,
  type MemcacheStorageOptions,
  QueryCache,
} from '@larder/storage-memcache'
import { KeyvMemcache } from '@larder/storage-memcache/keyv'
import { instrument } from '@larder/storage-memcache/opentelemetry'
import { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
import {
  installTriggers,
  larderEntities,
  larderMigrations,
  onTableChanges,
  removeTriggers,
  SqlLock,
  SqlStorage,
  unwatchTables,
  watchTables,
} from '@larder/storage-sql'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

// Nobody listens there, and nothing is asked.
const servers = '127.0.0.1:1'
const cache = new EmbeddedCache()
const queries = new QueryCache({ cache })
const maps = new MemcacheMaps({ plugins: { default: { cache } } })
const client = new MemcacheClient({ cache })
const memory = new MemoryStorage()
const cached = new MemcacheStorage({ cache, storage: memory })
const info = memory.info('pages', 'home')
let folder: string
let sql: SqlStorage

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'larder-options-'))
  sql = await SqlStorage.open({ url: `sqlite:${join(folder, 'open.sqlite')}` })
})
afterAll(async () => {
  await sql.shutdown()
  await rm(folder, { recursive: true, force: true })
})

/** Options as plain JavaScript lets them pass. */
type Given = object
const file = (): string => join(folder, 'new.sqlite')

/** What takes options, a wrong name, what is said of it, and the call. */
const MISTAKES: readonly (readonly [
  subject: string,
  wrong: string,
  meant: string,
  call: (given: Given) => unknown,
])[] = [
  ['MemoryStorage', 'keyGenerater', 'keyGenerator', (given) => new MemoryStorage(given)],
  ['compressedCodec', 'minbytes', 'minBytes', (given) => compressedCodec(jsonCodec(), given)],
  ['putContent', 'ifMacth', 'ifMatch', (given) => memory.putContent(info, 'x', given)],
  ['put', 'metadate', 'metadata', (given) => memory.put(info, { content: 'x', ...given })],
  ['put', 'ifMatches', 'ifMatch', (given) => new UnitOfWork().put(memory, info, { content: 'x' }, given)],
  ['remove', 'ifNonMatch', 'ifNoneMatch', (given) => memory.remove(info, given)],
  ['ls', 'extension', 'signal, ext', (given) => memory.ls('pages', given)],
  ['page', 'limti', 'limit', (given) => memory.page('pages', given)],
  ['getContent', 'singal', 'signal', (given) => memory.getContent(info, given)],
  ['getMany', 'parts', 'part', (given) => memory.getMany([info], given)],
  ['exists', 'prat', 'part', (given) => memory.exists(info, given)],
  ['openContent', 'singal', 'signal', (given) => memory.openContent(info, given)],
  ['createContainer', 'singal', 'signal', (given) => memory.createContainer('pages', given)],
  ['persist', 'singal', 'signal', (given) => memory.persist([info], 'why', given)],
  ['writeMany', 'singal', 'signal', (given) => memory.writeMany([], given)],
  ['writeMany', 'contnet', 'content', (given) => memory.writeMany([{ info, content: 'x', ...given }])],
  ['transaction', 'attempt', 'attempts', (given) => memory.transaction(async () => 1, given)],
  ['claim', 'keyPrefx', 'keyPrefix', (given) => memory.claim({ olderThanMs: 0, ...given }, async () => [])],
  ['MemcacheStorage', 'ttl', 'ttlMs', (given) => new MemcacheStorage({ cache, storage: memory, ...given })],
  [
    'MemcacheStorage',
    'client.timeout',
    'client.timeoutMs',
    (given) => new MemcacheStorage({ servers, storage: memory, ...given }),
  ],
  ['RemoteCache', 'connectTimoutMs', 'connectTimeoutMs', (given) => new RemoteCache(servers, given)],
  [
    'RemoteCache',
    'routing.distribtion',
    'routing.distribution',
    (given) => new RemoteCache(servers, { ...given }),
  ],
  ['RemoteCache', 'udp.waitms', 'udp.waitMs', (given) => new RemoteCache(servers, given)],
  [
    'RemoteCache',
    'credentials.user',
    'credentials.username, password',
    (given) => new RemoteCache(servers, given),
  ],
  ['discover', 'interval', 'intervalMs', (given) => RemoteCache.discover(servers, {}, given)],
  ['MemcacheClient', 'keyPrefx', 'keyPrefix', (given) => new MemcacheClient({ cache, ...given })],
  [
    'MemcacheClient',
    'compression.minLength',
    'compression.algorithm, minBytes, level',
    (given) => new MemcacheClient({ cache, ...given }),
  ],
  ['set', 'expires', 'signal, keyPrefix, batch, ttlMs', (given) => client.set('k', 'v', given)],
  ['setMulti', 'ttl', 'ttlMs', (given) => client.setMulti([['k', 'v']], given)],
  ['incr', 'inital', 'initial', (given) => client.incr('n', 1, given)],
  ['delete', 'lockMS2', 'lockMs', (given) => client.delete('k', given)],
  ['cached', 'ttl', 'ttlMs', (given) => queries.cached('k', given, () => 1)],
  ['cachedMany', 'tag', 'tags', (given) => queries.cachedMany(['k'], given, () => new Map())],
  ['EmbeddedCache', 'maxbyte', 'maxBytes', (given) => new EmbeddedCache(given)],
  ['audit', 'maxPerSec', 'maxPerSecond', (given) => audit(cached, { collections: ['pages'], ...given })],
  ['MemcacheLock', 'waitTimeMs', 'waitMs', (given) => new MemcacheLock({ cache, ...given })],
  [
    'acquire',
    'leaseMS2',
    'leaseMs',
    async (given) => {
      await using lock = new MemcacheLock({ cache })
      await lock.acquire('a', given)
    },
  ],
  ['QueryCache', 'clearble', 'clearable', (given) => new QueryCache({ cache, ...given })],
  [
    'CachedQuery',
    'laodMany',
    'loadMany',
    (given) => new CachedQuery(queries, { name: 'a', load: () => 1, ...given }),
  ],
  [
    'MemcacheMaps',
    'onFlusherror',
    'onFlushError',
    (given) => new MemcacheMaps({ plugins: { default: { cache } }, ...given }),
  ],
  [
    'The plugin "default"',
    'expire',
    'expires',
    (given) => new MemcacheMaps({ plugins: { default: { cache, ...given } } }),
  ],
  ['getMemcacheMap', 'misssing', 'missing', (given) => maps.getMemcacheMap('a', given)],
  ['KeyvMemcache', 'keyprefx', 'keyPrefix', (given) => new KeyvMemcache({ cache, ...given })],
  [
    'MemcacheQueryResultCache',
    'table',
    'tables',
    (given) => new MemcacheQueryResultCache({ cache, ...given }),
  ],
  ['instrument', 'tracerprovder', 'tracerProvider', (given) => instrument(given)],
  [
    'SqlStorage.open()',
    'statementTimeout',
    'statementTimeoutMs',
    (given) => SqlStorage.open({ url: `sqlite:${file()}`, ...given }),
  ],
  ['SqlLock', 'fencingColection', 'fencingCollection', (given) => new SqlLock({ storage: sql, ...given })],
  ['larderEntities', 'tablePrefx', 'tablePrefix', (given) => larderEntities('postgres', given)],
  ['larderMigrations', 'prefix', 'tablePrefix', (given) => larderMigrations('postgres', given)],
  [
    'onTableChanges',
    'intervallMs',
    'intervalMs',
    (given) => onTableChanges(sql, async () => undefined, given),
  ],
  ['watchTables', 'tablesPrefix', 'tablePrefix', (given) => watchTables(sql, ['film'], given)],
  ['unwatchTables', 'tablesPrefix', 'tablePrefix', (given) => unwatchTables(sql, ['film'], given)],
  ['installTriggers', 'tablesPrefix', 'tablePrefix', (given) => installTriggers(sql, given)],
  ['removeTriggers', 'tablesPrefix', 'tablePrefix', (given) => removeTriggers(sql, given)],
]

function typeError(message: RegExp): unknown {
  return expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) as unknown })
}

test.each(MISTAKES)('%s has no option %s', async (subject, wrong, meant, call) => {
  const [name, inner] = wrong.split('.') as [string, string?]
  const given = { [name]: inner === undefined ? 'x' : { [inner]: 'x' } }
  await expect((async () => call(given))()).rejects.toSatisfy((error: Error) => {
    expect.assert(error instanceof TypeError)
    expect(error.message.startsWith(`${subject} has no option "${wrong}"; `), error.message).toBeTruthy()
    expect(error.message.includes(meant.replace(/^\w+\.(?=\w+,)/, '')), error.message).toBeTruthy()
    return true
  })
  expect(existsSync(file())).toBe(false)
})

test('options that are no object are refused', async () => {
  // As python-memcached and pylibmc take a time.
  await expect(client.set('k', 'v', 60 as unknown as object)).rejects.toThrow(
    typeError(/^set takes an object of options, got a number$/),
  )
  for (const given of [null, 'localhost:11211', 7]) {
    expect(() => new MemcacheStorage(given as unknown as MemcacheStorageOptions)).toThrow(
      typeError(/^MemcacheStorage takes an object of options, got (null|text|a number)$/),
    )
  }
  expect(() => new MemcacheStorage(undefined as unknown as MemcacheStorageOptions)).toThrow(
    typeError(/^MemcacheStorage needs `servers` or a `cache`$/),
  )
})

test('a missing required option is named with its allowed values', () => {
  expect(() => new SqlLock({} as never)).toThrow(
    typeError(/^SqlLock needs the option `storage`: an open SqlStorage$/),
  )
  expect(() => new CachedQuery(queries, { name: 'a', load: undefined as never })).toThrow(
    typeError(/^CachedQuery needs the option `load`: a function$/),
  )
})

test('an unknown name gets the nearest one as a hint, whatever the case, or all of them', () => {
  const flag = booleanOption(false)
  const names = optionTable({
    ...{ ttlMs: flag, timeoutMs: flag, connectTimeoutMs: flag },
    routing: groupOption(optionTable({ hash: textOption() })),
  })
  const told = (given: object): string => {
    try {
      checkOptions('It', names, given)
    } catch (error) {
      return (error as Error).message
    }
    return 'nothing'
  }
  expect(told({ ttlMs: true, routing: { hash: 'md5' } })).toBe('nothing')
  expect(told({ routing: undefined })).toBe('nothing')
  expect(told({ TTLMS: 1 })).toBe('It has no option "TTLMS"; did you mean "ttlMs"?')
  expect(told({ tiemoutMs: 1 })).toBe('It has no option "tiemoutMs"; did you mean "timeoutMs"?')
  expect(told({ conectTimeout: 1 })).toBe(
    'It has no option "conectTimeout"; did you mean "connectTimeoutMs"?',
  )
  expect(told({ routing: { hsah: 1 } })).toBe('It has no option "routing.hsah"; did you mean "routing.hash"?')
  expect(told({ expires: 1 })).toBe(
    'It has no option "expires"; it has ttlMs, timeoutMs, connectTimeoutMs, routing',
  )
  // Names of every object are none of its options, and undefined does not make a name known.
  expect(told({ constructor: 1 })).toMatch(/has no option "constructor"/)
  expect(told({ tll: undefined })).toMatch(/has no option "tll"/)
})
