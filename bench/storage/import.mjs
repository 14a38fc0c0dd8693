// Files of a folder into a database, with and without a cache in front of it.
import { Buffer } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { perSecond, startPeer, takeTurns, testOf } from '../lib/rounds.mjs'
import { inParallel } from '../memcache/workload.mjs'

const SCRIPT = fileURLToPath(new URL('import-peer.mjs', import.meta.url))
const LEAST_BYTES = 512
const MOST_BYTES = 16_384
const AT_ONCE = 16

/** The shell around `put` is the same for both: read a file, store it with its metadata. */
export function importFiles(storage, files, collection) {
  return inParallel(files.length, AT_ONCE, (i) => {
    const metadata = JSON.stringify({ mediaType: 'text/plain', number: i })
    return storage.put(storage.info(collection, `file/${i}.txt`), {
      content: () => createReadStream(files[i]),
      metadata,
    })
  })
}

export async function measureImport(database, target, { rounds, files }) {
  const folder = await mkdtemp(join(tmpdir(), 'larder-import-'))
  const paths = Array.from({ length: files }, (_, i) => join(folder, String(i)))
  const peers = []
  try {
    await inParallel(files, AT_ONCE, (i) => {
      const bytes = LEAST_BYTES + ((i * 7919) % (MOST_BYTES - LEAST_BYTES))
      return writeFile(paths[i], Buffer.alloc(bytes, `file ${i} `))
    })
    for (const name of ['SqlStorage', 'MemcacheStorage']) {
      peers.push(await startPeer(name, SCRIPT, [name, JSON.stringify(target)]))
    }
    const answers = await takeTurns(peers, rounds, { folder, files, operations: files })
    const name = `${database}, import of ${files.toLocaleString('en')} files`
    return testOf({ name, unit: 'a second', better: 'more', baseline: 'SqlStorage' }, answers, perSecond)
  } finally {
    for (const peer of peers) await peer.end()
    await rm(folder, { recursive: true, force: true })
  }
}
