import { expect, test } from 'vitest'
import type { Distribution } from '../../src/routing/placement.js'
import { createRouter, type RoutingOptions } from '../../src/routing/router.js'
import { parseServers } from '../../src/server-address.js'

const keys = Array.from({ length: 20_000 }, (_, i) => `user:${i}:profile`)
const circles: readonly Distribution[] = ['ketama_weighted', 'ketama', 'consistent', 'ketama_spy']

function place(servers: readonly string[], options?: RoutingOptions): readonly (string | undefined)[] {
  const router = createRouter(parseServers(servers), options)
  return keys.map((key) => servers[router.serverOf(key)])
}

/** The keys whose server is another one, as `[before, after]`. */
function moves(before: readonly unknown[], after: readonly unknown[]): readonly (readonly unknown[])[] {
  return before.map((server, i) => [server, after[i]]).filter(([was, is]) => was !== is)
}

function named(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:21211`)
}

test.each(circles)('%s: an added server takes only its share, about one part of n', (distribution) => {
  for (const count of [2, 3, 9]) {
    const added = `10.0.0.${count + 1}:21211`
    const moved = moves(place(named(count), { distribution }), place(named(count + 1), { distribution }))
    expect(moved.filter(([, to]) => to !== added)).toEqual([])
    const share = moved.length / keys.length
    expect(share * (count + 1)).toBeGreaterThan(0.6)
    expect(share * (count + 1)).toBeLessThan(1.5)
  }
})

test.each(circles)('%s: a removed server moves only its own keys', (distribution) => {
  const servers = named(5)
  const before = place(servers, { distribution })
  for (const gone of servers) {
    const moved = moves(
      before,
      place(
        servers.filter((server) => server !== gone),
        { distribution },
      ),
    )
    expect(moved.length).toBe(before.filter((server) => server === gone).length)
    expect(new Set(moved.map(([from]) => from))).toEqual(new Set([gone]))
    // They do not all fall to one neighbour.
    expect(new Set(moved.map(([, to]) => to)).size).toBe(4)
  }
})

test.each(circles)('%s: the order of the servers does not matter', (distribution) => {
  const servers = named(6)
  expect(moves(place(servers, { distribution }), place([...servers].reverse(), { distribution }))).toEqual([])
})

test('under modula nearly all keys move', () => {
  const options = { distribution: 'modula' } as const
  expect(moves(place(named(4), options), place(named(5), options)).length / keys.length).toBeGreaterThan(0.75)
})

test.each(['ketama_weighted', 'ketama', 'consistent', 'ketama_spy', 'buckets'] as const)(
  '%s: shares are proportional to weights',
  (distribution) => {
    const weights = [1, 2, 3, 4]
    const placed = place(
      weights.map((weight, i) => `10.0.0.${i + 1}:21211:${weight}`),
      { distribution },
    )
    for (const weight of weights) {
      const share = placed.filter((server) => server?.endsWith(`:${weight}`)).length / keys.length
      expect(share / (weight / 10)).toBeGreaterThan(0.75)
      expect(share / (weight / 10)).toBeLessThan(1.25)
    }
  },
)

test('a weight that changes moves keys to or from its server alone', () => {
  // The sum stays, so the points of the others stay.
  const before = place(['a:1:2', 'b:1:2', 'c:1:2'])
  const after = place(['a:1:3', 'b:1:1', 'c:1:2'])
  const moved = moves(before, after).map(([from, to]) => `${String(from)[0]}${String(to)[0]}`)
  expect(moved.filter((move) => move[0] !== 'b' && move[1] !== 'a')).toEqual([])
})
