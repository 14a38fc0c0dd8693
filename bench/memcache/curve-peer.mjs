// One client in a process of its own: NAME ADDRESS. Each test is so many workers that get, for so many milliseconds.
import { performance } from 'node:perf_hooks'
import { during, serve } from '../lib/rounds.mjs'
import { CLIENTS } from './clients.mjs'
import { keysOf, KEYS } from './workload.mjs'

const [, , name, address] = process.argv
const client = await CLIENTS[name].open(address)
const keys = keysOf(100)
/** One in so many gets is timed, so that the clock costs little. */
const TIMED = 8

serve(({ width, ms }) => async () => {
  const micros = []
  const operations = await during(ms, width, async (i) => {
    if (i % TIMED !== 0) return client.get(keys[i % KEYS])
    const start = performance.now()
    await client.get(keys[i % KEYS])
    micros.push((performance.now() - start) * 1000)
  })
  micros.sort((a, b) => a - b)
  const at = (share) => micros[Math.floor((micros.length - 1) * share)]
  return { operations, p50: at(0.5), p99: at(0.99) }
})
