// What all parts of the bench share: servers, rows without going through the library, and numbers.
import { createPostgresDatabase, startMemcached, startPostgres } from '@larder/dev-servers'
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { createConnection } from 'node:net'
import { performance } from 'node:perf_hooks'
import pg from 'pg'

/** Two memcached servers and a PostgreSQL without settings of its own. */
export async function startServers() {
  const memcached = await Promise.all([1, 2].map(() => startMemcached({ args: ['-m', '512'] })))
  const postgres = await startPostgres()
  const database = await createPostgresDatabase(postgres.url)
  return {
    memcached: memcached.map(({ address }) => address),
    url: database.url,
    stop: () => Promise.all([...memcached, postgres].map((server) => server.stop())),
  }
}

/** What memcached says to one command. */
export async function tell(address, command) {
  const [host, port] = address.split(':')
  const socket = createConnection(Number(port), host)
  socket.write(`${command}\r\nquit\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk.toString()
  return text
}

export async function versionsOf({ memcached: [address], url }) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('SHOW server_version')
  await client.end()
  const [postgres] = rows[0].server_version.split(' ')
  const memcached = (await tell(address, 'version')).replace('VERSION', '').trim()
  return `Node ${process.version}, PostgreSQL ${postgres}, memcached ${memcached}`
}

/** A busy machine shall make a listing slow, and not miss it. */
const CLIENT = { timeoutMs: 30_000 }

/** A storage behind, and one in front of it, each with connections of its own. */
export async function openStorages({ memcached, url }, options = {}) {
  const durable = await SqlStorage.open({ url, orderByModified: true })
  return {
    durable,
    cached: new MemcacheStorage({ servers: memcached, client: CLIENT, storage: durable, ...options }),
  }
}

export async function closeStorages({ durable, cached }) {
  await cached.shutdown()
  await durable.shutdown()
}

/** Takes the head of a cached listing away, so that the next one builds. */
export async function dropHead({ memcached }, storage, collection) {
  const cache = new RemoteCache(memcached)
  await cache.delete(`${storage.info(collection).key}:l`)
  await cache.close()
}

/** Rows as the library writes them, in one statement: 27 characters a name, every tenth with another extension. */
export async function seed(url, collection, count) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('INSERT INTO larder_container (name) VALUES ($1) ON CONFLICT DO NOTHING', [collection])
  await client.query(
    `INSERT INTO larder_resource (container_id, name, ext, live, version, modified_us, content_version,
       content_modified_us, content_size, content)
     SELECT (SELECT id FROM larder_container WHERE name = $1),
       'entries/2026/' || lpad(i::text, 8, '0') || CASE WHEN i % 10 = 0 THEN '.xhtml' ELSE '.atom' END,
       CASE WHEN i % 10 = 0 THEN '.xhtml' ELSE '.atom' END,
       1, 1, 1790000000000000 + i, 1, 1790000000000000 + i, 2, 'ok'
     FROM generate_series(1, $2::int) AS i`,
    [collection, count],
  )
  await client.query('VACUUM ANALYZE larder_resource')
  await client.end()
}

/** How long it takes, in milliseconds. */
export async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export async function countOf(iterable) {
  let count = 0
  for await (const [name] of iterable) count += name === '' ? 0 : 1
  return count
}

export const medianOf = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** Ratios of pairs that were measured side by side, so that a busy moment of the machine falls on both. */
export function ratioOf(slow, fast) {
  const ratios = slow.map((time, i) => time / fast[i]).sort((a, b) => a - b)
  return { median: round(medianOf(ratios)), least: round(ratios[0]), most: round(ratios.at(-1)) }
}

export const round = (number, digits = 1) => Number(number.toFixed(digits))
