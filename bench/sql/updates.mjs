// What updates of resources cost on PostgreSQL, with the index by time and without:
// `pnpm --filter @larder/bench updates`, or with `--updates 1000000 --resources 1000000`. Writes results/updates.json and .md.
// Each setting gets a database of its own with the same resources, which SQL makes; then SqlStorage overwrites contents
// at random, several at once, and PostgreSQL says how many of the updates were heap-only (HOT) and what they left behind.
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
  },
})
const RESOURCES = Number(flags.resources)
const UPDATES = Number(flags.updates)
const AT_ONCE = Number(flags['at-once'])
const BYTES = Number(flags.bytes)
const FILLFACTORS = flags.fillfactors.split(',').map(Number)

const PARTIAL =
  'CREATE INDEX live_by_time ON larder_resource (container_id, modified_us, name) WHERE live = 1'

/** `change`: of the tables as SqlStorage makes them. */
const SETTINGS = [
  { name: 'orderByModified: true', orderByModified: true },
  { name: 'a partial index instead (live = 1)', change: PARTIAL },
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

/** Milliseconds of each, sorted. */
async function update(storage) {
  const times = new Float64Array(UPDATES)
  const random = numbers(1)
  let next = 0
  const writer = async () => {
    for (let i = next++; i < UPDATES; i = next++) {
      const name = nameOf(Math.floor(random() * RESOURCES))
      const content = Buffer.alloc(BYTES, `${i} `)
      const started = performance.now()
      await storage.putContent(storage.info('c', name), content)
      times[i] = performance.now() - started
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, writer))
  return times.sort()
}

async function measure(server, { name, orderByModified = false, change }, number) {
  const admin = await new DataSource({ type: 'postgres', url: server.url }).initialize()
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
  try {
    await fill(database, storage, change)
    const before = await sizes(database)
    const logged = await logPosition(database)
    const started = performance.now()
    const times = await update(storage)
    const seconds = (performance.now() - started) / 1_000
    // The statistics of the server's processes come in by and by.
    await sleep(2_000)
    const { updates, hot, dead } = await tuples(database)
    const after = await sizes(database)
    const walBytes = Math.round(((await logPosition(database)) - logged) / UPDATES)
    const at = (share) => Number(times[Math.floor((UPDATES - 1) * share)].toFixed(2))
    const result = {
      ...{ name, perSecond: Math.round(UPDATES / seconds), p50Ms: at(0.5), p99Ms: at(0.99) },
      ...{ hotShare: Number((hot / updates).toFixed(3)), deadTuples: dead, walBytes, before, after },
    }
    console.log(JSON.stringify(result))
    return result
  } finally {
    await storage.shutdown()
    await database.destroy()
    await admin.query(`DROP DATABASE updates_${number} WITH (FORCE)`)
    await admin.destroy()
  }
}

function table(results) {
  const rows = results.map(
    ({ name, perSecond, p50Ms, p99Ms, hotShare, deadTuples, walBytes, before, after }) =>
      `| ${name} | ${perSecond} | ${p50Ms} ms | ${p99Ms} ms | ${Math.round(hotShare * 100)} % | ${deadTuples} | ${walBytes} | ${before.heapMiB} to ${after.heapMiB} MiB | ${before.indexesMiB} to ${after.indexesMiB} MiB |`,
  )
  return [
    '| setting | updates a second | p50 | p99 | HOT | dead tuples | bytes of log an update | heap | indexes |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

const server = await startPostgres({ settings: { ...DURABLE.postgres, shared_buffers: '256MB' } })
const results = []
try {
  for (const [number, setting] of SETTINGS.entries()) results.push(await measure(server, setting, number))
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

Times and updates a second compare on an idle machine only. Heap-only updates, dead tuples (as autovacuum left them), bytes of log and sizes do on any.
`,
)
