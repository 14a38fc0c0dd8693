// Run by `node --test`, of each version of Node that the packages are for; see test/system/node-versions.test.ts.
import { MemcacheClient, RemoteCache } from '@larder/memcached'
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const hasZstd = major > 22 || (major === 22 && minor >= 15)

for (const transport of ['meta', 'binary']) {
  describe(`a client over ${transport}`, () => {
    const cache = new RemoteCache(process.env.MEMCACHE_SERVERS, { transport, timeoutMs: 10_000 })
    const prefix = `${randomUUID()}:`
    const client = new MemcacheClient({ cache, keyPrefix: prefix })
    after(() => cache.close())

    test('every type comes back as it went in', async () => {
      const values = [
        'text ä',
        '',
        42,
        -0,
        1.5,
        2n ** 70n,
        true,
        null,
        { a: [1, null] },
        Buffer.from([0, 255]),
      ]
      const entries = values.map((value, i) => [`value-${i}`, value])
      assert.equal((await client.setMulti(entries)).failed.size, 0)
      const found = await client.getMulti(entries.map(([key]) => key))
      assert.deepEqual([...found.values], entries)
    })

    test('compression', async () => {
      const text = 'x'.repeat(10_000)
      for (const algorithm of ['zlib', 'brotli', 'zstd']) {
        const create = () =>
          new MemcacheClient({ cache, keyPrefix: prefix, compression: { algorithm, minBytes: 100 } })
        if (algorithm === 'zstd' && !hasZstd) {
          assert.throws(create, /22\.15/)
          continue
        }
        for (const level of [1, 9]) {
          const packing = new MemcacheClient({
            cache,
            keyPrefix: prefix,
            compression: { algorithm, minBytes: 100, level },
          })
          await packing.set(algorithm, text)
          assert.ok((await cache.get(prefix + algorithm)).value.length < 200)
          assert.equal(await client.get(algorithm), text)
        }
        await create().set(algorithm, text)
        assert.equal(await client.get(algorithm), text)
      }
    })

    test('counters, tokens, locks, namespaces', async () => {
      assert.equal(await client.incr('n', 2, { initial: 2n ** 40n }), 2 ** 40 + 2)
      const { cas } = await client.gets('n')
      assert.equal(await client.cas('n', 1, cas), true)
      assert.equal(await client.cas('n', 2, cas), false)
      assert.equal(await client.delete('n', { lockMs: 60_000 }), true)
      assert.equal(await client.add('n', 1), false)
      const space = client.namespace('space')
      await space.set('k', 1)
      await space.flush()
      assert.equal(await space.get('k'), undefined)
    })

    test('errors and aborts', async () => {
      await assert.rejects(client.get('a b'), RangeError)
      await assert.rejects(client.get('k', { signal: AbortSignal.abort() }), { code: 'E_ABORTED' })
      const nowhere = new MemcacheClient({ servers: '127.0.0.1:1', transport })
      await assert.rejects(nowhere.get('k'), { code: 'E_CACHE_UNAVAILABLE' })
      await nowhere.close()
    })
  })
}
