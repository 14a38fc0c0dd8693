// What the next read returns after a race, library by library: `npx pnpm@12 races`. Real servers, and
// gates instead of luck. Writes results/races.md and .json; fails if Larder ever serves the past.
import { startMemcached } from '@larder/dev-servers'
import { setTimeout } from 'node:timers'
import { write } from '../lib/results.mjs'
import { peers } from './peers.mjs'
import { plays } from './plays.mjs'
import { startRedis } from '../lib/redis.mjs'
import { Stage } from './stage.mjs'

const PLAY_LIMIT_MS = 20_000

async function playOne(peer, { tells, play }, servers) {
  if (!peer.tells.includes(tells)) return '-'
  if (servers[peer.backend] === undefined && peer.backend !== 'a table') return 'no server'
  const stage = await Stage.open(peer, tells, servers)
  const late = new Promise((resolve) => setTimeout(resolve, PLAY_LIMIT_MS, 'hangs').unref())
  try {
    return await Promise.race([play(stage), late])
  } catch (error) {
    return `fails: ${error.message}`
  } finally {
    await stage.close()
  }
}

const memcached = await startMemcached()
const redis = await startRedis()
const servers = { memcached: memcached.address, redis: redis?.url }
const rows = []
for (const peer of peers) {
  const row = { library: peer.name, version: peer.version, backend: peer.backend, served: {} }
  for (const play of plays) row.served[play.name] = await playOne(peer, play, servers)
  rows.push(row)
  console.log(peer.name, Object.values(row.served).join(' | '))
}
await memcached.stop()
await redis?.stop()

const names = plays.map(({ name }) => name)
const line = (cells) => `| ${cells.join(' | ')} |\n`
const markdown =
  `# What the next read returns\n\n` +
  `A reader reads "old" from the database; a writer commits "new" and tells the cache; only then the reader stores ` +
  `what it has read. In the last column, two writers commit and tell the cache in the wrong order. "new" is right. ` +
  `The first two columns show that each library is used as it should be: what was cached is seen to change. Each play stops at gates and leaves nothing to luck; a "-" stands where a library has no such call. ` +
  `The writers of Larder's storage do not choose between deleting and setting.\n\n` +
  line(['library', 'cache', ...names]) +
  line(['---', '---', ...names.map(() => '---')]) +
  rows
    .map(({ library, version, backend, served }) => {
      const cells = names.map((name) => (served[name] === 'old' ? '**old**' : served[name]))
      return line([`${library} ${version}`.trim(), backend, ...cells])
    })
    .join('') +
  `\nNode ${process.version}. \`npx pnpm@12 races\` plays it again.\n`
write('races.md', markdown)
write('races.json', `${JSON.stringify({ node: process.version, rows }, undefined, 2)}\n`)
console.log(markdown)
const ours = rows.filter(({ library }) => library.startsWith('Larder'))
const isRight = ours.every(({ served }) =>
  Object.values(served).every((read) => read === 'new' || read === '-'),
)
process.exit(isRight ? 0 : 1)
