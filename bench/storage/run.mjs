// The storage's own figures: `pnpm --filter @larder/bench storage`. Cached reads against the bare client and against the
// database, batches, writes, an import, and memory while a large content streams through. Writes results/storage.json.
import { startMemcached } from '@larder/dev-servers'
import { parseArgs } from 'node:util'
import { versionOf, writePart } from '../lib/results.mjs'
import { packageVersion } from '../lib/versions.mjs'
import { measureCalls } from './calls.mjs'
import { DATABASES, startDatabase } from './databases.mjs'
import { measureImport } from './import.mjs'
import { measureStreams } from './streams.mjs'
import { targetsOf } from './targets.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'round-ms': { type: 'string', default: '700' },
    files: { type: 'string', default: '10000' },
    'stream-mb': { type: 'string', default: '500' },
    databases: { type: 'string', default: DATABASES.join(',') },
  },
})
const rounds = Number(values.rounds)
const roundMs = Number(values['round-ms'])
const tests = []
const plots = []
const streams = []
const note = (found) => {
  for (const test of [found].flat()) {
    const results = test.results.map(({ name, median, ratio }) => `${name} ${median} (${ratio?.median})`)
    console.log(`${test.name}, ${test.unit}: ${results.join(', ')}`)
    tests.push(test)
  }
}

for (const name of values.databases.split(',')) {
  const memcached = await startMemcached({ args: ['-m', '512'] })
  const database = await startDatabase(name)
  const target = { url: database.url, servers: memcached.address }
  try {
    note(await measureCalls(name, target, { rounds, roundMs }))
    note(await measureImport(name, target, { rounds: Math.min(2, rounds), files: Number(values.files) }))
    const stream = await measureStreams(name, target, Number(values['stream-mb']))
    console.log(stream.ways.map(({ way, text }) => `${name}, ${way}: ${text}`).join('\n'))
    streams.push(...stream.ways)
    plots.push(stream.plot)
  } finally {
    await database.stop()
    await memcached.stop()
  }
}

writePart('storage', {
  title: 'The storage: cached reads, writes, an import, streams',
  command: 'pnpm --filter @larder/bench storage',
  text: `Medians of ${rounds} interleaved rounds of ${roundMs} ms, one memcached server, databases that wait for the disk, as they do by default. The bare client is RemoteCache.get of the same bytes. A write changes one of a thousand resources; through MemcacheStorage it also puts the new value into the cache, and its journal row is dropped later. An import stores ${values.files} files of 0.5 to 16 kB with their metadata, 16 at once.`,
  versions: {
    memcached: versionOf('memcached')?.replace('memcached ', ''),
    PostgreSQL: versionOf('psql')?.replace(/^psql \(PostgreSQL\) /, ''),
    MariaDB: versionOf('mariadbd')?.replace(/^.*Ver /, ''),
    'better-sqlite3': packageVersion('better-sqlite3'),
    TypeORM: packageVersion('typeorm'),
  },
  tests,
  plots,
  targets: [...targetsOf(tests), ...streams.map(({ target }) => target)],
})
