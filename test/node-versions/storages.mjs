// Run by `node --test`, of each version of Node that the packages are for; see test/system/node-versions.test.ts.
import { MemoryStorage } from '@larder/storage-core'
import { storageContract } from '@larder/storage-core/testing'
import { EmbeddedCache, RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'

const caches = {
  'an embedded cache': () => new EmbeddedCache(),
  memcached: () => new RemoteCache(process.env.MEMCACHE_SERVERS, { timeoutMs: 10_000 }),
}

for (const [name, create] of Object.entries(caches)) {
  describe(`a storage behind ${name}`, () => {
    storageContract({
      describe,
      test,
      open: async () => {
        const cache = create()
        const storage = new MemcacheStorage({
          cache,
          storage: new MemoryStorage(),
          keyPrefix: `${randomUUID()}:`,
        })
        return { storage, close: () => cache.close() }
      },
    })
  })
}

test('the packages can be required', async () => {
  const require = createRequire(import.meta.url)
  for (const name of [
    '@larder/storage-core',
    '@larder/memcached',
    '@larder/storage-memcache',
    '@larder/storage-sql',
  ]) {
    assert.equal(require(name), await import(name))
  }
})
