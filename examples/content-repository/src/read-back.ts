import type { Storage, StoredPart } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import { digestOf, entryCodec, type FileEntry, STREAM_FROM_BYTES } from './file-entry.js'
import type { Work } from './meter.js'

const GROUP_FILES = 200
const GROUP_BYTES = 16 * 1024 * 1024

/** Reads both parts of every file, and holds the content against the digest in the entry. Results in the bytes read. */
export async function readBack(
  storage: Storage,
  collection: string,
  files: readonly FileEntry[],
  signal: AbortSignal,
): Promise<Work<number>> {
  let bytes = 0
  for (const group of groupsOf(files)) {
    const infos = group.map(({ name }) => storage.info(collection, name))
    const entries = await storage.getMany(infos, { part: 'metadata', signal })
    const [only] = infos
    if (group.length === 1 && only !== undefined && isLarge(group[0])) {
      const { stream, version } = await storage.openContent(only, { signal })
      const hash = createHash('sha256')
      for await (const chunk of stream) {
        hash.update(chunk)
        bytes += chunk.length
      }
      check(group[0], entries[0], version, `sha-256:${hash.digest('hex')}`)
      continue
    }
    const contents = await storage.getMany(infos, { signal })
    for (const [i, file] of group.entries()) {
      const content = contents[i]
      bytes += content?.size ?? 0
      check(file, entries[i], content?.version, content && digestOf(content.bytes))
    }
  }
  return { result: bytes, operations: 2 * files.length }
}

function check(
  file: FileEntry | undefined,
  metadata: StoredPart | undefined,
  version: number | undefined,
  digest: string | undefined,
): void {
  const name = JSON.stringify(file?.name)
  if (metadata === undefined || version === undefined) throw new Error(`${name} was stored, but is not there`)
  // Both parts are written together; another version is another writer's, who came between the two reads.
  if (metadata.version !== version) return
  const entry = entryCodec.decode(metadata.bytes, 0)
  if (entry.digest !== digest) throw new Error(`The content of ${name} has not the digest of its entry`)
}

function isLarge(file: FileEntry | undefined): boolean {
  return file !== undefined && file.size > STREAM_FROM_BYTES
}

/** As many as fit into memory at ease; a large one alone. */
function* groupsOf(files: readonly FileEntry[]): Generator<FileEntry[], void, undefined> {
  let group: FileEntry[] = []
  let bytes = 0
  for (const file of files) {
    const isFull = group.length === GROUP_FILES || bytes + file.size > GROUP_BYTES
    if (group.length > 0 && (isFull || isLarge(file) || isLarge(group[0]))) {
      yield group
      group = []
      bytes = 0
    }
    group.push(file)
    bytes += file.size
  }
  if (group.length > 0) yield group
}
