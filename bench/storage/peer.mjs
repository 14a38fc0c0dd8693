// One contender in a process of its own: NAME and, as JSON, `{ url, servers }`.
import { Buffer } from 'node:buffer'
import { during, serve } from '../lib/rounds.mjs'
import { inParallel } from '../memcache/workload.mjs'
import { CONTENDERS } from './contenders.mjs'

const BATCH = 100
const PREPARE_WIDTH = 16
const [, , name, target] = process.argv
const contender = await CONTENDERS[name](JSON.parse(target))

function workOf({ test, bytes, count, width, roundMs }) {
  const content = Buffer.alloc(bytes, 'x')
  const addresses = Array.from({ length: count }, (_, i) => contender.at(`${bytes}/${i}`))
  const one = (i) => addresses[i % count]
  switch (test) {
    case 'prepare':
      return () => inParallel(count, PREPARE_WIDTH, (i) => contender.prepare(one(i), content))
    case 'read':
      return () => during(roundMs, width, (i) => contender.read(one(i)))
    case 'readMany': {
      const part = (i) => Array.from({ length: BATCH }, (_, j) => one(i * BATCH + j))
      return async () => BATCH * (await during(roundMs, width, (i) => contender.readMany(part(i))))
    }
    default:
      return contender.write && (() => during(roundMs, width, (i) => contender.write(one(i), content)))
  }
}

serve(workOf)
