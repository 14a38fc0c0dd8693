// One function for each contender: `open` resolves to a function that answers the query for one of its keys.
import { KeyvMemcache as PublishedKeyvMemcache } from '@keyv/memcache'
import { MemcacheClient } from '@larder/memcached'
import { QueryCache } from '@larder/storage-memcache'
import { KeyvMemcache } from '@larder/storage-memcache/keyv'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { createCache } from 'cache-manager'
import Keyv from 'keyv'
import pg from 'pg'

const TTL_MS = 3_600_000
/** As TypeORM and pg have it, unless told otherwise. */
const POOL_SIZE = 10
/** Nobody may fail because the machine is busy. */
const CLIENT = { timeoutMs: 30_000, connectTimeoutMs: 30_000 }
const SQL = 'SELECT film_id, title, rental_rate FROM film ORDER BY rental_rate DESC LIMIT 5'

export const UNCACHED = 'the query itself'
export const BARE = 'bare client.get'
export const CACHED = 'QueryCache'
export const TAGGED = 'QueryCache, with a tag'

export const CONTENDERS = {
  [UNCACHED]: async ({ url }) => newQuery(url),
  [BARE]: openBare,
  [CACHED]: (target) => openQueryCache(target, {}),
  [TAGGED]: (target) => openQueryCache(target, { tags: ['film'] }),
  'Keyv on Larder': ({ servers, url }) =>
    openKeyv(new KeyvMemcache({ servers, client: CLIENT, keyPrefix: 'larder:' }), newQuery(url)),
  'Keyv on @keyv/memcache': ({ servers, url }) => openKeyv(new PublishedKeyvMemcache(servers), newQuery(url)),
  'cache-manager on @keyv/memcache': openCacheManager,
  'bentocache on Redis': openBentocache,
}

/** Another process's contender asks for the same rows: what it reads is the same, byte for byte. */
function newQuery(url) {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE })
  return async () => (await pool.query(SQL)).rows
}

/** The same rows as a JSON value of the client's, without a query cache. */
async function openBare({ servers, url }) {
  const client = new MemcacheClient({ servers, ...CLIENT, keyPrefix: 'bare:' })
  const rows = await newQuery(url)()
  const stored = new Set()
  return async (key) => {
    if (!stored.has(key)) {
      await client.set(key, rows)
      stored.add(key)
    }
    return client.get(key)
  }
}

async function openQueryCache({ servers, url }, options) {
  const queries = new QueryCache({
    servers,
    client: CLIENT,
    keyPrefix: options.tags === undefined ? 'plain:' : 'tagged:',
  })
  const query = newQuery(url)
  return (key) => queries.cached(key, { ttlMs: TTL_MS, ...options }, query)
}

async function openKeyv(store, query) {
  const keyv = new Keyv({ store })
  keyv.on('error', throwIt)
  return async (key) => {
    const known = await keyv.get(key)
    if (known !== undefined) return known
    const rows = await query()
    await keyv.set(key, rows, TTL_MS)
    return rows
  }
}

async function openCacheManager({ servers, url }) {
  const keyv = new Keyv({ store: new PublishedKeyvMemcache(servers), namespace: 'cache-manager' })
  keyv.on('error', throwIt)
  const cache = createCache({ stores: [keyv] })
  const query = newQuery(url)
  return (key) => cache.wrap(key, query, TTL_MS)
}

async function openBentocache({ redis, url }) {
  if (redis === undefined) return undefined
  const { hostname: host, port } = new URL(redis)
  const store = bentostore().useL2Layer(redisDriver({ connection: { host, port: Number(port) } }))
  const cache = new BentoCache({ default: 'shared', stores: { shared: store } })
  const query = newQuery(url)
  return (key) => cache.getOrSet({ key, ttl: TTL_MS, factory: query })
}

function throwIt(error) {
  throw error
}
