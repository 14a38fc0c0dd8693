// The memory of a process that lists, at its highest: a child of its own for each way.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { closeStorages, dropHead, openStorages, round } from './setting.mjs'

const SELF = fileURLToPath(import.meta.url)
const EVERY = 10_000
const WAYS = ['ils, from the cache', 'ils, building', 'ils, from PostgreSQL', 'ls, from the cache']

export async function measureMemory(servers, collection) {
  const results = {}
  for (const way of WAYS) {
    const child = fork(SELF, [JSON.stringify({ servers, collection, way })], { execArgv: ['--expose-gc'] })
    const [message] = await once(child, 'message')
    await once(child, 'exit')
    results[way] = message
  }
  return results
}

async function list({ servers, collection, way }) {
  const storages = await openStorages(servers)
  const storage = way === 'ils, from PostgreSQL' ? storages.durable : storages.cached
  if (way === 'ils, building') await dropHead(servers, storage, collection)
  await storage.exists(storage.info(collection))
  globalThis.gc()
  const before = process.memoryUsage()
  const most = { heap: 0, bytes: 0, rss: 0 }
  const sample = (collect) => {
    if (collect) globalThis.gc()
    const now = process.memoryUsage()
    if (collect) most.heap = Math.max(most.heap, now.heapUsed - before.heapUsed)
    if (collect) most.bytes = Math.max(most.bytes, now.external - before.external)
    most.rss = Math.max(most.rss, now.rss - before.rss)
  }
  let names = 0
  if (way.startsWith('ls')) {
    const all = await storage.ls(collection)
    sample(true)
    names = all.size
  } else {
    for await (const [name] of storage.ils(collection)) {
      if (name !== '' && ++names % EVERY === 0) sample(names % (10 * EVERY) === 0)
    }
  }
  const megabytes = (bytes) => round(bytes / 2 ** 20)
  process.send({
    names,
    heapMiB: megabytes(most.heap),
    buffersMiB: megabytes(most.bytes),
    rssMiB: megabytes(most.rss),
  })
  await closeStorages(storages)
}

if (process.argv[1] === SELF) {
  await list(JSON.parse(process.argv[2]))
  process.disconnect()
}
