// The Atom store under load: `pnpm --filter @larder/bench atom`. Entries and pages of the feed, warm, with memcached and
// straight from PostgreSQL, the instances taking turns. Writes results/atom.json.
import { createPostgresDatabase, startMemcached, startPostgres } from '@larder/dev-servers'
import autocannon from 'autocannon'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { versionOf, writePart } from '../lib/results.mjs'
import { endOf, spread, testOf } from '../lib/rounds.mjs'
import { packageVersion } from '../lib/versions.mjs'

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url))
const CACHED = 'with memcached'
const DIRECT = 'straight from PostgreSQL'
const CONNECTIONS = 32
const FEW = 10
/** How far from the newest page the one in the middle is. */
const PAGES_DOWN = 5
const PERCENTILES = [50, 75, 90, 97.5, 99]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'round-s': { type: 'string', default: '2' },
    entries: { type: 'string', default: '10000' },
  },
})
const entries = Number(values.entries)

async function startInstance(withCache, target) {
  const child = fork(SERVER, [withCache ? 'yes' : 'no', JSON.stringify(target)])
  const death = once(child, 'exit').then(([code]) => {
    throw new Error(`An instance ended with ${code}`)
  })
  death.catch(() => {})
  const answer = async () => (await Promise.race([once(child, 'message'), death]))[0]
  const { url } = await answer()
  const fill = async (counts) => {
    child.send({ fill: counts })
    await answer()
  }
  return { name: withCache ? CACHED : DIRECT, url, fill, end: () => endOf(child) }
}

/** The paths of a test: entries in turn, or one page. */
function allTests() {
  const names = Array.from({ length: Math.min(entries, 1_000) }, (_, i) => `/many/entry-${i}`)
  return [
    { name: 'an entry', paths: () => names },
    { name: `the newest page of ${FEW} entries`, paths: () => ['/few'] },
    { name: `the newest page of ${entries.toLocaleString('en')}, 20 entries`, paths: () => ['/many'] },
    {
      name: `page ${PAGES_DOWN + 1} of ${entries.toLocaleString('en')}`,
      paths: async ({ url }) => [await follow(`${url}/many`, PAGES_DOWN)],
    },
  ]
}

async function follow(url, times) {
  let at = url
  for (let i = 0; i < times; i++) {
    const feed = await (await globalThis.fetch(at)).text()
    const next = /<link rel="next" href="([^"]+)"/.exec(feed)?.[1]
    if (next === undefined) break
    at = next.replaceAll('&amp;', '&')
  }
  return at.slice(new URL(at).origin.length)
}

async function round({ url }, paths, seconds) {
  const requests = paths.map((path) => ({ method: 'GET', path }))
  const result = await autocannon({ url, connections: CONNECTIONS, duration: seconds, requests })
  if (result.non2xx + result.errors > 0)
    throw new Error(`${paths[0]}: ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`)
  return { rate: result['2xx'] / result.duration, latency: result.latency }
}

const memcached = await startMemcached({ args: ['-m', '512'] })
const postgres = await startPostgres()
const instances = []
const tests = []
const rows = []
const plots = []
try {
  const { url } = await createPostgresDatabase(postgres.url)
  const target = { url, servers: memcached.address }
  for (const withCache of [true, false]) instances.push(await startInstance(withCache, target))
  await instances[0].fill({ few: FEW, many: entries })
  for (const test of allTests()) {
    const paths = new Map()
    for (const instance of instances) paths.set(instance, await test.paths(instance))
    const answers = new Map(instances.map(({ name }) => [name, []]))
    for (let i = 0; i <= Number(values.rounds); i++) {
      for (const instance of instances) {
        const answer = await round(instance, paths.get(instance), Number(values['round-s']))
        // The first round warms up.
        if (i > 0) answers.get(instance.name).push(answer)
      }
    }
    const about = {
      name: `${test.name}, ${CONNECTIONS} connections`,
      unit: 'a second',
      better: 'more',
      baseline: DIRECT,
    }
    tests.push(testOf(about, answers, ({ rate }) => rate))
    const at = (all, p) => spread(all.map(({ latency }) => latency[`p${String(p).replace('.', '_')}`])).median
    for (const [name, all] of answers) rows.push([test.name, name, ...PERCENTILES.map((p) => at(all, p))])
    plots.push({
      title: `Latency: ${test.name}`,
      x: 'percentile',
      y: 'ms',
      lines: Array.from(answers, ([name, all]) => ({
        name,
        points: PERCENTILES.map((p) => [p, at(all, p)]),
      })),
    })
    const { results } = tests.at(-1)
    console.log(
      `${about.name}: ${results.map(({ name, median, ratio }) => `${name} ${median} (${ratio?.median})`).join(', ')}`,
    )
  }
} finally {
  for (const instance of instances) await instance.end()
  await postgres.stop()
  await memcached.stop()
}

const rateOf = (test) => test.results.find(({ name }) => name === CACHED)?.median ?? 0
writePart('atom', {
  title: 'The Atom store: entries and feed pages over HTTP',
  command: 'pnpm --filter @larder/bench atom',
  text: `Medians of ${values.rounds} interleaved rounds of ${values['round-s']} s, ${CONNECTIONS} connections, each waiting for its answer; the client runs on the same machine. Both instances have the same entries of 1 kB in one PostgreSQL; a page is one listing, which comes from the database, and one batch of entries.`,
  versions: {
    memcached: versionOf('memcached')?.replace('memcached ', ''),
    PostgreSQL: versionOf('psql')?.replace(/^psql \(PostgreSQL\) /, ''),
    autocannon: packageVersion('autocannon'),
  },
  tests,
  tables: [
    {
      title: 'Latency in ms, by percentile',
      head: ['request', 'instance', ...PERCENTILES.map(String)],
      rows,
    },
  ],
  plots,
  targets: [
    {
      text: `A page of ${entries.toLocaleString('en')} entries takes no longer than one of ${FEW}, for as many entries on it`,
      figure: `${((rateOf(tests[1]) * FEW) / (rateOf(tests[2]) * 20)).toFixed(2)} times the time for an entry`,
      isReached: rateOf(tests[1]) * FEW <= rateOf(tests[2]) * 20 * 1.3,
    },
  ],
})
process.exit()
