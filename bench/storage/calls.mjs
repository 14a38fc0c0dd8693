// Reads, batches and writes of one database, contender by contender.
import { fileURLToPath } from 'node:url'
import { microsEach, perSecond, startPeer, takeTurns, testOf } from '../lib/rounds.mjs'
import { CONTENDERS } from './contenders.mjs'

const SCRIPT = fileURLToPath(new URL('peer.mjs', import.meta.url))
const SIZES = [
  { label: '1 kB', bytes: 1024, count: 1000 },
  { label: '100 kB', bytes: 102_400, count: 100 },
]

/** What the tests are called, for those who look for one. */
export const nameOf = (database, call, label) => `${database}, ${call}, ${label}`
export const READ = 'getContent, 64 at once'
export const READ_MANY = 'getMany of 100 (parts)'
export const WRITES = [
  { call: 'putContent, one by one', width: 1 },
  { call: 'putContent, 64 at once', width: 64 },
]

/** One database's tests, as the report has them. */
export async function measureCalls(database, target, { rounds, roundMs }) {
  const args = (name) => [name, JSON.stringify(target)]
  const peers = []
  // One after another: the first one makes the tables.
  for (const name of Object.keys(CONTENDERS)) peers.push(await startPeer(name, SCRIPT, args(name)))
  const [bare, cached, sql] = peers
  const tests = []
  const compare = async (some, about, test) => {
    const answers = await takeTurns(some, rounds, { ...test, roundMs })
    tests.push(testOf(about, answers, about.unit === 'µs each' ? microsEach : perSecond))
  }
  try {
    for (const { label, bytes, count } of SIZES) {
      const test = { bytes, count }
      // Through the cache, so that it holds everything.
      for (const peer of [bare, cached]) await peer.run({ ...test, test: 'prepare' })
      const own = { unit: 'a second', better: 'more', baseline: 'bare client' }
      const name = (call) => nameOf(database, call, label)
      await compare(peers, { ...own, name: name(READ) }, { ...test, test: 'read', width: 64 })
      await compare(peers, { ...own, name: name(READ_MANY) }, { ...test, test: 'readMany', width: 1 })
    }
    for (const { label, bytes, count } of SIZES) {
      for (const { call, width } of WRITES) {
        const about = {
          name: nameOf(database, call, label),
          unit: 'µs each',
          better: 'less',
          baseline: 'SqlStorage',
        }
        await compare([sql, cached], about, { test: 'write', bytes, count, width })
      }
    }
  } finally {
    for (const peer of peers) await peer.end()
  }
  return tests
}
