import { servers } from '@larder/dev-servers/vitest'
import { storageContract } from '@larder/storage-core/testing'
import { type Cache, EmbeddedCache, RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { DATABASES, type Place } from './databases.js'
import { PATIENT } from '@larder/dev-servers/vitest'

/** The caches of two processes. */
interface Clients {
  readonly first: Cache
  readonly second: Cache
}

const caches: Readonly<Record<string, () => Clients>> = {
  memcached: () => ({
    first: new RemoteCache(servers.memcached.servers, PATIENT),
    second: new RemoteCache(servers.memcached.servers, PATIENT),
  }),
  'the embedded cache': () => {
    const cache = new EmbeddedCache()
    return { first: cache, second: cache }
  },
}

let opened = 0

for (const [where, connect] of Object.entries(caches)) {
  for (const [database, create] of Object.entries(DATABASES)) {
    describe(`${where} in front of ${database}`, () => {
      let place: Place
      beforeAll(async () => {
        place = await create()
      })
      afterAll(() => place.drop())

      storageContract({
        describe,
        test,
        open: async () => {
          const { first, second } = connect()
          const keyPrefix = `system-${process.pid}-${++opened}:`
          const storages = [await SqlStorage.open({ url: place.url, orderByModified: true })]
          return {
            storage: new MemcacheStorage({ cache: first, storage: storages[0], keyPrefix }),
            reopen: async () => {
              const storage = await SqlStorage.open({ url: place.url, orderByModified: true })
              storages.push(storage)
              return new MemcacheStorage({ cache: second, storage, keyPrefix })
            },
            close: async () => {
              for (const storage of storages) await storage.shutdown()
              await Promise.all([first.close(), second.close()])
            },
          }
        },
      })
    })
  }
}
