// One client in a process of its own: NAME ADDRESS. Each message is a test, the answer its milliseconds and the CPU
// time of this process in microseconds; null where the client cannot.
import { performance } from 'node:perf_hooks'
import { CLIENTS } from './clients.mjs'
import { workOf } from './workload.mjs'

const [, , name, address] = process.argv
const client = await CLIENTS[name].open(address)
process.on('message', async (test) => {
  const work = workOf(client, test)
  if (work === undefined) return process.send(null)
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  process.send({ ms, cpuMicros: user + system })
})
process.on('disconnect', () => process.exit())
process.send('ready')
