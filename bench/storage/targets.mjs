import { nameOf, READ, READ_MANY, WRITES } from './calls.mjs'

const READ_LIMIT = 1.3
const WRITE_LIMIT = 1.5
const LABELS = ['1 kB', '100 kB']

/** For each database that took part. */
export function targetsOf(tests) {
  const databases = [...new Set(tests.map(({ name }) => name.split(',')[0]))]
  const reads = [READ, READ_MANY].flatMap((call) => LABELS.map((label) => ({ call, label })))
  const writes = WRITES.flatMap(({ call }) => LABELS.map((label) => ({ call, label })))
  return databases.flatMap((database) => [
    ...reads.flatMap(({ call, label }) =>
      // Rates: the time is the other way round.
      atMost(tests, nameOf(database, call, label), (ratio) => 1 / ratio, READ_LIMIT, 'the bare client'),
    ),
    ...writes.flatMap(({ call, label }) =>
      atMost(tests, nameOf(database, call, label), (ratio) => ratio, WRITE_LIMIT, 'SqlStorage'),
    ),
  ])
}

function atMost(tests, name, timeOf, limit, other) {
  const results = tests.find((test) => test.name === name)?.results
  const ratio = results?.find((result) => result.name === 'MemcacheStorage')?.ratio
  if (ratio === undefined) return []
  const times = timeOf(ratio.median)
  const text = `${name}: at most ${limit} times the time of ${other}`
  return [{ text, figure: times.toFixed(2), isReached: times <= limit }]
}
