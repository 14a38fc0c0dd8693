// One contender in a process of its own: NAME and, as JSON, `{ url, servers }`.
import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import { serve } from '../lib/rounds.mjs'
import { inParallel } from '../memcache/workload.mjs'
import { CONTENDERS } from './contenders.mjs'

const BATCH = 100
const PREPARE_WIDTH = 16
const [, , name, target] = process.argv
const contender = await CONTENDERS[name](JSON.parse(target))

/** `width` workers for so many milliseconds; resolves to how often `work` was done. */
async function during(ms, width, work) {
  const end = performance.now() + ms
  let done = 0
  const worker = async () => {
    while (performance.now() < end) await work(done++)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return done
}

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
