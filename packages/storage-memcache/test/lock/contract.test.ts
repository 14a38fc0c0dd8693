import { servers } from '@larder/dev-servers/vitest'
import { MemoryStorage } from '@larder/storage-core'
import { lockContract } from '@larder/storage-core/testing'
import { type Cache, EmbeddedCache, RemoteCache } from '@larder/memcached'
import { MemcacheLock } from '@larder/storage-memcache'
import { describe, test } from 'vitest'
import { PATIENT } from '@larder/dev-servers/vitest'
import { forgetful, type ForgetfulCache } from './forgetful-cache.js'

const caches: Readonly<Record<string, () => () => Cache>> = {
  embedded: () => {
    const cache = new EmbeddedCache()
    return () => cache.clone()
  },
  memcached: () => () => new RemoteCache(servers.memcached.servers, PATIENT),
}

let opened = 0

for (const [where, connect] of Object.entries(caches)) {
  for (const fencing of [true, false]) {
    describe(`MemcacheLock, ${where}, ${fencing ? 'with' : 'without'} fencing`, () => {
      lockContract({
        describe,
        test,
        open: async () => {
          const client = connect()
          const storage = fencing ? new MemoryStorage() : undefined
          const keyPrefix = `lock-${process.pid}-${++opened}:`
          const clients: ForgetfulCache[] = []
          const open = (): MemcacheLock => {
            const cache = forgetful(client())
            clients.push(cache)
            return new MemcacheLock({ cache: cache.cache, storage, keyPrefix })
          }
          return {
            lock: open(),
            another: async () => open(),
            fencing,
            forget: async () => {
              await Promise.all(clients.map((each) => each.forget()))
            },
            close: async () => {
              await Promise.all(clients.map(({ cache }) => cache.close()))
            },
          }
        },
      })
    })
  }
}
