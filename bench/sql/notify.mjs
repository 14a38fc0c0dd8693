// What triggers cost the writers of a watched table on PostgreSQL, with NOTIFY and without:
// `pnpm --filter @larder/bench notify`. Writes results/notify.md.
// PostgreSQL lets one transaction with a NOTIFY commit at a time. The settings take turns, a round of inserts each.
import { startPostgres } from '@larder/dev-servers'
import { watchTables } from '@larder/storage-sql'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { DataSource } from 'typeorm'
import { DURABLE } from '../lib/durable.mjs'
import { machineText, write } from '../lib/results.mjs'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    inserts: { type: 'string', default: '3000' },
    'at-once': { type: 'string', default: '16' },
  },
})
const [ROUNDS, INSERTS, AT_ONCE] = [flags.rounds, flags.inserts, flags['at-once']].map(Number)

/** A database each, since NOTIFY is switched for all triggers of a prefix. */
const SETTINGS = [
  { name: 'no triggers' },
  { name: 'triggers, `notify: false`', options: { notify: false } },
  { name: 'triggers', options: {} },
]

async function open(server, { options }, number) {
  const admin = await new DataSource({ type: 'postgres', url: server.url }).initialize()
  await admin.query(`CREATE DATABASE notify_${number}`)
  await admin.destroy()
  const url = new URL(server.url)
  url.pathname = `/notify_${number}`
  const database = await new DataSource({ type: 'postgres', url: url.href, poolSize: AT_ONCE }).initialize()
  await database.query('CREATE TABLE film (id bigserial PRIMARY KEY, title text NOT NULL)')
  if (options !== undefined) await watchTables(database, ['film'], options)
  return database
}

/** Inserts a second, each in a transaction of its own. */
async function round(database) {
  let left = INSERTS
  const started = performance.now()
  const writer = async () => {
    while (left-- > 0) await database.query('INSERT INTO film (title) VALUES ($1)', ['a title'])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, writer))
  return (INSERTS / (performance.now() - started)) * 1_000
}

const sorted = (numbers) => numbers.toSorted((a, b) => a - b)
const median = (numbers) => sorted(numbers)[Math.floor((numbers.length - 1) / 2)]

const server = await startPostgres({ settings: DURABLE.postgres })
const found = SETTINGS.map(() => [])
const databases = []
try {
  for (const [number, setting] of SETTINGS.entries()) databases.push(await open(server, setting, number))
  for (const database of databases) await round(database)
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (let i = 0; i < SETTINGS.length; i++) {
      const next = (i + turn) % SETTINGS.length
      found[next].push(await round(databases[next]))
    }
  }
} finally {
  for (const database of databases) await database.destroy()
  await server.stop()
}

const rows = SETTINGS.map(({ name }, i) => {
  const ratios = sorted(found[i].map((each, turn) => each / found[0][turn]))
  const spread = `${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)}`
  return `| ${name} | ${Math.round(median(found[i]))} | ${median(ratios).toFixed(2)} (${spread}) |`
})
const table = `| setting | inserts a second | of those without triggers |\n| --- | --- | --- |\n${rows.join('\n')}`
console.log(table)
write(
  'notify.md',
  `# What triggers cost writers on PostgreSQL

Inserts of one row, each a transaction, ${AT_ONCE} at once, ${ROUNDS} rounds of ${INSERTS.toLocaleString('en')} in turns; medians, and the ratios of rounds that followed each other with least and most. The server waits for the disk. ${machineText()}. Again: \`pnpm --filter @larder/bench notify\`.

${table}
`,
)
