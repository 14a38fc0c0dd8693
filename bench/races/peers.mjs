// How each library is told of a read and of a write, as its documentation shows it. Versions: ../package.json.
import { createCache as dedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { cachified } from '@epic-web/cachified'
import { Cacheable } from 'cacheable'
import { createCache } from 'cache-manager'
import { Redis } from 'ioredis'
import Keyv from 'keyv'
import { KeyvMemcache } from '@keyv/memcache'
import { Loader } from 'layered-loader'
import { RedisCache } from 'layered-loader/redis'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
import { packageVersion } from '../lib/versions.mjs'
import { openTypeorm } from './typeorm.mjs'

const TTL_MS = 600_000

/** A cache that readers fill and that writers tell after their commit. */
function told({ stage, read, remove, set, close }) {
  return {
    read,
    close,
    async write(value) {
      await stage.commit(value)
      await (stage.tells === 'delete' ? remove() : set(value))
    },
  }
}

/** Clients of memcached keep their socket to themselves: the process ends with all of them. */
const keyv = ({ servers }) => new Keyv({ store: new KeyvMemcache(servers.memcached) })
const redis = ({ servers }) => new Redis(servers.redis)

const saveFilm = (stage, content) => stage.films.save({ id: stage.key, content })

export const peers = [
  {
    name: 'Larder',
    version: packageVersion('@larder/storage-memcache'),
    backend: 'memcached',
    tells: ['delete', 'set'],
    open: async ({ servers, durable, key }) => {
      const storage = new MemcacheStorage({ servers: servers.memcached, storage: durable })
      const info = storage.info('films', key)
      return {
        read: async () => (await storage.getContent(info)).bytes.toString(),
        write: (value) => storage.putContent(info, value),
        close: () => storage.shutdown(),
      }
    },
  },
  {
    name: 'Larder, QueryCache',
    version: packageVersion('@larder/storage-memcache'),
    backend: 'memcached',
    tells: ['delete'],
    open: async (stage) => {
      const queries = new QueryCache({ servers: stage.servers.memcached, ttlMs: TTL_MS })
      return told({
        stage,
        read: () => queries.cached(stage.key, {}, () => stage.load()),
        remove: () => queries.invalidate(stage.key),
        close: () => queries.close(),
      })
    },
  },
  {
    name: 'Larder, as the query cache of TypeORM',
    version: packageVersion('@larder/storage-memcache'),
    backend: 'memcached',
    tells: ['delete'],
    open: (stage) => {
      const provider = () => new MemcacheQueryResultCache({ servers: stage.servers.memcached })
      return openTypeorm(stage, { provider })
    },
    commit: saveFilm,
  },
  {
    name: 'keyv, by hand',
    version: `${packageVersion('keyv')}, @keyv/memcache ${packageVersion('@keyv/memcache')}`,
    backend: 'memcached',
    tells: ['delete', 'set'],
    open: async (stage) => {
      const cache = keyv(stage)
      const read = async () => {
        const cached = await cache.get(stage.key)
        if (cached !== undefined) return cached
        const loaded = await stage.load()
        await cache.set(stage.key, loaded, TTL_MS)
        return loaded
      }
      const remove = () => cache.delete(stage.key)
      return told({ stage, read, remove, set: (value) => cache.set(stage.key, value, TTL_MS) })
    },
  },
  {
    name: 'cache-manager',
    version: packageVersion('cache-manager'),
    backend: 'memcached',
    tells: ['delete', 'set'],
    open: async (stage) => {
      const cache = createCache({ stores: [keyv(stage)], ttl: TTL_MS })
      return told({
        stage,
        read: () => cache.wrap(stage.key, () => stage.load()),
        remove: () => cache.del(stage.key),
        set: (value) => cache.set(stage.key, value),
      })
    },
  },
  {
    name: 'cacheable',
    version: packageVersion('cacheable'),
    backend: 'memcached',
    tells: ['delete', 'set'],
    open: async (stage) => {
      const cache = new Cacheable({ primary: keyv(stage), ttl: TTL_MS })
      return told({
        stage,
        read: () => cache.getOrSet(stage.key, () => stage.load()),
        remove: () => cache.delete(stage.key),
        set: (value) => cache.set(stage.key, value),
      })
    },
  },
  {
    name: '@epic-web/cachified',
    version: packageVersion('@epic-web/cachified'),
    backend: 'memcached',
    tells: ['delete', 'set'],
    open: async (stage) => {
      const store = keyv(stage)
      const cache = {
        get: (key) => store.get(key),
        set: (key, entry) => store.set(key, entry, TTL_MS),
        delete: (key) => store.delete(key),
      }
      const entryOf = (value) => ({ value, metadata: { ttl: TTL_MS, swr: 0, createdTime: Date.now() } })
      return told({
        stage,
        read: () => cachified({ cache, key: stage.key, ttl: TTL_MS, getFreshValue: () => stage.load() }),
        remove: () => cache.delete(stage.key),
        set: (value) => cache.set(stage.key, entryOf(value)),
      })
    },
  },
  {
    name: 'bentocache',
    version: packageVersion('bentocache'),
    backend: 'redis',
    tells: ['delete', 'set'],
    open: async (stage) => {
      const store = bentostore().useL2Layer(redisDriver({ connection: redis(stage) }))
      const cache = new BentoCache({ default: 'shared', stores: { shared: store } })
      return told({
        stage,
        read: () => cache.getOrSet({ key: stage.key, ttl: TTL_MS, factory: () => stage.load() }),
        remove: () => cache.delete({ key: stage.key }),
        set: (value) => cache.set({ key: stage.key, value, ttl: TTL_MS }),
        close: () => cache.disconnectAll(),
      })
    },
  },
  {
    name: 'async-cache-dedupe',
    version: packageVersion('async-cache-dedupe'),
    backend: 'redis',
    tells: ['delete'],
    open: async (stage) => {
      const client = redis(stage)
      const cache = dedupe({ ttl: TTL_MS / 1_000, storage: { type: 'redis', options: { client } } })
      cache.define('film', () => stage.load())
      return told({
        stage,
        read: () => cache.film(stage.key),
        remove: () => cache.clear('film', stage.key),
        close: () => client.quit(),
      })
    },
  },
  {
    name: 'layered-loader, async tier',
    version: packageVersion('layered-loader'),
    backend: 'redis',
    tells: ['delete', 'set'],
    open: async (stage) => {
      const client = redis(stage)
      const loader = new Loader({
        asyncCache: new RedisCache(client, { prefix: 'film', ttlInMsecs: TTL_MS }),
        dataSourceGetOneFn: () => stage.load(),
      })
      return told({
        stage,
        read: () => loader.get(stage.key),
        remove: () => loader.invalidateCacheFor(stage.key),
        set: (value) => loader.forceSetValue(stage.key, value),
        close: () => client.quit(),
      })
    },
  },
  {
    name: 'TypeORM, query cache',
    version: packageVersion('typeorm'),
    backend: 'a table',
    tells: ['delete'],
    open: (stage) => openTypeorm(stage, true),
    commit: saveFilm,
  },
]
