// What serializer, namespace and routing cost: `pnpm --filter @larder/bench memcache:layers`. CPU time of the process
// for an operation, 64 at once on three servers: `MemcacheClient` with a namespace against the transports alone, which
// get keys that were checked and routed beforehand. Rounds are interleaved. Writes results/memcache-layers.md.
import { startMemcached } from '@larder/dev-servers'
import { MemcacheClient, RemoteCache } from '@larder/memcached'
import { Buffer } from 'node:buffer'
// Inside of the package, past its front door: there is no other way to them.
import { MetaTransport } from '../../packages/memcached/dist/transport/meta-transport.js'
import { resolveChannelOptions } from '../../packages/memcached/dist/transport/options.js'
import { ServerHealth } from '../../packages/memcached/dist/transport/server-health.js'
import { machineText, write, writePart } from '../lib/results.mjs'
import { testOf } from '../lib/rounds.mjs'
import { inParallel, WIDTH } from './workload.mjs'

const ROUNDS = Number(process.env['ROUNDS'] ?? 15)
const OPERATIONS = Number(process.env['OPERATIONS'] ?? 50_000)
const TARGET = 1.4
const servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args: ['-m', '64'] })))
const text = 'x'.repeat(100)
const bytes = Buffer.from(text)
const keys = Array.from({ length: 1000 }, (_, i) => `bench:layers:${i}`)

const options = resolveChannelOptions({ timeoutMs: 30_000 })
const transports = servers.map(({ host, port }) => {
  return new MetaTransport({ host, port, weight: 1 }, options, new ServerHealth(options))
})
const items = keys.map((key) => {
  // As long as the keys of the namespace are.
  const wireKey = { text: `bench#0123456789ab:${key}`, bytes: key.length + 19 }
  return { key: wireKey, value: bytes, flags: 16, exptime: 0 }
})
const cacheOf = () =>
  new RemoteCache(
    servers.map(({ address }) => address),
    { transport: 'meta', timeoutMs: 30_000 },
  )
const plain = new MemcacheClient({ cache: cacheOf() })
const root = new MemcacheClient({ cache: cacheOf() })
const named = root.namespace('bench')
const clients = {
  transports: {
    get: (i) => transports[i % 3].get(items[i % 1000].key),
    set: (i) => transports[i % 3].set(items[i % 1000]),
  },
  'serializer and routing': {
    get: (i) => plain.get(keys[i % 1000]),
    set: (i) => plain.set(keys[i % 1000], text),
  },
  'serializer, namespace and routing': {
    get: (i) => named.get(keys[i % 1000]),
    set: (i) => named.set(keys[i % 1000], text),
  },
}

const TOP = 'serializer, namespace and routing'
const tests = []
for (const test of ['set', 'get']) {
  const costs = new Map(Object.keys(clients).map((name) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, client] of Object.entries(clients)) {
      const start = process.cpuUsage()
      await inParallel(OPERATIONS, WIDTH, client[test])
      const { user, system } = process.cpuUsage(start)
      // The first round warms up.
      if (round > 0) costs.get(name).push((user + system) / OPERATIONS)
    }
  }
  const about = { name: `${test}, 100 B`, unit: 'µs of CPU', better: 'less', baseline: 'transports' }
  tests.push(testOf(about, costs, (cost) => cost))
}
const targets = tests.map(({ name, results }) => {
  const { median } = results.find((result) => result.name === TOP).ratio
  const text = `${name}: ${TOP} at most ${TARGET} times the CPU of the bare transport`
  return { text, figure: median.toFixed(2), isReached: median <= TARGET }
})
const isMet = targets.every(({ isReached }) => isReached)
const rows = tests.map(({ name, results }) => {
  const cells = results.map(({ median, ratio }) => `${median.toFixed(2)} (${ratio.median.toFixed(2)})`)
  return `| ${name} | ${cells.join(' | ')} |\n`
})
const method = `Three servers, 64 commands at once, medians of ${ROUNDS} interleaved rounds in one process.`
const report = `# What the layers above a transport cost

${machineText()}. ${method} At most ${TARGET} times: ${isMet ? 'yes' : 'no'}.

| CPU µs an operation, 64 at once (times the transports) | ${Object.keys(clients).join(' | ')} |
|---|---|---|---|
${rows.join('')}`
console.log(report)
write('memcache-layers.md', report)
writePart('memcache-layers', {
  title: 'What the layers above a transport cost',
  command: 'pnpm --filter @larder/bench memcache:layers',
  text: method,
  tests,
  targets,
})
await Promise.all([plain.close(), root.close()])
for (const transport of transports) transport.close()
for (const server of servers) await server.stop()
process.exit(isMet ? 0 : 1)
