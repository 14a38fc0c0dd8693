// How long a listing takes to be built, alone and while another process creates and removes all the time.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { closeStorages, countOf, dropHead, medianOf, openStorages, round, timed } from './setting.mjs'

const WRITERS = fileURLToPath(new URL('writers.mjs', import.meta.url))

async function buildTimes(storages, servers, collection, rounds) {
  const { cached } = storages
  const times = []
  let again = 0
  for (let i = 0; i < rounds; i++) {
    await dropHead(servers, cached, collection)
    times.push(await timed(() => countOf(cached.ils(collection))))
    // Whether the set stands: the next listing does not ask the database.
    const { durableListings } = cached.counters()
    await cached.ils(collection)[Symbol.asyncIterator]().next()
    again += cached.counters().durableListings - durableListings
  }
  return {
    medianMs: round(medianOf(times)),
    mostMs: round(Math.max(...times)),
    setsThatDidNotStand: again,
    rounds,
  }
}

export async function measureBuilds(servers, collection, rounds) {
  const storages = await openStorages(servers)
  try {
    const alone = await buildTimes(storages, servers, collection, rounds)
    const child = fork(WRITERS, [JSON.stringify({ servers, collection })])
    await once(child, 'message')
    const [underWriters, seconds] = await withSeconds(() => buildTimes(storages, servers, collection, rounds))
    child.send('end')
    const [{ written }] = await once(child, 'message')
    await once(child, 'exit')
    return { alone, underWriters: { ...underWriters, writesASecond: round(written / seconds, 0) } }
  } finally {
    await closeStorages(storages)
  }
}

async function withSeconds(work) {
  let result
  const ms = await timed(async () => (result = await work()))
  return [result, ms / 1000]
}
