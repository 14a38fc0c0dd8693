import { expect, test } from 'vitest'
import { exptimeOf } from '../../src/protocol/expiry.js'

const DAY_MS = 86_400_000
const NOW_MS = 1_700_000_000_000

test.each([
  [undefined, 0],
  [1, 2],
  [1000, 2],
  [1001, 3],
  [60_000, 61],
  [30 * DAY_MS - 1000, 30 * 86_400],
  [30 * DAY_MS, NOW_MS / 1000 + 30 * 86_400 + 1],
  [31 * DAY_MS, NOW_MS / 1000 + 31 * 86_400 + 1],
  [1e15, 0x7fff_ffff],
])('%s ms are sent as %s', (ttlMs, exptime) => {
  expect(exptimeOf(ttlMs, () => NOW_MS)).toBe(exptime)
})

test.each([0, -1, Number.NaN, -Infinity])('%s ms are refused', (ttlMs) => {
  expect(() => exptimeOf(ttlMs)).toThrow(RangeError)
})
