import { expect, test } from 'vitest'
import { createRouter, type RoutingOptions } from '../../src/routing/router.js'
import { parseServers } from '../../src/server-address.js'

const three = parseServers('a,b,c')

test('without options it is weighted ketama by MD5', () => {
  const plain = createRouter(three)
  const named = createRouter(three, { distribution: 'ketama_weighted', hash: 'md5' })
  for (let i = 0; i < 1000; i++) expect(plain.serverOf(`k${i}`)).toBe(named.serverOf(`k${i}`))
})

test('one server has every key', () => {
  for (const distribution of ['ketama_weighted', 'ketama', 'modula', 'buckets'] as const) {
    const router = createRouter(parseServers('a:1:5'), { distribution })
    expect([router.serverOf('a'), router.serverOf('é'), router.serverOfHash(7)]).toEqual([0, 0, 0])
  }
})

test("a hash of the user's own sees the bytes of the key and nothing else", () => {
  const seen: string[] = []
  const hash = (key: Uint8Array) => {
    seen.push(Buffer.from(key).toString())
    return key[0] ?? 0
  }
  const router = createRouter(three, { distribution: 'modula', hash })
  expect(['long key before', 'a', 'b', 'c'].map((key) => router.serverOf(key))).toEqual([0, 1, 2, 0])
  router.serverOf('aé😀')
  expect(seen).toEqual(['long key before', 'a', 'b', 'c', 'aé😀'])
})

test("a hash of the user's own makes the points of a circle too, unless pointHash does", () => {
  // Every key before every point of `a`, or at none.
  const hash = (key: Uint8Array) => (Buffer.from(key).toString().startsWith('b:1-') ? 5 : 9)
  const servers = parseServers('a:1,b:1')
  expect(createRouter(servers, { distribution: 'ketama', hash: () => 4 }).serverOf('key')).toBe(0)
  const low = (key: Uint8Array) =>
    hash(key) === 5 ? 5 : Buffer.from(key).toString().startsWith('a:1-') ? 9 : 4
  expect(createRouter(servers, { distribution: 'ketama', hash: low }).serverOf('key')).toBe(1)
  const points = (key: Uint8Array) => (Buffer.from(key).toString().startsWith('a:1-') ? 5 : 9)
  const router = createRouter(servers, { distribution: 'ketama', hash: low, pointHash: points })
  expect(router.serverOf('key')).toBe(0)
})

test.each([-1, 0.5, 2 ** 32, Number.NaN, '1', 1n, undefined])('a hash of %s is refused', (value) => {
  const router = createRouter(three, { distribution: 'modula', hash: () => value as never })
  expect(() => router.serverOf('key')).toThrow(RangeError)
})

test('the largest hash wraps around to the first point', () => {
  for (const distribution of ['ketama_weighted', 'ketama'] as const) {
    const options: RoutingOptions = { distribution, hash: () => 0xffff_ffff, pointHash: 'md5' }
    const first: RoutingOptions = { distribution, hash: () => 0, pointHash: 'md5' }
    expect(createRouter(three, options).serverOf('key')).toBe(createRouter(three, first).serverOf('key'))
  }
})

test('a hash that the caller brings takes the place of that of a key', () => {
  const modula = createRouter(three, { distribution: 'modula' })
  expect([0, 1, 2, 3, 2 ** 53 - 1].map((hash) => modula.serverOfHash(hash))).toEqual([0, 1, 2, 0, 1])
  for (const hash of [0, 123_456_789, 2_000_000_000, 3_000_000_000, 4_000_000_000]) {
    const own = createRouter(three, { hash: () => hash })
    expect(own.serverOfHash(hash)).toBe(own.serverOf('key'))
    expect(own.serverOfHash(2 ** 32 + hash)).toBe(own.serverOf('key'))
  }
  const circle = createRouter(three)
  for (const bad of [-1, 0.5, 2 ** 53, Number.NaN, '1']) {
    expect(() => circle.serverOfHash(bad as never)).toThrow(RangeError)
  }
})

test('what there is not is refused when the router is made', () => {
  for (const hash of ['sha1', 'toString', 'hsieh']) {
    expect(() => createRouter(three, { hash: hash as never })).toThrow(RangeError)
    expect(() => createRouter(three, { pointHash: hash as never })).toThrow(RangeError)
  }
  expect(() => createRouter(three, { hash: 5 as never })).toThrow(TypeError)
  for (const distribution of ['random', 'toString']) {
    expect(() => createRouter(three, { distribution: distribution as never })).toThrow(RangeError)
  }
})

// What `pylibmc.client` 1.6.3 lists as `hashers` and `distributions`.
const PYLIBMC = {
  hash: 'crc default fnv1_32 fnv1_64 fnv1a_32 fnv1a_64 hsieh jenkins md5 murmur'.split(' '),
  distribution: [
    'consistent',
    'consistent ketama',
    'consistent ketama spy',
    'consistent max',
    'consistent weighted',
    'modula',
    'random',
    'virtual bucket',
  ],
}

test.each(Object.entries(PYLIBMC))(
  "each of pylibmc's names of a %s is accepted or explained",
  (option, names) => {
    const unusable = new Set(['hsieh', 'consistent max', 'random', 'virtual bucket'])
    for (const name of names) {
      const create = () => createRouter(three, { [option]: name })
      if (unusable.has(name)) expect(create).toThrow(/must not be '.+': \w+ .{20}/)
      else expect(create().serverOf('key')).toBeTypeOf('number')
    }
  },
)

test.each([
  [{ hash: 'default' }, { hash: 'one-at-a-time' }],
  [{ distribution: 'consistent' }, { distribution: 'ketama' }],
  [{ distribution: 'consistent ketama' }, { distribution: 'ketama' }],
  [{ distribution: 'consistent ketama spy' }, { distribution: 'ketama_spy' }],
  [{ distribution: 'consistent weighted' }, { distribution: 'ketama_weighted' }],
] as const)('%o places keys as %o', (theirs, ours) => {
  const [one, other] = [createRouter(three, theirs), createRouter(three, ours)]
  for (let i = 0; i < 200; i++) expect(one.serverOf(`key-${i}`)).toBe(other.serverOf(`key-${i}`))
})
