// What journaling adds to a write: `pnpm --filter @larder/bench journal`. Writes results/journal.json and .md.
// The same MemcacheStorage writes to the same database, with a journal and without; the kinds take turns, round by
// round, and what is counted of a round includes the dropping of its rows. Beside the time by the clock stands what
// the processors did, here and in the servers: on a busy machine it is the surer one. Databases keep what they acknowledge
// through a crash, as they do by default, and then the same without waiting for the disk.
import { startMariadb, startMemcached, startPostgres } from '@larder/dev-servers'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { Buffer } from 'node:buffer'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { DURABLE } from '../lib/durable.mjs'
import { write } from '../lib/results.mjs'

const ROUNDS = Number(process.env['ROUNDS'] ?? 21)
const WRITES = Number(process.env['WRITES'] ?? 64)
const WIDTHS = [1, 8]
const CONTENT = Buffer.alloc(1_000, 'x')

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** The same database, with a journal or as if it had none; counts what is dropped, and the time of that. */
function counted(database, hasJournal) {
  const tally = { settled: 0, settlingMs: 0, onSettled: () => {} }
  const seen = Object.create(database, {
    supports: { value: { ...database.supports, journal: hasJournal } },
    settle: {
      value: async (ids) => {
        const started = performance.now()
        await database.acknowledge(ids)
        tally.settlingMs += performance.now() - started
        tally.settled += ids.length
        tally.onSettled()
      },
    },
  })
  const forwarded = new Proxy(seen, {
    get: (target, name) => {
      if (Object.hasOwn(target, name)) return target[name]
      const value = database[name]
      return typeof value === 'function' ? value.bind(database) : value
    },
  })
  return { tally, storage: forwarded }
}

/** Processor time of this process and of the servers' processes so far, in microseconds. Only on Linux. */
function cpuUs(pids) {
  const { user, system } = process.cpuUsage()
  return pids.flatMap(treeOf).reduce((sum, pid) => sum + runUs(pid), user + system)
}

function treeOf(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return [pid, ...children.flatMap(treeOf)]
  } catch {
    return [pid]
  }
}

function runUs(pid) {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    const runNs = (task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    return tasks.reduce((sum, task) => sum + runNs(task), 0) / 1_000
  } catch {
    return 0
  }
}

function kindsOf(database, servers) {
  return ['without', 'with'].map((kind) => {
    const { tally, storage } = counted(database, kind === 'with')
    const keyPrefix = `${kind}:`
    return { kind, tally, cache: new MemcacheStorage({ servers, keyPrefix, storage }) }
  })
}

/** Microseconds a write. */
async function round({ kind, cache, tally }, width) {
  const before = tally.settled
  const started = performance.now()
  let next = 0
  const writer = async () => {
    for (let i = next++; i < WRITES; i = next++) {
      await cache.putContent(cache.info(`${kind} ${width}`, `${Math.floor(i / 2)}`), CONTENT)
    }
  }
  await Promise.all(Array.from({ length: width }, writer))
  let took = performance.now() - started
  const wanted = kind === 'with' ? WRITES : 0
  const late = tally.settlingMs
  // Without looking again and again, which would cost more of the processor than the writes.
  while (tally.settled - before < wanted) await new Promise((resolve) => (tally.onSettled = resolve))
  // What is dropped after the last write is part of the cost, and waiting for company is not.
  took += tally.settlingMs - late
  return (took * 1_000) / WRITES
}

async function inRounds(kinds, width, pids) {
  const times = { without: [], with: [] }
  const cpu = { without: [], with: [] }
  const ratios = []
  for (let i = -2; i < ROUNDS; i++) {
    const took = {}
    for (const each of i % 2 === 0 ? kinds : [...kinds].reverse()) {
      const before = cpuUs(pids)
      took[each.kind] = await round(each, width)
      if (i >= 0) cpu[each.kind].push((cpuUs(pids) - before) / WRITES)
    }
    if (i < 0) continue
    for (const kind of ['without', 'with']) times[kind].push(took[kind])
    ratios.push(took.with / took.without)
  }
  return { times, ratios, cpu }
}

async function measure(name, url, servers, isDurable, pids) {
  const database = await SqlStorage.open({ url, listen: false })
  const kinds = kindsOf(database, servers)
  const results = []
  try {
    for (const width of WIDTHS) {
      const { times, ratios, cpu } = await inRounds(kinds, width, pids)
      const costs = ratios.map((ratio) => ratio - 1).sort((a, b) => a - b)
      const share = (at) => Number(costs[Math.floor((costs.length - 1) * at)].toFixed(3))
      results.push({
        database: name,
        isDurable,
        atOnce: width,
        withoutUs: Math.round(median(times.without)),
        withUs: Math.round(median(times.with)),
        journalCosts: Number((median(times.with) / median(times.without) - 1).toFixed(3)),
        quartilesOfPairs: [share(0.25), share(0.75)],
        cpuWithoutUs: Math.round(median(cpu.without)),
        cpuWithUs: Math.round(median(cpu.with)),
        journalCostsCpu: Number((median(cpu.with) / median(cpu.without) - 1).toFixed(3)),
      })
      console.log(JSON.stringify(results.at(-1)))
    }
  } finally {
    for (const { cache } of kinds) await cache.shutdown()
    await database.shutdown()
  }
  return results
}

function table(results) {
  const percent = (share) => `${Math.round(share * 100)} %`
  const rows = results.map(
    ({ database, isDurable, atOnce, withoutUs, withUs, journalCosts, ...more }) =>
      `| ${database} | ${isDurable ? 'yes' : 'no'} | ${atOnce} | ${withoutUs} µs | ${withUs} µs | **${percent(journalCosts)}** | ${more.quartilesOfPairs.map(percent).join(' to ')} | ${more.cpuWithoutUs} µs | ${more.cpuWithUs} µs | **${percent(more.journalCostsCpu)}** |`,
  )
  return [
    '| database | waits for the disk | writes at once | without journal | with journal | cost | half of the pairs | processors without | with | cost |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
const results = []
const memcached = await startMemcached()
try {
  for (const isDurable of [true, false]) {
    const settings = (name) => (isDurable ? { settings: DURABLE[name] } : {})
    for (const [name, start] of [
      ['PostgreSQL', () => startPostgres(settings('postgres'))],
      ['MariaDB', () => startMariadb(settings('mariadb'))],
    ]) {
      const server = await start()
      try {
        results.push(
          ...(await measure(name, server.url, memcached.address, isDurable, [server.pid, memcached.pid])),
        )
      } finally {
        await server.stop()
      }
    }
  }
  results.push(
    ...(await measure('SQLite', `sqlite:${join(folder, 'bench.db')}`, memcached.address, true, [
      memcached.pid,
    ])),
  )
  const about = {
    date: new Date().toISOString().slice(0, 10),
    cpus: cpus().length,
    node: process.version,
    rounds: ROUNDS,
    writesARound: WRITES,
    contentBytes: CONTENT.length,
  }
  write('journal.json', `${JSON.stringify({ about, results }, undefined, 2)}\n`)
  const text = `# What the journal costs

Writes of ${CONTENT.length} bytes through a \`MemcacheStorage\`, with a journal and without, by turns; the dropping of the rows included. Medians of ${ROUNDS} rounds of ${WRITES} writes, ${about.date}, Node ${process.version}, ${about.cpus} CPUs. Again: \`pnpm --filter @larder/bench journal\`.

${table(results)}
`
  write('journal.md', text)
} finally {
  await memcached.stop()
  rmSync(folder, { recursive: true, force: true })
}
