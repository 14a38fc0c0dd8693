// Ten million operations of `MemcacheClient`, every answer checked, memory sampled: `pnpm --filter @larder/bench
// memcache:soak`. OPERATIONS says another number. Writes results/memcache-soak.md; fails where an answer was wrong or
// memory grew.
import { startMemcached } from '@larder/dev-servers'
import { MemcacheClient } from '@larder/memcached'
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { machineText, write, writePart } from '../lib/results.mjs'
import { median } from './workload.mjs'

const OPERATIONS = Number(process.env['OPERATIONS'] ?? 10_000_000)
const SAMPLES = 40
const WORKERS = 64
const KEYS_PER_WORKER = 100
/** What garbage that is not yet collected may make of a flat line. */
const MAX_GROWTH = { heapUsed: 2, external: 2, rss: 16 }
const MIB = 1024 * 1024

if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc')
const servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args: ['-m', '256'] })))
const addresses = servers.map(({ address }) => address)
const client = new MemcacheClient({ servers: addresses, timeoutMs: 30_000 })

const counts = { hits: 0, misses: 0, stored: 0, deleted: 0, batches: 0 }
const samples = []
let next = 0

/** Keys of its own, and what they hold: its steps are awaited one by one, so that every answer is known beforehand. */
async function work(worker) {
  const keys = Array.from({ length: KEYS_PER_WORKER }, (_, i) => `soak:${worker}:${i}`)
  const versions = new Map()
  let state = worker + 1
  // Lehmer's generator: the same steps in every run.
  const chance = (below) => (state = (state * 48_271) % 0x7fff_ffff) % below
  while (next < OPERATIONS) {
    const operation = next++
    if (operation % Math.ceil(OPERATIONS / SAMPLES) === 0) sample(operation)
    const key = keys[chance(KEYS_PER_WORKER)]
    const kind = chance(100)
    if (kind < 50) check(await client.get(key), versions.get(key), key)
    else if (kind < 75) {
      const version = { number: operation, bytes: sizeOf(chance(1000)) }
      assert.equal(await client.set(key, valueOf(key, version)), true)
      versions.set(key, version)
      counts.stored++
    } else if (kind < 90) {
      assert.equal(await client.delete(key), versions.delete(key))
      counts.deleted++
    } else {
      const from = chance(KEYS_PER_WORKER - 20)
      const asked = keys.slice(from, from + 20)
      const { values, failed } = await client.getMulti(asked)
      assert.equal(failed.size, 0)
      for (const one of asked) check(values.get(one), versions.get(one), one)
      counts.batches++
    }
  }
}

function sizeOf(chance) {
  if (chance === 0) return 100_000
  return chance < 100 ? 4000 : 100
}

function valueOf(key, { number, bytes }) {
  return `${key} ${number} `.padEnd(bytes, 'x')
}

function check(value, version, key) {
  if (version === undefined) counts.misses++
  else counts.hits++
  const expected = version === undefined ? undefined : valueOf(key, version)
  if (value !== expected)
    throw new Error(`${key} holds ${String(value).slice(0, 60)}, not ${String(expected).slice(0, 60)}`)
}

function sample(operation) {
  globalThis.gc()
  const { heapUsed, rss, external } = process.memoryUsage()
  samples.push({ operation, heapUsed: heapUsed / MIB, external: external / MIB, rss: rss / MIB })
}

const start = performance.now()
const cpu = process.cpuUsage()
await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
sample(OPERATIONS)
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(cpu)
await client.close()
for (const server of servers) await server.stop()

/** From the second fifth, when all keys are in use and all code is compiled, to the last. */
const part = (from, to, name) =>
  median(samples.slice(samples.length * from, samples.length * to).map((one) => one[name]))
const growth = Object.fromEntries(
  Object.keys(MAX_GROWTH).map((name) => [name, part(0.8, 1, name) - part(0.2, 0.4, name)]),
)
const isFlat = Object.entries(MAX_GROWTH).every(([name, most]) => growth[name] <= most)
const growths = Object.entries(growth).map(([name, mib]) => `${name} ${mib >= 0 ? '+' : ''}${mib.toFixed(1)}`)
const rows = samples.map(
  (one) =>
    `| ${one.operation.toLocaleString('en')} | ${one.heapUsed.toFixed(1)} | ${one.external.toFixed(1)} | ${one.rss.toFixed(0)} |`,
)
const report = `# Soak of the memcached client

${OPERATIONS.toLocaleString('en')} operations, ${WORKERS} at once on three servers, in ${seconds.toFixed(0)} s (${((user + system) / OPERATIONS).toFixed(1)} µs of CPU each). ${machineText()}. Every answer was the one expected: ${counts.hits.toLocaleString('en')} values, ${counts.misses.toLocaleString('en')} misses, ${counts.stored.toLocaleString('en')} stores, ${counts.deleted.toLocaleString('en')} deletes, ${counts.batches.toLocaleString('en')} batches of 20 keys.

Memory is ${isFlat ? 'flat' : 'not flat'}: from the second fifth to the last, medians, in MiB: ${growths.join(', ')}.

| operations | heap used, MiB | external, MiB | resident, MiB |
|---|---|---|---|
${rows.join('\n')}
`
console.log(report)
write('memcache-soak.md', report)
writePart('memcache-soak', {
  title: 'Soak of the memcached client',
  command: 'pnpm --filter @larder/bench memcache:soak',
  text: `${OPERATIONS.toLocaleString('en')} operations, ${WORKERS} at once on three servers, in ${seconds.toFixed(0)} s; every answer was the one expected.`,
  plots: [
    {
      title: 'Memory after a garbage collection',
      x: 'operations',
      y: 'MiB',
      lines: Object.keys(MAX_GROWTH).map((name) => ({
        name,
        points: samples.map((one) => [one.operation, Number(one[name].toFixed(1))]),
      })),
    },
  ],
  targets: [{ text: 'A soak holds memory flat', figure: `MiB: ${growths.join(', ')}`, isReached: isFlat }],
})
process.exit(isFlat ? 0 : 1)
