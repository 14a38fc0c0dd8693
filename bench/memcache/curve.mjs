// How many gets a second, and how long one takes, by how many are under way: `pnpm --filter @larder/bench memcache:curve`.
// Writes results/memcache-curve.json and .md.
import { startMemcached } from '@larder/dev-servers'
import { MemcacheClient } from '@larder/memcached'
import { Buffer } from 'node:buffer'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machineText, write, writePart } from '../lib/results.mjs'
import { cpuMicrosEach, perSecond, startPeer, takeTurns, testOf } from '../lib/rounds.mjs'
import { markdown } from './markdown.mjs'
import { keysOf } from './workload.mjs'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, 'round-ms': { type: 'string', default: '100' } },
})
const [rounds, ms] = [Number(values.rounds), Number(values['round-ms'])]
const WIDTHS = [1, 2, 4, 8, 16, 32, 64]
const NAMES = ['larder', 'larder, RemoteCache', 'memjs']
/** What is compared: [of the answer, unit, which is better, the number]. */
const MEASURES = [
  ['gets', 'a second', 'more', perSecond],
  ['CPU', 'µs of CPU', 'less', cpuMicrosEach],
  ['p50', 'µs', 'less', ({ p50 }) => p50],
  ['p99', 'µs', 'less', ({ p99 }) => p99],
]

const server = await startMemcached({ args: ['-m', '64'] })
const script = fileURLToPath(new URL('curve-peer.mjs', import.meta.url))
const peers = []
const found = new Map(MEASURES.map(([name]) => [name, []]))
try {
  const filler = new MemcacheClient({ servers: server.address })
  await filler.setMulti(keysOf(100).map((key) => [key, Buffer.alloc(100, 'x')]))
  await filler.close()
  for (const name of NAMES) peers.push(await startPeer(name, script, [name, server.address]))
  // The processes warm up where most is to do.
  for (const peer of peers) await peer.run({ width: 64, ms: 10 * ms })
  for (const width of WIDTHS) {
    const answers = await takeTurns(peers, rounds, { width, ms })
    for (const [name, unit, better, numberOf] of MEASURES) {
      const what = `${name}, ${width} at once, 100 B`
      found.get(name).push(testOf({ name: what, unit, better, baseline: 'memjs' }, answers, numberOf))
    }
    console.log(markdown(MEASURES.map(([name]) => found.get(name).at(-1))))
  }
} finally {
  for (const peer of peers) await peer.end()
  await server.stop()
}

/** A line for each client, over how many gets are under way. */
function plotOf([name, unit]) {
  const line = (client) => ({
    name: client,
    points: found
      .get(name)
      .map(({ results }, i) => [WIDTHS[i], results.find((result) => result.name === client).median]),
  })
  return { title: `${name} (${unit})`, x: 'gets at once', y: name, lines: NAMES.map(line) }
}

const text = `Medians of ${rounds} interleaved rounds of ${ms} ms; each client has a process of its own. So many workers get items of 100 B, each one after the other. p50 and p99 are latencies in µs.`
const tables = MEASURES.map(
  ([name, unit]) => `## ${name} (${unit}; times memjs)\n\n${markdown(found.get(name))}`,
)
write(
  'memcache-curve.md',
  `# Gets by how many are under way\n\n${machineText()}. ${text}\n\n${tables.join('\n')}`,
)
writePart('memcache-curve', {
  title: 'Memcached clients with few commands at once',
  command: 'pnpm --filter @larder/bench memcache:curve',
  text,
  tests: [...found.values()].flat(),
  plots: MEASURES.map(plotOf),
})
