import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createRouter, type RoutingOptions } from '../../src/routing/router.js'
import { parseServers } from '../../src/server-address.js'

interface Golden {
  readonly ports: readonly number[]
  readonly weights: Readonly<Record<string, readonly number[]>>
  readonly keys: readonly string[]
  readonly vectors: Readonly<Record<string, string>>
}

/** Computed by `golden/compute.py`, which asks libmemcached. */
const golden = JSON.parse(readFileSync(new URL('golden/vectors.json', import.meta.url), 'utf8')) as Golden

const hashes = {
  default: 'one-at-a-time',
  md5: 'md5',
  crc: 'crc',
  fnv1_32: 'fnv1_32',
  fnv1a_32: 'fnv1a_32',
} as const
const settings: Record<string, RoutingOptions> = {
  ketama: { distribution: 'consistent', hash: 'one-at-a-time' },
  ketama_weighted: {},
}
for (const [theirs, hash] of Object.entries(hashes)) {
  settings[`modula ${theirs}`] = { distribution: 'modulo', hash }
  settings[`consistent ${theirs}`] = { distribution: 'consistent', hash }
}

describe.each(Object.entries(golden.weights))('keys go where libmemcached puts them%s', (suffix, weights) => {
  const servers = golden.ports.map((port, i) => `127.0.0.1:${port}:${weights[i]}`)

  test.each(Object.entries(settings))('%s', (name, options) => {
    const route = createRouter(parseServers(servers), options)
    expect(golden.keys.map(route).join('')).toBe(golden.vectors[name + suffix])
  })
})

test('every vector is compared', () => {
  const compared = Object.keys(golden.weights).flatMap((suffix) =>
    Object.keys(settings).map((name) => name + suffix),
  )
  expect(Object.keys(golden.vectors).sort()).toEqual(compared.sort())
})

test("a hash of the user's own, and what there is not", () => {
  const servers = parseServers('a,b,c')
  const route = createRouter(servers, { distribution: 'modulo', hash: (bytes) => bytes[0] ?? 0 })
  expect([route('a'), route('b'), route('c')]).toEqual([97 % 3, 98 % 3, 99 % 3])
  expect(() => createRouter(servers, { hash: 'sha1' as never })).toThrow(RangeError)
  expect(() => createRouter(servers, { hash: 'toString' as never })).toThrow(RangeError)
  expect(() => createRouter(servers, { distribution: 'random' as never })).toThrow(RangeError)
})
