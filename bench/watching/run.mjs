// What it costs to be watched: cached reads while nobody listens, a function does, or OpenTelemetry.
import { startMemcached } from '@larder/dev-servers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writePart } from '../lib/results.mjs'
import { cpuMicrosEach, startPeer, takeTurns, testOf } from '../lib/rounds.mjs'

const { rounds, 'round-ms': roundMs } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    'round-ms': { type: 'string', default: '700' },
  },
}).values
const BASELINE = 'nobody'
const NAMES = [BASELINE, 'nobody, again', 'a listener', 'metrics', 'metrics and spans']

const memcached = await startMemcached()
const script = fileURLToPath(new URL('peer.mjs', import.meta.url))
const peers = []
for (const name of NAMES) peers.push(await startPeer(name, script, [memcached.address, name]))
const answers = await takeTurns(peers, Number(rounds), { name: 'read', ms: Number(roundMs) })
for (const peer of peers) await peer.end()
await memcached.stop()
const named = {
  name: 'getContent of 100 B, 64 at once',
  unit: 'µs of CPU',
  better: 'less',
  baseline: BASELINE,
}
const test = testOf(named, answers, cpuMicrosEach)
for (const { name, median, ratio } of test.results)
  console.log(name.padEnd(20), median, 'µs', ratio?.median ?? '')
writePart('watching', {
  title: 'What it costs to be watched',
  text: 'CPU of the process for a cached read, which is one call, one request and one counter. The second "nobody" is the same as the first, and shows what a difference of this size means. Spans are made and dropped, metrics are collected in memory.',
  command: 'pnpm --filter @larder/bench watching',
  tests: [test],
})
