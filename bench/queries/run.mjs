// A cached query: `pnpm --filter @larder/bench queries`. The query of the MySQL manual on PostgreSQL, 64 at once, without
// a cache and with those of Node, none of which keeps anything in the process. Writes results/queries.json.
import { createPostgresDatabase, startMemcached, startPostgres } from '@larder/dev-servers'
import pg from 'pg'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startRedis } from '../lib/redis.mjs'
import { versionOf, writePart } from '../lib/results.mjs'
import { cpuMicrosEach, perSecond, spread, startPeer, takeTurns, testOf } from '../lib/rounds.mjs'
import { packageVersion } from '../lib/versions.mjs'
import { BARE, CACHED, CONTENDERS, TAGGED, UNCACHED } from './contenders.mjs'

const SCRIPT = fileURLToPath(new URL('peer.mjs', import.meta.url))
const WIDTH = 64
const FILMS = 1_000
const PEERS = ['Keyv on @keyv/memcache', 'cache-manager on @keyv/memcache', 'bentocache on Redis']
const NAME = `the five dearest of 1,000 films, ${WIDTH} at once`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'round-ms': { type: 'string', default: '700' },
  },
})

async function fill(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    `CREATE TABLE film AS SELECT i AS film_id, 'FILM NUMBER ' || i AS title,
       (CASE WHEN i % 200 = 0 THEN 5 + i / 200 ELSE i % 3 END + 0.99)::numeric(4, 2) AS rental_rate
     FROM generate_series(1, ${FILMS}) AS i`,
  )
  await client.query('VACUUM ANALYZE film')
  await client.end()
}

const memcached = await startMemcached({ args: ['-m', '256'] })
const postgres = await startPostgres()
const redis = await startRedis()
const peers = []
let answers
try {
  const { url } = await createPostgresDatabase(postgres.url)
  await fill(url)
  const target = JSON.stringify({ url, servers: memcached.address, redis: redis?.url })
  for (const name of Object.keys(CONTENDERS)) peers.push(await startPeer(name, SCRIPT, [name, target]))
  const test = { width: WIDTH, roundMs: Number(values['round-ms']) }
  answers = await takeTurns(peers, Number(values.rounds), test)
} finally {
  for (const peer of peers) await peer.end()
  await redis?.stop()
  await postgres.stop()
  await memcached.stop()
}

const test = testOf({ name: NAME, unit: 'a second', better: 'more', baseline: UNCACHED }, answers, perSecond)
const cpu = testOf(
  { name: `CPU of the program, ${NAME}`, unit: 'µs each', better: 'less', baseline: BARE },
  answers,
  cpuMicrosEach,
)
for (const { name, median, ratio } of [...test.results, ...cpu.results])
  console.log(`${name}: ${median} (${ratio?.median})`)

/** Median of the ratios of the same round. */
function ratio(one, other) {
  const [a, b] = [one, other].map((name) => answers.get(name)?.map(perSecond))
  return a === undefined || b === undefined ? undefined : spread(a.map((rate, i) => rate / b[i])).median
}

function target(text, figure, isReached) {
  return figure === undefined ? [] : [{ text, figure: figure.toFixed(2), isReached: isReached(figure) }]
}

writePart('queries', {
  title: 'A cached query',
  command: 'pnpm --filter @larder/bench queries',
  text: `Medians of ${values.rounds} interleaved rounds of ${values['round-ms']} ms; one memcached, one PostgreSQL with a pool of 10 connections, one Redis, as they come. All are hits, out of ${100} keys. "${BARE}" reads the same rows, which it has stored as a JSON value.`,
  versions: {
    memcached: versionOf('memcached')?.replace('memcached ', ''),
    PostgreSQL: versionOf('psql')?.replace(/^psql \(PostgreSQL\) /, ''),
    ...Object.fromEntries(
      ['keyv', '@keyv/memcache', 'cache-manager', 'bentocache', 'ioredis', 'pg'].map((name) => [
        name,
        packageVersion(name),
      ]),
    ),
  },
  tests: [test, cpu],
  targets: [
    ...[CACHED, TAGGED].flatMap((name) => [
      ...target(`${name}: at least 8 times the query`, ratio(name, UNCACHED), (figure) => figure >= 8),
      ...target(
        `${name}: at most 1.3 times the time of ${BARE}`,
        ratio(BARE, name),
        (figure) => figure <= 1.3,
      ),
    ]),
    ...PEERS.flatMap((peer) =>
      target(`${CACHED}: at least 3 times ${peer}`, ratio(CACHED, peer), (figure) => figure >= 3),
    ),
  ],
})
process.exit()
