// Memcached clients side by side: `pnpm --filter @larder/bench memcache`. Rounds are interleaved, so that a busy
// moment of the machine falls on all; medians count. Writes results/memcache.md and .svg.
import { Buffer } from 'node:buffer'
import { startMemcached } from '@larder/dev-servers'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { connectAll } from './clients.mjs'
import { plot, table } from './report.mjs'

const ROUNDS = Number(process.env['ROUNDS'] ?? 7)
const SCALE = Number(process.env['SCALE'] ?? 1)
const WIDTH = 64
const BATCH = 100
const PYTHON = '/usr/bin/python3'
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const tests = [
  { name: 'get, 64 at once, 100 B', test: 'get', bytes: 100, operations: 40_000 },
  { name: 'set, 64 at once, 100 B', test: 'set', bytes: 100, operations: 40_000 },
  { name: 'getMulti of 100, 100 B (keys)', test: 'getMulti', bytes: 100, operations: 40_000 },
  { name: 'setMulti of 100, 100 B (keys)', test: 'setMulti', bytes: 100, operations: 20_000 },
  { name: 'get, 64 at once, 10 kB', test: 'get', bytes: 10_240, operations: 15_000 },
  { name: 'set, 64 at once, 10 kB', test: 'set', bytes: 10_240, operations: 15_000 },
  { name: 'getMulti of 100, 10 kB (keys)', test: 'getMulti', bytes: 10_240, operations: 15_000 },
]

const keysOf = (bytes) => Array.from({ length: 1000 }, (_, i) => `bench:${bytes}:${i}`)

function workOf(client, { test, bytes }, operations) {
  const keys = keysOf(bytes)
  const value = Buffer.alloc(bytes, 'x')
  if (client.run !== undefined)
    return test.endsWith('Multi') ? undefined : client.run(test, keys, value, operations, WIDTH)
  if (test === 'get') return () => inParallel(operations, WIDTH, (i) => client.get(keys[i % 1000]))
  if (test === 'set') return () => inParallel(operations, WIDTH, (i) => client.set(keys[i % 1000], value))
  const part = (i) => keys.slice((i * BATCH) % 1000, ((i * BATCH) % 1000) + BATCH)
  if (test === 'getMulti') return () => inParallel(operations / BATCH, 1, (i) => client.getMulti(part(i)))
  return () => inParallel(operations / BATCH, 1, (i) => client.setMulti(part(i).map((key) => [key, value])))
}

async function inParallel(count, width, work) {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

function pylibmc(address, { test, bytes }, operations) {
  if (!test.endsWith('Multi')) return undefined
  const args = [
    here('pylibmc_bench.py'),
    address,
    test,
    String(bytes),
    String(test === 'setMulti' ? operations / 10 : operations),
    String(BATCH),
  ]
  try {
    return Number(execFileSync(PYTHON, args, { stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch {
    return undefined
  }
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
}

const server = await startMemcached({ args: ['-m', '256'] })
const clients = await connectAll(server.address)
const results = new Map()
try {
  for (const test of tests) {
    const operations = Math.ceil((test.operations * SCALE) / BATCH) * BATCH
    await workOf(clients[0], { ...test, test: 'setMulti' }, 1000)()
    const rates = new Map()
    const note = (name, rate) => rates.set(name, [...(rates.get(name) ?? []), rate])
    for (let round = 0; round <= ROUNDS; round++) {
      for (const client of clients) {
        const work = workOf(client, test, operations)
        if (work === undefined) continue
        const start = performance.now()
        await work()
        // The first round warms up.
        if (round > 0) note(client.name, (operations / (performance.now() - start)) * 1000)
      }
      const rate = pylibmc(server.address, test, operations)
      if (round > 0 && rate !== undefined) note('pylibmc', rate)
    }
    results.set(test.name, new Map(Array.from(rates, ([name, all]) => [name, median(all)])))
    console.log(table(new Map([[test.name, results.get(test.name)]]), 'memjs'))
  }
} finally {
  for (const client of clients) await client.close()
  await server.stop()
}

mkdirSync(here('../results'), { recursive: true })
const machine = `${cpus().length} cores, Node ${process.version}, medians of ${ROUNDS} interleaved rounds.`
writeFileSync(
  here('../results/memcache.md'),
  `# Memcached clients\n\n${machine}\n\n${table(results, 'memjs')}`,
)
writeFileSync(here('../results/memcache.svg'), plot(results))
process.exit()
