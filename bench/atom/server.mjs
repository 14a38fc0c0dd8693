// One instance of the Atom store, in a process of its own: its storage and, as JSON, `{ url, servers }`. Fills an empty
// database with so many entries first, where it is told to.
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { AtomStore, checkConfig, startServer } from 'atom-store'
import { inParallel } from '../memcache/workload.mjs'

const PATIENT = { timeoutMs: 30_000, connectTimeoutMs: 30_000 }
const FILL_WIDTH = 32
const ENTRY = 'application/atom+xml;type=entry'
const [, , withCache, target] = process.argv
const { url, servers } = JSON.parse(target)

const durable = await SqlStorage.open({
  ...{ url, orderByModified: true },
  ...{ connectTimeoutMs: 30_000, statementTimeoutMs: 30_000 },
})
const storage =
  withCache === 'yes' ? new MemcacheStorage({ servers, storage: durable, client: PATIENT }) : durable
const collections = ['few', 'many'].map((name) => ({ name, title: name }))
const config = checkConfig({ workspaces: [{ title: 'Bench', collections }] })
const server = await startServer({ store: new AtomStore(storage, config), config }, '127.0.0.1', 0)

function entryXml(i) {
  const text = `Entry ${i}. `.repeat(80)
  return `<entry xmlns="http://www.w3.org/2005/Atom"><title>Entry ${i}</title><category term="bench"/><content>${text}</content></entry>`
}

async function post(collection, i) {
  const headers = { 'Content-Type': ENTRY, Slug: `entry-${i}` }
  const response = await globalThis.fetch(`${server.url}/${collection}`, {
    method: 'POST',
    headers,
    body: entryXml(i),
  })
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`)
  await response.arrayBuffer()
}

process.on('message', async ({ fill }) => {
  for (const [collection, count] of Object.entries(fill))
    await inParallel(count, FILL_WIDTH, (i) => post(collection, i))
  process.send({ filled: true })
})
process.on('disconnect', () => process.exit())
process.send({ url: server.url })
