// What journaling adds to a write: `pnpm --filter @larder/bench journal`. Writes results/journal.json and .md.
// The same MemcacheStorage writes to the same database, with a journal and without; the kinds take turns, one at a
// time write by write, several at once round by round. The dropping of the rows is counted. Databases keep what they acknowledge
// through a crash, as they do by default, and then the same without waiting for the disk.
import { startMariadb, startMemcached, startPostgres } from '@larder/dev-servers'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { DURABLE } from '../lib/durable.mjs'
import { write } from '../lib/results.mjs'

const ROUNDS = Number(process.env['ROUNDS'] ?? 21)
const WRITES = Number(process.env['WRITES'] ?? 64)
const WIDTHS = [1, 8]
const CONTENT = Buffer.alloc(1_000, 'x')

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** The same database, with a journal or as if it had none; counts what is journaled, dropped, and the time of that. */
function counted(database, hasJournal) {
  const tally = { journaled: 0, settled: 0, settlingMs: 0 }
  const seen = Object.create(database, {
    supports: { value: { ...database.supports, journal: hasJournal } },
    settle: {
      value: async (ids) => {
        const started = performance.now()
        await database.settle(ids)
        tally.settlingMs += performance.now() - started
        tally.settled += ids.length
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

function kindsOf(database, servers) {
  return ['without', 'with'].map((kind) => {
    const { tally, storage } = counted(database, kind === 'with')
    const namespace = `${kind}:`
    return { kind, tally, cache: new MemcacheStorage({ servers, namespace, storage }) }
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
  while (tally.settled - before < wanted) await sleep(1)
  // What is dropped after the last write is part of the cost, and waiting for company is not.
  took += tally.settlingMs - late
  return (took * 1_000) / WRITES
}

async function inRounds(kinds, width) {
  const times = { without: [], with: [] }
  const ratios = []
  for (let i = -2; i < ROUNDS; i++) {
    const took = {}
    for (const each of i % 2 === 0 ? kinds : [...kinds].reverse()) {
      took[each.kind] = await round(each, width)
    }
    if (i < 0) continue
    for (const kind of ['without', 'with']) times[kind].push(took[kind])
    ratios.push(took.with / took.without)
  }
  return { times, ratios }
}

/** Each write is followed by one of the other kind. All the time that dropping takes comes on top, overlapped or not. */
async function oneByOne(kinds) {
  const times = { without: [], with: [] }
  const journaled = kinds[1]
  const count = ROUNDS * WRITES
  for (let i = -WRITES; i < count; i++) {
    if (i === 0) journaled.tally.settlingMs = 0
    for (const { kind, cache } of i % 2 === 0 ? kinds : [...kinds].reverse()) {
      const started = performance.now()
      await cache.putContent(cache.info(`${kind} 1`, `${Math.floor(i / 2)}`), CONTENT)
      if (i >= 0) times[kind].push((performance.now() - started) * 1_000)
    }
  }
  const settlingUs = (journaled.tally.settlingMs * 1_000) / count
  times.with = times.with.map((each) => each + settlingUs)
  return { times, ratios: times.with.map((each, i) => each / times.without[i]) }
}

async function measure(name, url, servers, isDurable) {
  const database = await SqlStorage.open({ url, listen: false })
  const kinds = kindsOf(database, servers)
  const results = []
  try {
    for (const width of WIDTHS) {
      const { times, ratios } = await (width === 1 ? oneByOne(kinds) : inRounds(kinds, width))
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
    ({ database, isDurable, atOnce, withoutUs, withUs, journalCosts, quartilesOfPairs }) =>
      `| ${database} | ${isDurable ? 'yes' : 'no'} | ${atOnce} | ${withoutUs} µs | ${withUs} µs | **${percent(journalCosts)}** | ${quartilesOfPairs.map(percent).join(' to ')} |`,
  )
  return [
    '| database | waits for the disk | writes at once | without journal | with journal | cost | half of the pairs |',
    '| --- | --- | --- | --- | --- | --- | --- |',
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
        results.push(...(await measure(name, server.url, memcached.address, isDurable)))
      } finally {
        await server.stop()
      }
    }
  }
  results.push(...(await measure('SQLite', `sqlite:${join(folder, 'bench.db')}`, memcached.address, true)))
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

Writes of ${CONTENT.length} bytes through a \`MemcacheStorage\`, with a journal and without, by turns; the dropping of the rows included. Medians of ${ROUNDS * WRITES} writes one at a time, and of ${ROUNDS} rounds of ${WRITES} at once, ${about.date}, Node ${process.version}, ${about.cpus} CPUs. Again: \`pnpm --filter @larder/bench journal\`.

${table(results)}
`
  write('journal.md', text)
} finally {
  await memcached.stop()
  rmSync(folder, { recursive: true, force: true })
}
