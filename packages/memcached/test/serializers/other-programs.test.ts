import { languageProgram, startMemcached, type LanguageKind, type MemcachedServer } from '@larder/dev-servers'
import { MemcacheClient, RemoteCache, type ValueSerializer } from '@larder/memcached'
import {
  dalliSerializer,
  memjsSerializer,
  npmMemcachedSerializer,
  perlSerializer,
  phpSerializer,
  pythonSerializer,
} from '@larder/memcached/serializers'
import memjs from 'memjs'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import NpmMemcached from 'memcached'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const LONG = 'long text '.repeat(500)
/** Forms of a type that only that program can read: the message names the way out. */
const refused = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'E_CORRUPT', message: expect.stringMatching(message) as unknown })

let server: MemcachedServer
let cache: RemoteCache
beforeAll(async () => {
  server = await startMemcached()
  cache = new RemoteCache(server.address)
})
afterAll(async () => {
  await cache.close()
  await server.stop()
})

let prefixes = 0
function connect(serializer: ValueSerializer): { client: MemcacheClient; prefix: string } {
  const prefix = `p${++prefixes}:`
  const client = new MemcacheClient({ cache, serializer, keyPrefix: prefix, compression: undefined })
  return { client, prefix }
}

/** The values of those keys, or the errors. */
async function readAll(client: MemcacheClient, keys: readonly string[]): Promise<Record<string, unknown>> {
  const read = async (key: string) => [key, await client.get(key).catch((error: unknown) => error)] as const
  return Object.fromEntries(await Promise.all(keys.map(read)))
}

async function storeAll(client: MemcacheClient, values: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [key, value] of Object.entries(values)) await client.set(key, value)
  await client.incr('counter', 1, { initial: 41 })
  await client.incr('counter', 1)
}

/** Runs a program of `programs/` and answers with what it prints. */
async function exchange(kind: LanguageKind, file: string, args: readonly string[]): Promise<string> {
  const script = fileURLToPath(new URL(`programs/${file}`, import.meta.url))
  const { stdout } = await run(languageProgram(kind), [script, ...args], { maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

describe.each(['PHP', 'JSON'])('PHP with SERIALIZER_%s', (format) => {
  test.each(['ZLIB', 'FASTLZ'])(
    'writes values that are read here, with COMPRESSION_%s',
    async (compression) => {
      const { client, prefix } = connect(phpSerializer())
      const port = String(server.port)
      const { mixed } = JSON.parse(
        await exchange('php', 'exchange.php', ['write', port, prefix, format, compression]),
      ) as { mixed: string }
      const keys =
        'text empty small negative large float huge infinite nan true false null list map long longList mixed counter'
      expect(await readAll(client, keys.split(' '))).toEqual({
        text: 'hällo',
        empty: '',
        small: 42,
        negative: -3,
        large: 2n ** 63n - 1n,
        float: 1.5,
        huge: 1e100,
        infinite: -Infinity,
        nan: NaN,
        true: true,
        false: false,
        null: null,
        list: [1, 2.5, 'ä', null, true, []],
        map: Object.fromEntries([
          ['a', 1],
          ['b', { x: [1] }],
          ['7', 'seven'],
          ['__proto__', 1],
        ]),
        long: LONG,
        longList: Array.from({ length: 2000 }, () => 'abc'),
        mixed,
        counter: 42,
      })
      const asBytes = new MemcacheClient({
        cache,
        serializer: phpSerializer({ strings: 'bytes' }),
        keyPrefix: prefix,
      })
      expect(await asBytes.get('bytes')).toEqual(Buffer.from([0, 255, 13, 10]))
      await expect(client.get('bytes')).rejects.toEqual(refused(/no UTF-8/))
      if (format === 'PHP')
        await expect(client.get('object')).rejects.toEqual(refused(/object or a reference of PHP/))
    },
  )

  test('reads the types that were stored here', async () => {
    const { client, prefix } = connect(phpSerializer({ arrays: format === 'PHP' ? 'php' : 'json' }))
    const packing = new MemcacheClient({
      cache,
      serializer: phpSerializer(),
      keyPrefix: prefix,
      compression: { minBytes: 100 },
    })
    await storeAll(client, {
      text: 'hällo',
      small: 42,
      large: 2n ** 63n - 1n,
      float: 1.5,
      huge: 1e100,
      infinite: -Infinity,
      true: true,
      false: false,
      null: null,
      list: [1, 2.5, 'ä', null, true],
      map: { a: 1, 7: 'seven' },
    })
    await packing.set('long', LONG)
    const keys = [
      'text',
      'small',
      'large',
      'float',
      'huge',
      'infinite',
      'true',
      'false',
      'null',
      'list',
      'map',
      'long',
      'counter',
    ]
    const found: unknown = JSON.parse(
      await exchange('php', 'exchange.php', ['read', String(server.port), prefix, format, 'ZLIB', ...keys]),
    )
    const array = format === 'PHP' ? 'array' : 'object'
    expect(found).toEqual({
      text: ['string', "'hällo'"],
      small: ['integer', '42'],
      large: ['integer', '9223372036854775807'],
      float: ['double', '1.5'],
      huge: ['double', '1.0E+100'],
      infinite: ['double', '-INF'],
      true: ['boolean', 'true'],
      false: ['boolean', 'false'],
      null: ['NULL', 'NULL'],
      list: ['array', expect.stringContaining("2 => 'ä'")],
      map: [array, expect.stringContaining("'seven'")],
      long: ['string', `'${LONG}'`],
      counter: ['integer', '43'],
    })
  })
})

test('items of PHP in the format of igbinary are refused with the option to set', async () => {
  const { client, prefix } = connect(phpSerializer())
  await exchange('php', 'exchange.php', ['write', String(server.port), prefix, 'IGBINARY', 'FASTLZ'])
  await expect(client.get('list')).rejects.toEqual(
    refused(/igbinary; set Memcached::OPT_SERIALIZER to SERIALIZER_PHP/),
  )
  expect(await client.get('small')).toBe(42)
})

describe('Ruby with dalli', () => {
  test('writes values that are read here, with serializer: JSON', async () => {
    const { client, prefix } = connect(dalliSerializer())
    await exchange('ruby', 'exchange.rb', ['write', String(server.port), prefix, 'JSON'])
    const keys = ['text', 'empty', 'small', 'float', 'true', 'null', 'list', 'map', 'long', 'raw', 'counter']
    expect(await readAll(client, keys)).toEqual({
      text: 'hällo',
      empty: '',
      small: 42,
      float: 1.5,
      true: true,
      null: null,
      list: [1, 'x', null],
      map: { a: { b: 1 } },
      long: LONG + LONG,
      raw: 'räw',
      counter: '42',
    })
  })

  test('items in the format Marshal are refused with the option to set', async () => {
    const { client, prefix } = connect(dalliSerializer())
    await exchange('ruby', 'exchange.rb', ['write', String(server.port), prefix, 'Marshal'])
    await expect(client.get('text')).rejects.toEqual(
      refused(/Marshal format of Ruby; give dalli `serializer: JSON`/),
    )
  })

  test('reads the types that were stored here', async () => {
    const { client, prefix } = connect(dalliSerializer())
    const packing = new MemcacheClient({
      cache,
      serializer: dalliSerializer(),
      keyPrefix: prefix,
      compression: { minBytes: 100 },
    })
    await storeAll(client, { text: 'hällo', small: 42, float: 1.5, true: true, null: null, map: { a: [1] } })
    await packing.set('long', LONG)
    const keys = ['text', 'small', 'float', 'true', 'null', 'map', 'long', 'counter']
    const found: unknown = JSON.parse(
      await exchange('ruby', 'exchange.rb', ['read', String(server.port), prefix, 'JSON', ...keys]),
    )
    expect(found).toEqual({
      text: ['String', 'hällo'],
      small: ['Integer', '42'],
      float: ['Float', '1.5'],
      true: ['TrueClass', 'true'],
      null: ['NilClass', 'null'],
      map: ['Hash', '{"a":[1]}'],
      long: ['String', LONG],
      counter: ['String', '43'],
    })
  })
})

describe.each(['Cache::Memcached', 'Cache::Memcached::Fast'])('Perl with %s', (program) => {
  const utf8 = program.endsWith('Fast')

  test('writes values that are read here', async () => {
    const { client, prefix } = connect(perlSerializer())
    await exchange('perl', 'exchange.pl', ['write', String(server.port), prefix, program])
    const keys = ['ascii', 'empty', 'small', 'negative', 'float', 'long', 'text', 'counter']
    expect(await readAll(client, keys)).toEqual({
      ascii: 'hello',
      empty: '',
      small: '42',
      negative: '-3',
      float: '1.5',
      long: LONG,
      text: 'hällo ☺',
      counter: '42',
    })
    await expect(client.get('list')).rejects.toEqual(refused(/Storable/))
  })

  test('reads the strings that were stored here', async () => {
    const { client, prefix } = connect(perlSerializer({ utf8 }))
    const packing = new MemcacheClient({
      cache,
      serializer: perlSerializer(),
      keyPrefix: prefix,
      compression: { minBytes: 100 },
    })
    await storeAll(client, { text: 'hällo ☺', small: 42, float: 1.5 })
    await packing.set('long', LONG)
    const keys = ['text', 'small', 'float', 'long', 'counter']
    const printed = await exchange('perl', 'exchange.pl', [
      'read',
      String(server.port),
      prefix,
      program,
      ...keys,
    ])
    expect(printed.split('\n').filter(Boolean)).toEqual([
      'text\thällo ☺',
      'small\t42',
      'float\t1.5',
      `long\t${LONG}`,
      'counter\t43',
    ])
  })
})

describe.each(['pylibmc', 'memcache', 'pymemcache'])('Python with %s', (program) => {
  test('writes values that are read here', async () => {
    const { client, prefix } = connect(pythonSerializer())
    await exchange('python', 'exchange.py', ['write', String(server.port), prefix, program])
    const keys = ['text', 'empty', 'bytes', 'small', 'negative', 'large', 'long', 'counter']
    const integer = (value: number) => (program === 'pylibmc' ? BigInt(value) : value)
    expect(await readAll(client, keys)).toEqual({
      text: 'hällo',
      empty: '',
      bytes: Buffer.from([0, 255, 13, 10]),
      small: integer(42),
      negative: integer(-3),
      large: 2n ** 70n,
      long: LONG,
      counter: integer(42),
    })
    await expect(client.get('list')).rejects.toEqual(refused(/pickle of Python/))
  })

  test('reads the types that were stored here', async () => {
    const { client, prefix } = connect(pythonSerializer())
    const compression = program === 'pymemcache' ? undefined : { minBytes: 100 }
    const packing = new MemcacheClient({
      cache,
      serializer: pythonSerializer(),
      keyPrefix: prefix,
      compression,
    })
    await storeAll(client, {
      text: 'hällo',
      padded: '9 ',
      bytes: Buffer.from([0, 255]),
      small: 42,
      large: 2n ** 70n,
    })
    await packing.set('long', LONG)
    const keys = ['text', 'padded', 'bytes', 'small', 'large', 'long', 'counter']
    const found: unknown = JSON.parse(
      await exchange('python', 'exchange.py', ['read', String(server.port), prefix, program, ...keys]),
    )
    expect(found).toEqual({
      text: ['str', 'hällo'],
      padded: ['str', '9 '],
      bytes: ['bytes', '00ff'],
      small: ['int', '42'],
      large: ['int', String(2n ** 70n)],
      long: ['str', LONG],
      counter: ['int', '43'],
    })
  })
})

describe('the package memcached of npm', () => {
  const values = {
    text: 'hällo',
    empty: '',
    lines: 'one\ntwo\r\nthree\\\nfour\\n',
    bytes: Buffer.from([0, 255]),
    byteLines: Buffer.from([13, 10, 92, 10, 92]),
    small: 42,
    float: 1.5,
    true: true,
    null: null,
    map: { a: [1, 'ä\n'] },
    long: LONG,
  }

  test('writes values that are read here, and reads those that were stored here', async () => {
    const { client, prefix } = connect(npmMemcachedSerializer())
    const theirs = new NpmMemcached(server.address)
    try {
      const set = (key: string, value: unknown) =>
        new Promise((resolve, reject) => {
          theirs.set(prefix + key, value, 0, (error: unknown, done: unknown) =>
            error instanceof Error ? reject(error) : resolve(done),
          )
        })
      const get = (key: string) =>
        new Promise((resolve, reject) => {
          theirs.get(prefix + key, (error: unknown, value: unknown) =>
            error instanceof Error ? reject(error) : resolve(value),
          )
        })
      for (const [key, value] of Object.entries(values)) await set(key, value)
      expect(await readAll(client, Object.keys(values))).toEqual(values)
      await storeAll(client, values)
      for (const [key, value] of Object.entries(values)) expect([key, await get(key)]).toEqual([key, value])
      expect(await get('counter')).toBe(43)
    } finally {
      theirs.end()
    }
  })
})

test('memjs writes text and bytes that are read here, and reads those that were stored here', async () => {
  const { client, prefix } = connect(memjsSerializer())
  const theirs = memjs.Client.create(server.address)
  try {
    await theirs.set(`${prefix}text`, 'hällo', {})
    expect(await client.get('text')).toEqual(Buffer.from('hällo'))
    const asText = new MemcacheClient({
      cache,
      serializer: memjsSerializer({ strings: 'text' }),
      keyPrefix: prefix,
    })
    expect(await asText.get('text')).toBe('hällo')
    await client.set('ours', Buffer.from([0, 255]))
    expect((await theirs.get(`${prefix}ours`)).value).toEqual(Buffer.from([0, 255]))
    await expect(client.set('number', 1)).rejects.toThrow(TypeError)
  } finally {
    theirs.close()
  }
})
