// One content, made as it is asked for, through a MemcacheStorage: in|out, `{ url, servers }` as JSON, megabytes.
// Answers with the resident memory in MiB at each of a hundred steps, and fails where a byte is not what it was.
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { openCached, openSql } from './contenders.mjs'

const CHUNK = 64 * 1024
const MB = 1_000_000
const MIB = 1024 * 1024
const [, , way, target, megabytes] = process.argv
const total = Number(megabytes) * MB
const { url, servers } = JSON.parse(target)
const storage = openCached(servers, await openSql(url))
const info = storage.info('streams', 'large')
const samples = []

/** No two chunks are alike. */
function* chunks() {
  for (let at = 0; at < total; at += CHUNK) {
    const chunk = Buffer.alloc(Math.min(CHUNK, total - at), 0x61 + ((at / CHUNK) % 26))
    chunk.writeUInt32BE(at / CHUNK)
    yield chunk
  }
}

async function* watched(source) {
  let seen = 0
  let due = 0
  for await (const chunk of source) {
    yield chunk
    seen += chunk.length
    if (seen < due) continue
    due += total / 100
    samples.push([Math.round(seen / MB), Number((process.memoryUsage().rss / MIB).toFixed(1))])
  }
}

const hash = createHash('sha256')
const expected = createHash('sha256')
globalThis.gc()
const start = performance.now()
if (way === 'in') await storage.putContent(info, watched(chunks()))
else {
  const { stream } = await storage.openContent(info)
  for await (const chunk of watched(stream)) hash.update(chunk)
}
const ms = performance.now() - start
if (way === 'out') {
  for (const chunk of chunks()) expected.update(chunk)
  assert.equal(hash.digest('hex'), expected.digest('hex'))
}
process.send({ samples, ms })
await storage.shutdown()
process.disconnect()
process.exit()
