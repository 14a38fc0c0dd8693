// What updates of resources cost on PostgreSQL, with the index by time and without:
// `pnpm --filter @larder/bench updates`, or with `--updates 1000000 --resources 1000000`. Writes results/updates.json and .md.
// Each setting gets a database of its own with the same resources, which SQL makes; then SqlStorage overwrites contents
// at random, several at once, and PostgreSQL says how many of the updates were heap-only (HOT) and what they left behind.
// The settings take turns, a round of updates each, so that a busy moment of the machine does not fall on one of them.
import { startPostgres } from '@larder/dev-servers'
import { SqlStorage } from '@larder/storage-sql'
import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DataSource } from 'typeorm'
import { DURABLE } from '../lib/durable.mjs'
import { machineText, write } from '../lib/results.mjs'

const { values: flags } = parseArgs({
  options: {
    resources: { type: 'string', default: '200000' },
    updates: { type: 'string', default: '200000' },
    'at-once': { type: 'string', default: '8' },
    bytes: { type: 'string', default: '200' },
    /** Percent of a page that inserts may fill. */
    fillfactors: { type: 'string', default: '100,90' },
    /** Updates of one setting before the next has its turn. */
    round: { type: 'string', default: '2000' },
    /** Also with an index of live resources alone. */
    partial: { type: 'boolean', default: false },
  },
})
const RESOURCES = Number(flags.resources)
const UPDATES = Number(flags.updates)
const AT_ONCE = Number(flags['at-once'])
const BYTES = Number(flags.bytes)
const ROUND = Number(flags.round)
const FILLFACTORS = flags.fillfactors.split(',').map(Number)

const PARTIAL =
  'CREATE INDEX live_by_time ON larder_resource (container_id, modified_us, name) WHERE live = 1'

/** `change`: of the tables as SqlStorage makes them. */
const SETTINGS = [
  { name: 'orderByModified: true', orderByModified: true },
  ...(flags.partial ? [{ name: 'a partial index instead (live = 1)', change: PARTIAL }] : []),
  ...FILLFACTORS.map((fillfactor) => ({
    name: fillfactor === 100 ? 'orderByModified: false' : `the same with fillfactor ${fillfactor}`,
    change: `ALTER TABLE larder_resource SET (fillfactor = ${fillfactor})`,
  })),
]

/** The same numbers below 1 in each setting (mulberry32). */
function numbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const nameOf = (i) => `r${String(i).padStart(8, '0')}`

async function fill(database, storage, change) {
  await storage.createContainer('c')
  if (change !== undefined) await database.query(change)
  await database.query(
    `INSERT INTO larder_resource
      (container_id, name, live, version, modified_us, content_version, content_modified_us, content_size, content)
      SELECT c.id, 'r' || lpad(i::text, 8, '0'), 1, 1, i, 1, i, $1::int, convert_to(repeat('x', $1::int), 'UTF8')
      FROM larder_container c, generate_series(0, $2::int - 1) i`,
    [BYTES, RESOURCES],
  )
  await database.query('VACUUM ANALYZE larder_resource')
}

async function sizes(database) {
  const [row] = await database.query(
    `SELECT pg_table_size('larder_resource')::float / 1048576 AS heap, pg_indexes_size('larder_resource')::float / 1048576 AS indexes`,
  )
  return { heapMiB: Math.round(row.heap), indexesMiB: Math.round(row.indexes) }
}

/** Bytes of the write-ahead log so far. */
async function logPosition(database) {
  const [row] = await database.query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS bytes")
  return Number(row.bytes)
}

async function tuples(database) {
  await database.query('SELECT pg_stat_clear_snapshot()')
  const [row] = await database.query(
    `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot, n_dead_tup::int AS dead FROM pg_stat_user_tables WHERE relname = 'larder_resource'`,
  )
  return row
}

const median = (sorted) => sorted[Math.floor((sorted.length - 1) / 2)]
const round2 = (number) => Number(number.toFixed(2))

/** A database with the resources, and what its updates took so far. */
class Contender {
  #random = numbers(1)
  #done = 0
  #times = new Float64Array(UPDATES)
  /** Median of each round, in milliseconds. */
  rounds = []
  #seconds = 0

  constructor(name, database, storage) {
    Object.assign(this, { name, database, storage })
  }

  static async open(server, admin, { name, orderByModified = false, change }, number) {
    await admin.query(`CREATE DATABASE updates_${number}`)
    const url = new URL(server.url)
    url.pathname = `/updates_${number}`
    const database = await new DataSource({ type: 'postgres', url: url.href }).initialize()
    const storage = await SqlStorage.open({
      url: url.href,
      listen: false,
      orderByModified,
      statementTimeoutMs: 60_000,
    })
    await fill(database, storage, change)
    return new Contender(name, database, storage)
  }

  async run(count) {
    const [first, end] = [this.#done, this.#done + count]
    const started = performance.now()
    const writer = async () => {
      while (this.#done < end) {
        const i = this.#done++
        const name = nameOf(Math.floor(this.#random() * RESOURCES))
        const content = Buffer.alloc(BYTES, `${i} `)
        const began = performance.now()
        await this.storage.putContent(this.storage.info('c', name), content)
        this.#times[i] = performance.now() - began
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, writer))
    this.#seconds += (performance.now() - started) / 1_000
    this.rounds.push(median(this.#times.slice(first, end).sort()))
  }

  async start() {
    this.before = await sizes(this.database)
    this.logged = 0
  }

  /** A round, with the bytes of log that the server wrote meanwhile, its autovacuum included. */
  async turn(count) {
    const logged = await logPosition(this.database)
    await this.run(count)
    this.logged += (await logPosition(this.database)) - logged
  }

  async result(baseline) {
    const { updates, hot, dead } = await tuples(this.database)
    const times = this.#times.sort()
    const at = (share) => round2(times[Math.floor((UPDATES - 1) * share)])
    const ratios = this.rounds.map((each, i) => baseline.rounds[i] / each).sort((a, b) => a - b)
    return {
      ...{ name: this.name, perSecond: Math.round(UPDATES / this.#seconds), p50Ms: at(0.5), p99Ms: at(0.99) },
      ...{ faster: round2(median(ratios)), slowest: round2(ratios[0]), fastest: round2(ratios.at(-1)) },
      ...{ hotShare: Number((hot / updates).toFixed(3)), deadTuples: dead },
      ...{
        walBytes: Math.round(this.logged / UPDATES),
        before: this.before,
        after: await sizes(this.database),
      },
    }
  }

  async close() {
    await this.storage.close()
    await this.database.destroy()
  }
}

async function measure(server) {
  const admin = await new DataSource({ type: 'postgres', url: server.url }).initialize()
  const contenders = []
  try {
    for (const [number, setting] of SETTINGS.entries())
      contenders.push(await Contender.open(server, admin, setting, number))
    for (const each of contenders) await each.start()
    for (let done = 0, turn = 0; done < UPDATES; done += ROUND, turn++) {
      // Each begins as often as the others.
      const order = contenders.map((_, i) => contenders[(i + turn) % contenders.length])
      for (const each of order) await each.turn(Math.min(ROUND, UPDATES - done))
      if (turn % 50 === 49) console.log(`${done + ROUND} updates each`)
    }
    // The statistics of the server's processes come in by and by.
    await sleep(2_000)
    const results = []
    for (const each of contenders) results.push(await each.result(contenders[0]))
    for (const each of results) console.log(JSON.stringify(each))
    return results
  } finally {
    for (const each of contenders) await each.close()
    await admin.destroy()
  }
}

function table(results) {
  const rows = results.map(
    ({
      name,
      perSecond,
      p50Ms,
      p99Ms,
      faster,
      slowest,
      fastest,
      hotShare,
      deadTuples,
      walBytes,
      before,
      after,
    }) =>
      `| ${name} | ${perSecond} | ${p50Ms} ms | ${p99Ms} ms | ${faster} (${slowest} to ${fastest}) | ${Math.round(hotShare * 100)} % | ${deadTuples} | ${walBytes} | ${before.heapMiB} to ${after.heapMiB} MiB | ${before.indexesMiB} to ${after.indexesMiB} MiB |`,
  )
  return [
    '| setting | updates a second | p50 | p99 | p50 of the first row over this, by rounds | HOT | dead tuples | bytes of log an update | heap | indexes |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

const server = await startPostgres({ settings: { ...DURABLE.postgres, shared_buffers: '256MB' } })
let results
try {
  results = await measure(server)
} finally {
  await server.stop()
}
const about = {
  resources: RESOURCES,
  updates: UPDATES,
  atOnce: AT_ONCE,
  contentBytes: BYTES,
  machine: machineText(),
}
write('updates.json', `${JSON.stringify({ about, results }, undefined, 2)}\n`)
write(
  'updates.md',
  `# What updates cost on PostgreSQL

${UPDATES.toLocaleString('en')} contents of ${BYTES} bytes overwritten at random among ${RESOURCES.toLocaleString('en')} resources by \`SqlStorage\`, ${AT_ONCE} at once. ${about.machine}. Again: \`pnpm --filter @larder/bench updates\`.

${table(results)}

The settings took turns in one server, ${ROUND.toLocaleString('en')} updates each; the ratios compare rounds that followed each other, as median, least and most. Dead tuples are as autovacuum left them.
`,
)
