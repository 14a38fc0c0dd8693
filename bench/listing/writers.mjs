// A process that creates and removes members of a collection until it is told to end.
import { once } from 'node:events'
import { closeStorages, openStorages } from './setting.mjs'

const AT_ONCE = 8
const { servers, collection } = JSON.parse(process.argv[2])
const storages = await openStorages(servers)
const { cached } = storages
let written = 0
let isOver = false

async function write(worker) {
  for (let i = 0; !isOver; i++) {
    const info = cached.info(collection, `zz/${worker}/${i % 50}`)
    await cached.putContent(info, 'ok')
    if (i % 2 === 1) await cached.remove(info)
    written += 1 + (i % 2)
  }
}

const workers = Array.from({ length: AT_ONCE }, (_, i) => write(i))
process.send('begun')
await once(process, 'message')
isOver = true
await Promise.all(workers)
await closeStorages(storages)
process.send({ written })
process.disconnect()
