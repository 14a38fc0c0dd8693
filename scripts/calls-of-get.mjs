// Prints what runs between `client.get` and the write to the socket: the length of the chain of calls that leads
// there, by stack traces, and all calls, helpers included, by V8's own counts.
import { Session } from 'node:inspector'
import net from 'node:net'
import { startMemcached } from '@larder/dev-servers'
import { MemcacheClient, RemoteCache } from '@larder/memcached'

const OURS = /\/packages\/[^/]+\/dist\/[^:]*/

const memcached = await startMemcached()
const cache = new RemoteCache(memcached.address)
const client = new MemcacheClient({ cache })
await client.get('warm')

const session = new Session()
session.connect()
/** @param {string} method @param {object} [parameters] */
function ask(method, parameters) {
  /** @type {any} */
  let answer
  // An in-process session answers before `post` returns.
  session.post(method, parameters, (_, result) => (answer = result))
  return answer
}

ask('Profiler.enable')
ask('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
await client.get('first')
/** @type {any} */
let coverage
const { write } = net.Socket.prototype
net.Socket.prototype.write = function (...args) {
  coverage ??= ask('Profiler.takePreciseCoverage')
  return Reflect.apply(write, this, args)
}
ask('Profiler.takePreciseCoverage')
await client.get('second')
net.Socket.prototype.write = write

const files = coverage.result.filter(({ url }) => OURS.test(url))
const countsOf = ({ functions }) => functions.map(({ ranges: [whole] }) => whole.count)
const calls = files.flatMap(countsOf).reduce((sum, count) => sum + count, 0)
const used = files.filter((file) => countsOf(file).some((count) => count > 0))

/** @param {string} name The method whose callers are recorded. @param {any} owner */
async function callersOf(owner, name) {
  const own = owner[name]
  /** @type {string[]} */
  let frames = []
  owner[name] = function (...args) {
    if (frames.length === 0) frames = String(new Error('trace').stack).split('\n')
    return Reflect.apply(own, this, args)
  }
  await client.get('traced')
  owner[name] = own
  return frames.filter((frame) => OURS.test(frame))
}

// The command waits for the end of the turn of the event loop: one chain leads there, another from there to the socket.
Error.stackTraceLimit = Infinity
const chain = [
  ...(await callersOf(globalThis, 'setImmediate')),
  ...(await callersOf(net.Socket.prototype, 'write')),
]
const homes = new Set(chain.map((frame) => OURS.exec(frame)?.[0]))
console.log(
  `a chain of ${chain.length} calls in ${homes.size} files; ${calls} calls in ${used.length} files with helpers`,
)
await cache.close()
await memcached.stop()
