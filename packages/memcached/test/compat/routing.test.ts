import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import Memcached from '@larder/memcached/compat/memcached'
import { Client } from '@larder/memcached/compat/memjs'
import OriginalMemjs from 'memjs'
import Original from 'memcached'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Ring, ringServer } from '../../src/compat/memcached/ring.js'
import { goldenKeys } from '../routing/golden-keys.js'
import { call, dataOf } from './calls.js'

/** What npm memcached chooses servers with. */
interface OriginalRing {
  get(key: string): string
  remove(server: string): void
  swap(from: string, to: string): void
}
const HashRing = createRequire(import.meta.url)('hashring') as new (
  servers: readonly string[] | Readonly<Record<string, number>>,
  algorithm: string,
  options: object,
) => OriginalRing

const keys = goldenKeys(5000)
const names = (count: number, port: number) =>
  Array.from({ length: count }, (_, i) => `10.0.${i % 7}.${i + 1}:${port + (i % 3)}`)

const SETTINGS: Readonly<Record<string, readonly [Readonly<Record<string, number>>, string, string]>> = {
  'three servers': [weighed(['a:1', 'b:2', 'c:3']), 'md5', 'ketama'],
  'servers on the default port': [weighed(['a:11211', 'b:11211', 'c', 'd:1']), 'md5', 'ketama'],
  '49 servers': [weighed(names(49, 11210)), 'md5', 'ketama'],
  weights: [{ 'a:11211': 1, 'b:1': 3, 'c:2': 7 }, 'md5', 'ketama'],
  sha1: [weighed(names(5, 11211)), 'sha1', 'ketama'],
  hash_ring: [weighed(names(5, 11211)), 'md5', 'hash_ring'],
}

function weighed(servers: readonly string[]): Record<string, number> {
  return Object.fromEntries(servers.map((name) => [name, 1]))
}

describe('5,000 keys have the same server as with hashring', () => {
  test.each(Object.entries(SETTINGS))('%s', (_, [weights, algorithm, compatibility]) => {
    const options = { compatibility, 'default port': compatibility === 'ketama' ? 11211 : null }
    const theirs = new HashRing(weights, algorithm, options)
    const servers = Object.entries(weights).map(([name, weight]) => ringServer(name, weight, compatibility))
    const ours = new Ring(servers, algorithm, compatibility)
    expect(keys.map((key) => ours.serverOf(key))).toEqual(keys.map((key) => theirs.get(key)))
  })

  test('after a server was removed, and after another took the place of one', () => {
    const list = names(5, 11211)
    const theirs = new HashRing(list, 'md5', { compatibility: 'ketama', 'default port': 11211 })
    const ours = new Ring(
      list.map((name) => ringServer(name, 1, 'ketama')),
      'md5',
      'ketama',
    )
    theirs.remove(list[1]!)
    ours.remove(list[1]!)
    theirs.swap(list[2]!, 'other:1')
    ours.swap(list[2]!, 'other:1')
    expect(keys.map((key) => ours.serverOf(key))).toEqual(keys.map((key) => theirs.get(key)))
  })
})

describe('with real servers', () => {
  let servers: readonly MemcachedServer[]
  let addresses: readonly string[]
  beforeAll(async () => {
    servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
    addresses = servers.map(({ address }) => address)
  })
  afterAll(() => Promise.all(servers.map((server) => server.stop())))

  // npm memcached loses a part of keys with a dollar sign, which it takes for a pattern of String.replace.
  const wireKeys = goldenKeys(6000)
    .filter((key) => Buffer.byteLength(key) < 250)
    .map((key) => key.replaceAll('$', 'S'))
    .slice(0, 5000)

  test('what npm memcached stored under 5,000 keys is read', async () => {
    const theirs = new Original([...addresses])
    const ours = new Memcached([...addresses])
    expect(wireKeys).toHaveLength(5000)
    await Promise.all(wireKeys.map((key) => dataOf(theirs, 'set', key, key, 0)))
    const found = await dataOf(ours, 'getMulti', wireKeys)
    expect(found).toEqual(Object.fromEntries(wireKeys.map((key) => [key, key])))
    theirs.end()
    ours.end()
  })

  test('a key that is too long has the server and the name that npm memcached gives it', async () => {
    const [theirs, ours] = [new Original([...addresses]), new Memcached([...addresses])]
    for (let i = 0; i < 20; i++) {
      const key = `${i}${'long'.repeat(100)}`
      await dataOf(theirs, 'set', key, i, 0)
      expect(await dataOf(ours, 'get', key)).toBe(i)
    }
    theirs.end()
    ours.end()
  })

  test('what memjs stored under 5,000 keys is read', async () => {
    const theirs = OriginalMemjs.Client.create(addresses.join(','), { timeout: 30 })
    const ours = Client.create(addresses.join(','), { timeout: 30 })
    const prefixed = wireKeys.map((key) => `m${key}`)
    await Promise.all(prefixed.map((key) => theirs.set(key, key, {})))
    const found = await Promise.all(prefixed.map((key) => ours.get(key)))
    expect(found.map(({ value }) => String(value))).toEqual(prefixed)
    theirs.close()
    ours.close()
  })

  test('commands to all servers answer for each of them', async () => {
    const ours = new Memcached([...addresses])
    const versions = (await dataOf(ours, 'version')) as readonly { server: string }[]
    expect(versions.map(({ server }) => server)).toEqual(addresses)
    const { data } = await call(ours, 'stats')
    expect((data as readonly { server: string }[]).map(({ server }) => server)).toEqual(addresses)
    ours.end()
  })
})
