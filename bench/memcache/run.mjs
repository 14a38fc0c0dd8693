// Memcached clients side by side: `pnpm --filter @larder/bench memcache`. Writes results/memcache.json, .md and .svg,
// unless only a part is run: `node memcache/run.mjs 'set, 64' --clients larder,memjs` (parts of names).
import { nodeOf, startMemcached } from '@larder/dev-servers'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machineText, versionOf, write, writePart } from '../lib/results.mjs'
import { cpuMicrosEach, perSecond, startPeer, takeTurns, testOf } from '../lib/rounds.mjs'
import { packageVersion } from '../lib/versions.mjs'
import { bars } from '../report/bars.mjs'
import { CLIENTS } from './clients.mjs'
import { markdown } from './markdown.mjs'
import { targetsOf } from './targets.mjs'
import { BATCH } from './workload.mjs'

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    scale: { type: 'string', default: '1' },
    clients: { type: 'string' },
  },
  allowPositionals: true,
})
const rounds = Number(values.rounds)
const only = values.clients?.split(',')
const PYTHON = '/usr/bin/python3'
const PEERS = ['memjs', 'memcached', 'memcache-client', 'memcache']
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const TESTS = [
  { name: 'get, 64 at once, 100 B', test: 'get', bytes: 100, operations: 40_000 },
  { name: 'set, 64 at once, 100 B', test: 'set', bytes: 100, operations: 40_000 },
  { name: 'getMulti of 100, 100 B (keys)', test: 'getMulti', bytes: 100, operations: 40_000 },
  { name: 'setMulti of 100, 100 B (keys)', test: 'setMulti', bytes: 100, operations: 20_000 },
  { name: 'get, 64 at once, 10 kB', test: 'get', bytes: 10_240, operations: 10_000 },
  { name: 'set, 64 at once, 10 kB', test: 'set', bytes: 10_240, operations: 10_000 },
  { name: 'getMulti of 100, 10 kB (keys)', test: 'getMulti', bytes: 10_240, operations: 10_000 },
].filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)))

const server = await startMemcached({ args: ['-m', '256'] })
const peers = []
for (const [name, { node }] of Object.entries(CLIENTS)) {
  if (only !== undefined && !only.some((part) => name.includes(part))) continue
  const execPath = node === undefined ? process.execPath : await nodeFrom(node)
  if (execPath !== undefined)
    peers.push(await startPeer(name, here('peer.mjs'), [name, server.address], execPath))
}
if (only === undefined || only.includes('pylibmc')) peers.push({ name: 'pylibmc', run: pylibmc, end() {} })

/** The next best for a client that wants a newer Node than this; undefined where none can be had. */
async function nodeFrom(major) {
  if (Number.parseInt(process.versions.node) >= major) return process.execPath
  try {
    return await nodeOf(major)
  } catch (error) {
    console.warn(`No Node ${major}: ${error.message}`)
    return undefined
  }
}

/** Batches only: alone it has one command at a time. */
function pylibmc({ test, bytes, operations }) {
  if (!test.endsWith('Multi')) return undefined
  const count = Math.ceil((test === 'setMulti' ? operations / 10 : operations) / BATCH) * BATCH
  const args = [here('pylibmc_bench.py'), server.address, test, String(bytes), String(count), String(BATCH)]
  try {
    const rate = Number(execFileSync(PYTHON, args, { stdio: ['ignore', 'pipe', 'ignore'] }))
    return { ms: (count / rate) * 1000, operations: count }
  } catch {
    return undefined
  }
}

const tests = []
const costs = []
try {
  for (const { name, ...test } of TESTS) {
    const operations = Math.ceil((test.operations * Number(values.scale)) / BATCH) * BATCH
    // Every key is there, whoever begins.
    await peers[0].run({ ...test, test: 'setMulti', operations: 1000 })
    const answers = await takeTurns(peers, rounds, { ...test, operations })
    const own = { name, baseline: 'memjs' }
    tests.push(testOf({ ...own, unit: 'a second', better: 'more' }, answers, perSecond))
    // Of the client's process alone, which is not told of pylibmc's.
    answers.delete('pylibmc')
    costs.push(testOf({ ...own, unit: 'µs of CPU', better: 'less' }, answers, cpuMicrosEach))
    console.log(markdown(tests.slice(-1)))
  }
} finally {
  for (const peer of peers) await peer.end()
  await server.stop()
}

const targets = targetsOf(tests)
const text = `Medians of ${rounds} interleaved rounds. Each client has a process of its own; npm's \`memcache\` runs on Node 22, which it needs. \`larder\` is \`MemcacheClient\` over the meta transport, \`larder, RemoteCache\` the bytes below it. What the raw socket does is in [raw.mjs](../memcache/raw.mjs).`
const report = `# Memcached clients

${machineText()}; ${versionOf('memcached') ?? 'memcached'}. ${text}

Thousand operations a second (times memjs):

${markdown(tests)}
Microseconds of CPU an operation, of the client's process (times memjs):

${markdown(costs)}
| target | times | reached |
|---|---|---|
${targets.map(({ text, figure, isReached }) => `| ${text} | ${figure} | ${isReached ? 'yes' : 'no'} |\n`).join('')}`
console.log(report)
if (positionals.length === 0 && only === undefined) {
  write('memcache.md', report)
  write('memcache.svg', `${bars(tests, machineText())}\n`)
  writePart('memcache', {
    title: 'Memcached clients',
    command: 'pnpm --filter @larder/bench memcache',
    text: text.replace(/\[(.*?)\]\(.*?\)/g, 'bench/memcache/$1'),
    versions: {
      'memcached (server)': versionOf('memcached'),
      ...Object.fromEntries(PEERS.map((name) => [name, packageVersion(name)])),
      pylibmc: versionOf(PYTHON, ['-c', 'import pylibmc; print(pylibmc.__version__)']),
    },
    tests: [...tests, ...costs.map((test) => ({ ...test, name: `CPU: ${test.name}` }))],
    targets,
  })
}
