// Listings at 100,000 and 1,000,000 members: `pnpm --filter @larder/bench listing`.
import { startServers, seed, timed, round } from './setting.mjs'
import { measureReads } from './reads.mjs'

const servers = await startServers()
try {
  const { openStorages, closeStorages } = await import('./setting.mjs')
  await closeStorages(await openStorages(servers))
  for (const count of [100_000]) {
    console.log('seed', count, round(await timed(() => seed(servers.url, `c${count}`, count))))
    console.log(JSON.stringify(await measureReads(servers, `c${count}`, count, 7), undefined, 1))
  }
} finally {
  await servers.stop()
}
process.exit()
