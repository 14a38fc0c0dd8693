import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { KeyHashName } from '../../src/routing/hashes.js'
import { createRouter, type Router, type RoutingOptions } from '../../src/routing/router.js'
import { parseServers } from '../../src/server-address.js'
import { digest, goldenKeys } from './golden-keys.js'

/** Where another client put each of the keys: one digit a key, or the vector that has the same digits. */
interface Vector extends RoutingOptions {
  readonly client: 'pylibmc' | 'python-memcached'
  readonly servers: string
  readonly hash: KeyHashName
  readonly placed?: string
  readonly sameAs?: number
}

interface Golden {
  readonly count: number
  readonly sha256: string
  readonly vectors: readonly Vector[]
}

/** Computed by `golden/compute.py`, which asks those clients. */
const golden = JSON.parse(readFileSync(new URL('golden/vectors.json', import.meta.url), 'utf8')) as Golden
const keys = goldenKeys(golden.count)

test('the rule makes the keys that were asked for', () => {
  expect(golden.count).toBeGreaterThanOrEqual(1000)
  expect(digest(keys)).toBe(golden.sha256)
  expect(Math.max(...keys.map((key) => Buffer.byteLength(key)))).toBe(250)
})

describe('keys go where other clients put them', () => {
  const named = golden.vectors.map((vector) => ({ vector, name: nameOf(vector) }))

  test.each(named)('$name', ({ vector }) => {
    const router = createRouter(parseServers(vector.servers), optionsOf(vector))
    expect(keys.map(placeBy(vector, router)).join('')).toBe(placedBy(vector))
  })
})

test('no setting was left out', () => {
  const hashes = 'one-at-a-time,md5,crc,fnv1_32,fnv1_64,fnv1a_32,fnv1a_64,jenkins,murmur'.split(',')
  const distributions = ['modula', 'consistent', 'ketama', 'ketama_spy', 'ketama_weighted']
  const asked = new Set(
    golden.vectors.map(({ servers, distribution, hash }) => {
      return `${distribution} ${hash} ${parseServers(servers).some(({ weight }) => weight > 1)}`
    }),
  )
  const expected = distributions.flatMap((distribution) =>
    hashes.flatMap((hash) => [`${distribution} ${hash} true`, `${distribution} ${hash} false`]),
  )
  expect(expected.filter((setting) => !asked.has(setting))).toEqual([])
})

function nameOf({ client, servers, distribution, hash, pointHash }: Vector): string {
  return `${client} ${distribution ?? 'buckets'} ${hash}${pointHash === undefined ? '' : ` on ${String(pointHash)}`}: ${servers}`
}

function optionsOf({ client, distribution, hash, pointHash }: Vector): RoutingOptions {
  // A pair brings its own hash.
  if (client === 'python-memcached') {
    return { distribution: 'buckets', hash: (hash as string) === 'pair' ? 'cmemcache' : hash }
  }
  return { hash, ...(distribution && { distribution }), ...(pointHash && { pointHash }) }
}

function placeBy({ hash }: Vector, router: Router): (key: string, index: number) => number {
  // As `pair_hash` in golden/settings.py.
  if ((hash as string) === 'pair') return (_, i) => router.serverOfHash(i * i * 1_000_003)
  return (key) => router.serverOf(key)
}

function placedBy({ placed, sameAs }: Vector): string {
  return placed ?? golden.vectors[sameAs!]!.placed!
}
