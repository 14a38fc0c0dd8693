import { MemoryStorage, type Storage } from '@larder/storage-core'
import { LimitedStorage, storageContract } from '@larder/storage-core/testing'
import { type FrontServer, startTwemproxy } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { type Cache, EmbeddedCache, RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { PATIENT } from '@larder/dev-servers/vitest'

/** How the storage behind is made; undefined: there is none. */
const behind: Readonly<Record<string, () => Storage | undefined>> = {
  'a storage with transactions': () => new MemoryStorage(),
  'a storage without transactions': () =>
    new LimitedStorage(new MemoryStorage(), ['transactions', 'journal']),
  nothing: () => undefined,
}

/** A cache, and another client of the same server. */
interface Clients {
  readonly first: Cache
  readonly second: Cache
}

const caches: Readonly<Record<string, () => Clients>> = {
  embedded: () => {
    const cache = new EmbeddedCache()
    return { first: cache, second: cache }
  },
  memcached: () => ({
    first: new RemoteCache(servers.memcached.servers, PATIENT),
    second: new RemoteCache(servers.memcached.servers, PATIENT),
  }),
  'memcached in classic text': () => ({
    first: new RemoteCache(servers.memcached.servers, { ...PATIENT, transport: 'text' }),
    second: new RemoteCache(servers.memcached.servers, { ...PATIENT, transport: 'text' }),
  }),
  twemproxy: () => ({
    first: new RemoteCache(twemproxy.address, PATIENT),
    second: new RemoteCache(twemproxy.address, PATIENT),
  }),
}

let twemproxy: FrontServer
beforeAll(async () => {
  twemproxy = await startTwemproxy(servers.memcached.servers.split(',').map(backendOf))
})
afterAll(() => twemproxy.stop())

function backendOf(address: string) {
  const [host = '', port] = address.split(':')
  return { host, port: Number(port) }
}

let opened = 0

for (const [where, connect] of Object.entries(caches)) {
  for (const [what, make] of Object.entries(behind)) {
    describe(`MemcacheStorage, ${where}, in front of ${what}`, () => {
      storageContract({
        describe,
        test,
        open: async () => {
          const { first, second } = connect()
          const storage = make()
          const keyPrefix = `contract-${process.pid}-${++opened}:`
          return {
            storage: new MemcacheStorage({ cache: first, storage, keyPrefix }),
            reopen: async () => new MemcacheStorage({ cache: second, storage, keyPrefix }),
            close: async () => {
              await Promise.all([first.close(), second.close()])
            },
          }
        },
      })
    })
  }
}
