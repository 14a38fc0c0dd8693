// What it costs to add a member to a cached listing, by the listing's size.
import { closeStorages, countOf, medianOf, openStorages, round, tell, timed } from './setting.mjs'

const PUTS = 100
const COMMANDS = ['cmd_get', 'cmd_set', 'cmd_touch', 'cmd_meta', 'bytes_read', 'bytes_written']

async function statsOf(address) {
  const text = await tell(address, 'stats')
  return Object.fromEntries(
    [...text.matchAll(/STAT (\S+) (\d+)\r\n/g)].map(([, name, n]) => [name, Number(n)]),
  )
}

async function totals(servers) {
  const all = await Promise.all(servers.memcached.map(statsOf))
  return COMMANDS.map((name) => all.reduce((sum, stats) => sum + (stats[name] ?? 0), 0))
}

/** Rounds over all sizes, one after the other; each adds members one by one. */
export async function measureAdds(servers, collections, rounds) {
  const { durable, cached } = await openStorages(servers)
  const taken = new Map(collections.map(({ count }) => [count, { ms: [], totals: [] }]))
  try {
    for (const { collection } of collections) await countOf(cached.ils(collection))
    for (let i = 0; i <= rounds; i++) {
      for (const { collection, count } of collections) {
        const before = await totals(servers)
        const ms = await timed(async () => {
          for (let n = 0; n < PUTS; n++)
            await cached.putContent(cached.info(collection, `added/${i}/${n}.atom`), 'ok')
        })
        const after = await totals(servers)
        if (i === 0) continue
        taken.get(count).ms.push(ms / PUTS)
        taken.get(count).totals.push(after.map((total, at) => (total - before[at]) / PUTS))
      }
    }
    for (const { collection } of collections) {
      const asked = cached.counters().durableListings
      await countOf(cached.ils(collection))
      if (cached.counters().durableListings > asked) throw new Error(`${collection} was read anew`)
    }
  } finally {
    await closeStorages({ durable, cached })
  }
  return Object.fromEntries(
    Array.from(taken, ([count, { ms, totals: all }]) => {
      const perPut = COMMANDS.map((name, at) => [name, round(medianOf(all.map((row) => row[at])))])
      return [
        count,
        { msPerPut: round(medianOf(ms), 2), least: round(Math.min(...ms), 2), ...Object.fromEntries(perPut) },
      ]
    }),
  )
}
