// Memcached clients side by side: `pnpm --filter @larder/bench memcache`. Each client has a process of its own; rounds
// are interleaved, so that a busy moment of the machine falls on all; medians count. Writes results/memcache.md and
// .svg, unless only a part is run: `node memcache/run.mjs 'set, 64' --clients larder,memjs` (parts of names).
import { startMemcached } from '@larder/dev-servers'
import { execFile, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { CLIENTS } from './clients.mjs'
import { plot, table, targets } from './report.mjs'
import { BATCH, median } from './workload.mjs'

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
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const tests = [
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
  const peer = await startPeer(name, node)
  if (peer !== undefined) peers.push(peer)
}
if (only === undefined || only.includes('pylibmc')) peers.push({ name: 'pylibmc', run: pylibmc, end() {} })

/** Undefined where there is no such version of Node and none can be had. */
async function startPeer(name, node) {
  const execPath = node === undefined ? process.execPath : await nodeOf(node)
  if (execPath === undefined) return undefined
  const child = fork(here('peer.mjs'), [name, server.address], { execPath })
  await once(child, 'message')
  return {
    name,
    run: async (test) => {
      child.send(test)
      const [result] = await once(child, 'message')
      return result ?? undefined
    },
    end: () => child.disconnect(),
  }
}

/** Out of the npm registry, where it is not the Node that runs this. */
async function nodeOf(major) {
  if (Number.parseInt(process.versions.node) >= major) return process.execPath
  try {
    const args = ['exec', '--yes', `--package=node@${major}`, '--', 'node', '-p', 'process.execPath']
    return (await promisify(execFile)('npm', args)).stdout.trim()
  } catch (error) {
    console.warn(`No Node ${major}: ${error.message}`)
    return undefined
  }
}

/** Batches only: alone it has one command at a time. */
function pylibmc({ test, bytes, operations }) {
  if (!test.endsWith('Multi')) return undefined
  const count = test === 'setMulti' ? operations / 10 : operations
  const args = [here('pylibmc_bench.py'), server.address, test, String(bytes), String(count), String(BATCH)]
  try {
    const rate = Number(execFileSync(PYTHON, args, { stdio: ['ignore', 'pipe', 'ignore'] }))
    return { ms: (operations / rate) * 1000 }
  } catch {
    return undefined
  }
}

const start = performance.now()
const rates = new Map()
const costs = new Map()
try {
  for (const { name, ...test } of tests) {
    const operations = Math.ceil((test.operations * Number(values.scale)) / BATCH) * BATCH
    await peers[0].run({ ...test, test: 'setMulti', operations: 1000 })
    const [rateOf, costOf] = [new Map(), new Map()]
    for (let round = 0; round <= rounds; round++) {
      for (const peer of peers) {
        const result = await peer.run({ ...test, operations })
        // The first round warms up.
        if (result === undefined || round === 0) continue
        note(rateOf, peer.name, (operations / result.ms) * 1000)
        if (result.cpuMicros !== undefined) note(costOf, peer.name, result.cpuMicros / operations)
      }
    }
    rates.set(name, medians(rateOf))
    costs.set(name, medians(costOf))
    console.log(table(new Map([[name, rates.get(name)]]), 'memjs'))
  }
} finally {
  for (const peer of peers) peer.end()
  await server.stop()
}
const seconds = Math.round((performance.now() - start) / 1000)

function note(map, name, number) {
  map.set(name, [...(map.get(name) ?? []), number])
}

function medians(map) {
  return new Map(Array.from(map, ([name, all]) => [name, median(all)]))
}

const report = `# Memcached clients

${cpus().length} cores, Node ${process.version}, ${tests.length} tests in ${seconds} s, medians of ${rounds} interleaved rounds. Each client has a process of its own; npm's \`memcache\` runs on Node 22, which it needs. \`larder\` is \`MemcacheClient\` over the meta transport, \`larder, RemoteCache\` the bytes below it. What the raw socket does is in [raw.mjs](../memcache/raw.mjs).

Thousand operations a second (times memjs):

${table(rates, 'memjs')}
Microseconds of CPU an operation, of the client's process:

${table(costs, 'memjs', (cost) => cost.toFixed(2))}
${targets(rates)}`
console.log(report)
if (positionals.length === 0 && only === undefined) {
  mkdirSync(here('../results'), { recursive: true })
  writeFileSync(here('../results/memcache.md'), report)
  writeFileSync(here('../results/memcache.svg'), plot(rates))
}
