// What a page of few matches costs in a large collection, on each database: `pnpm --filter @larder/bench extensions`.
// Writes results/extensions.md. SQL makes the resources; a thousandth of a percent of them have the extension.
import { startMariadb, startPostgres } from '@larder/dev-servers'
import { SqlStorage } from '@larder/storage-sql'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { DataSource } from 'typeorm'
import { machineText, write } from '../lib/results.mjs'

const { values: flags } = parseArgs({
  options: { resources: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '15' } },
})
const [RESOURCES, ROUNDS] = [flags.resources, flags.rounds].map(Number)
const MATCHES = 10

const DIGITS = Array.from({ length: 6 }, (_, i) => `d${i}`)
/** All numbers below a million, in any SQL. */
const NUMBERS = `SELECT ${DIGITS.map((d, i) => `${d}.n * ${10 ** i}`).join(' + ')} AS i FROM ${DIGITS.map(
  (d) => `(SELECT 0 AS n ${Array.from({ length: 9 }, (_, k) => `UNION ALL SELECT ${k + 1}`).join(' ')}) ${d}`,
).join(', ')}`

const PLACES = {
  PostgreSQL: async () => {
    const server = await startPostgres()
    return { url: server.url, type: 'postgres', drop: () => server.stop() }
  },
  MariaDB: async () => {
    const server = await startMariadb()
    return { url: server.url, type: 'mariadb', drop: () => server.stop() }
  },
  SQLite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
    const drop = async () => rmSync(folder, { recursive: true, force: true })
    return { url: `sqlite:${join(folder, 'a.sqlite')}`, type: 'sqlite', drop }
  },
}

async function measure(open) {
  const { url, type, drop } = await open()
  const storage = await SqlStorage.open({ url, listen: false, statementTimeoutMs: 120_000 })
  try {
    await storage.createContainer('c')
    await fill(url, type)
    const took = { rare: [], all: [] }
    for (let i = 0; i < ROUNDS; i++) {
      took.rare.push(await timed(() => storage.page('c', { ext: 'rare' }), MATCHES))
      took.all.push(await timed(() => storage.page('c', { ext: 'txt' }), 100))
    }
    return took
  } finally {
    await storage.close()
    await drop()
  }
}

async function timed(ask, expected) {
  const started = performance.now()
  const { entries } = await ask()
  if (entries.length !== expected) throw new Error(`${entries.length} entries, expected ${expected}`)
  return performance.now() - started
}

async function fill(url, type) {
  const database = await new DataSource(
    type === 'sqlite'
      ? { type: 'better-sqlite3', database: url.slice('sqlite:'.length) }
      : { type, url, extra: {} },
  ).initialize()
  const every = Math.floor(RESOURCES / MATCHES)
  const join_ = (...parts) => (type === 'mariadb' ? `CONCAT(${parts.join(', ')})` : parts.join(' || '))
  const text = (i) =>
    type === 'mariadb'
      ? `LPAD(${i}, 8, '0')`
      : type === 'sqlite'
        ? `printf('%08d', ${i})`
        : `lpad((${i})::text, 8, '0')`
  const ext = `CASE WHEN i % ${every} = 0 THEN '.rare' ELSE '.txt' END`
  const columns =
    'container_id, name, ext, live, version, modified_us, content_version, content_modified_us, content_size, content'
  const bytes = type === 'postgres' ? "convert_to('x', 'UTF8')" : "'x'"
  try {
    await database.query(
      `INSERT INTO larder_resource (${columns})
        SELECT c.id, ${join_("'r'", text('i'), ext)}, ${ext}, 1, 1, i + 1, 1, i + 1, 1, ${bytes}
        FROM larder_container c, (${NUMBERS}) numbers WHERE i < ${every * MATCHES}`,
    )
    await database.query(type === 'mariadb' ? 'ANALYZE TABLE larder_resource' : 'ANALYZE')
  } finally {
    await database.destroy()
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]
const shown = (numbers) =>
  `${median(numbers).toFixed(1)} ms (${Math.min(...numbers).toFixed(1)} to ${Math.max(...numbers).toFixed(1)})`

const rows = []
for (const [name, open] of Object.entries(PLACES)) {
  const { rare, all } = await measure(open)
  rows.push(`| ${name} | ${shown(rare)} | ${shown(all)} |`)
  console.log(rows.at(-1))
}
write(
  'extensions.md',
  `# Pages by extension

\`page('c', { ext })\` in a collection of ${RESOURCES.toLocaleString('en')} resources, ${ROUNDS} times each: one extension has ${MATCHES} resources, the other has all the rest, of which the first 100 are asked for. Medians, least and most. ${machineText()}. Again: \`pnpm --filter @larder/bench extensions\`.

| | ${MATCHES} matches | first 100 of the others |
| --- | --- | --- |
${rows.join('\n')}
`,
)
