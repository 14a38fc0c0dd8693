import { ratioIn } from '../lib/rounds.mjs'

const SINGLE_LINES = 'raw socket, a line a command'
/** [test, client, compared with, at least so many times] */
const TARGETS = [
  ['get, 64 at once, 100 B', 'larder', 'memjs', 5],
  ['get, 64 at once, 100 B', 'larder', SINGLE_LINES, 0.6],
  ['get, 64 at once, 100 B', 'larder', 'raw socket', 0.6],
  ['set, 64 at once, 100 B', 'larder', 'memjs', 5],
  ['set, 64 at once, 100 B', 'larder', SINGLE_LINES, 0.6],
  ['getMulti of 100, 100 B (keys)', 'larder', 'pylibmc', 1],
  ['getMulti of 100, 10 kB (keys)', 'larder', 'pylibmc', 1.5],
  ['setMulti of 100, 100 B (keys)', 'larder', 'pylibmc', 20],
  ['get, 64 at once, 10 kB', 'larder', 'memjs', 2],
  ['set, 64 at once, 10 kB', 'larder', 'memjs', 2],
]

/** What was to be reached, beside what was. */
export function targetsOf(tests) {
  return TARGETS.flatMap(([test, client, other, least]) => {
    const times = ratioIn(tests, test, client, other)
    if (times === undefined) return []
    const text = `${test}: ${client} at least ${least} times ${other}`
    return [{ text, figure: times.toFixed(2), isReached: times >= least }]
  })
}
