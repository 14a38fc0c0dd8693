// Listings at 100,000 and 1,000,000 members: `pnpm --filter @larder/bench listing`. Writes results/listing.json and .md.
import { cpus } from 'node:os'
import { write } from '../lib/results.mjs'
import { measureAdds } from './adds.mjs'
import { measureBuilds } from './builds.mjs'
import { measureMemory } from './memory.mjs'
import { measureReads } from './reads.mjs'
import { describe } from './report.mjs'
import { closeStorages, openStorages, seed, startServers, versionsOf } from './setting.mjs'

const ROUNDS = Number(process.env['ROUNDS'] ?? 9)
const COUNTS = (process.env['COUNTS'] ?? '100,10000,100000,1000000').split(',').map(Number)
const largest = Math.max(...COUNTS)
const collections = COUNTS.map((count) => ({ count, collection: `c${count}` }))
const servers = await startServers()
const results = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} cores, ${cpus()[0].model.trim()}`,
  versions: await versionsOf(servers),
  rounds: ROUNDS,
  reads: {},
  builds: {},
}
const note = (what, found) => {
  console.log(what, JSON.stringify(found, undefined, 1))
  return found
}

try {
  await closeStorages(await openStorages(servers))
  for (const { count, collection } of collections) await seed(servers.url, collection, count)
  for (const { count, collection } of collections.slice(-2)) {
    const rounds = count >= 1_000_000 ? Math.ceil(ROUNDS / 3) : ROUNDS
    results.reads[count] = note(`reads ${count}`, await measureReads(servers, collection, count, rounds))
  }
  results.memory = note(`memory ${largest}`, await measureMemory(servers, `c${largest}`))
  results.adds = note('adds', await measureAdds(servers, collections, ROUNDS))
  for (const { count, collection } of collections.slice(-2)) {
    results.builds[count] = note(`builds ${count}`, await measureBuilds(servers, collection, 3))
  }
} finally {
  await servers.stop()
}

write('listing.json', `${JSON.stringify(results, undefined, 2)}\n`)
write('listing.md', describe(results))
process.exit()
