import { MemoryStorage } from '@larder/storage-core'
import { EmbeddedCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { AtomStore, checkConfig, createPages, seed, startServer } from 'atom-store'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const OWN_CONFIG = fileURLToPath(new URL('../../atom-store.json', import.meta.url))

/** Instances with pages, each with a storage of its own over one database and one cache. */
export async function servePages(
  config: Readonly<Record<string, unknown>> = {},
  instances = 1,
): Promise<string[]> {
  const durable = new MemoryStorage()
  const cache = new EmbeddedCache()
  const own = JSON.parse(await readFile(OWN_CONFIG, 'utf8')) as object
  const checked = checkConfig({ ...own, ...config })
  const urls: string[] = []
  for (let i = 0; i < instances; i++) {
    const storage = new MemcacheStorage({ storage: durable, cache })
    const store = new AtomStore(storage, checked)
    if (i === 0) await seed(store)
    const pages = createPages({
      store,
      config: checked,
      statistics: { counters: () => storage.counters(), cache },
    })
    const server = await startServer({ store, config: checked, pages }, '127.0.0.1', 0)
    urls.push(server.url)
    onTestFinished(async () => {
      await server[Symbol.asyncDispose]()
      await storage.shutdown()
    })
  }
  return urls
}
