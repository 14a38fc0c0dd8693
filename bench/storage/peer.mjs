// One contender in a process of its own: NAME and, as JSON, `{ url, servers }`.
import { Buffer } from 'node:buffer'
import { during, serve } from '../lib/rounds.mjs'
import { inParallel } from '../memcache/workload.mjs'
import { CONTENDERS } from './contenders.mjs'

const BATCH = 100
const PREPARE_WIDTH = 16
const [, , name, target] = process.argv
let writes = 0
const contender = await CONTENDERS[name](JSON.parse(target))

function workOf({ test, bytes, count, width, roundMs }) {
  // A write of the bytes that are there leaves SQLite little to write. Three: no count of addresses is a multiple of it.
  const contents = ['x', 'y', 'z'].map((each) => Buffer.alloc(bytes, each))
  const addresses = Array.from({ length: count }, (_, i) => contender.at(`${bytes}/${i}`))
  const one = (i) => addresses[i % count]
  switch (test) {
    case 'prepare':
      return () => inParallel(count, PREPARE_WIDTH, (i) => contender.prepare(one(i), contents[0]))
    case 'read':
      return () => during(roundMs, width, (i) => contender.read(one(i)))
    case 'readMany': {
      const part = (i) => Array.from({ length: BATCH }, (_, j) => one(i * BATCH + j))
      return async () => BATCH * (await during(roundMs, width, (i) => contender.readMany(part(i))))
    }
    default:
      return (
        contender.write &&
        (() => during(roundMs, width, (i) => contender.write(one(i), contents[writes++ % 3])))
      )
  }
}

serve(workOf)
