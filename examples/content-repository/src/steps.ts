import { isStorageError, jsonCodec, type Storage } from '@larder/storage-core'
import mime from 'mime'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { FoundFile } from './files.js'

/** How many files are stored at once. */
const AT_ONCE = 8
/** So many files are read in one call, as long as their contents fit into memory at ease. */
const GROUP = 200
const GROUP_BYTES = 16_000_000

/** The metadata of a resource; the content are the bytes of the file. */
const entryCodec = jsonCodec<{ readonly mediaType: string; readonly modified: string }>()

/** A file as it was stored. */
export interface StoredFile {
  readonly name: string
  readonly size: number
  /** SHA-256 of the content, hexadecimal. */
  readonly digest: string
}

/** A collection of a storage, as one client has it. */
export interface Shelf {
  readonly storage: Storage
  readonly collection: string
  readonly signal: AbortSignal
}

/** Stores a file as a resource: content and metadata together, or not at all. A stream, so that it may be large. */
async function storeFile({ storage, collection, signal }: Shelf, file: FoundFile): Promise<StoredFile> {
  const { mtime } = await stat(file.path)
  const hash = createHash('sha256')
  let size = 0
  const content = async function* () {
    for await (const chunk of createReadStream(file.path) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  const mediaType = mime.getType(file.name) ?? 'application/octet-stream'
  const metadata = entryCodec.encode({ mediaType, modified: mtime.toISOString() }).bytes
  await storage.put(storage.info(collection, file.name), { content: content(), metadata }, { signal })
  return { name: file.name, size, digest: hash.digest('hex') }
}

/** Stores the files, some at once. `onError` is called for a file that fails, and may throw to end it all. */
export async function storeFiles(
  shelf: Shelf,
  files: readonly FoundFile[],
  onStored: (file: StoredFile) => void,
  onError: (file: FoundFile, error: unknown) => void,
): Promise<StoredFile[]> {
  const rest = files.values()
  const stored = new Map<FoundFile, StoredFile>()
  const work = async (): Promise<void> => {
    for (const file of rest) {
      try {
        const done = await storeFile(shelf, file)
        stored.set(file, done)
        onStored(done)
      } catch (error) {
        onError(file, error)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return files.flatMap((file) => stored.get(file) ?? [])
}

/** Reads both parts of all files, many in one call, and checks each content. Resolves to the bytes of the contents. */
export async function readFiles(
  { storage, collection, signal }: Shelf,
  files: readonly StoredFile[],
): Promise<number> {
  let bytes = 0
  for (const group of groupsOf(files)) {
    const infos = group.map(({ name }) => storage.info(collection, name))
    const entries = await storage.getMany(infos, { part: 'metadata', signal })
    const contents = await storage.getMany(infos, { signal })
    for (const [i, { name, digest }] of group.entries()) {
      const content = contents[i]
      if (content === undefined || entries[i] === undefined)
        throw new Error(`${name} was stored, but is not there`)
      if (createHash('sha256').update(content.bytes).digest('hex') !== digest)
        throw new Error(`${name} has not the content that was stored`)
      bytes += content.size
    }
  }
  return bytes
}

/** What an edit led to. */
export interface Edit {
  readonly before: number
  readonly after: number
  /** From the end of the write to the end of the read that saw it. */
  readonly ms: number
  /** The code of the error that a write based on the old version ended with. */
  readonly refusal: string
}

/** `second` writes what `first` has read; `first` reads it again, and is refused a write based on the old version. */
export async function editFile(first: Shelf, second: Shelf, name: string): Promise<Edit> {
  const info = first.storage.info(first.collection, name)
  const { signal } = first
  const before = await first.storage.getContent(info, { signal })
  const content = Buffer.concat([before.bytes, Buffer.from('\nThis line was added by a second client.\n')])
  const written = await second.storage.putContent(info, content, { ifMatch: before.etag, signal })
  const writtenAt = performance.now()
  const after = await first.storage.getContent(info, { signal })
  const ms = performance.now() - writtenAt
  if (after.version !== written.version || !after.bytes.equals(content))
    throw new Error('The edit was not seen')
  try {
    await first.storage.putContent(info, 'too late', { ifMatch: before.etag, signal })
  } catch (error) {
    if (!isStorageError(error, 'E_PRECONDITION_FAILED')) throw error
    return { before: before.version, after: after.version, ms, refusal: error.code }
  }
  throw new Error('A write based on an old version was not refused')
}

/** `second` removes a file; it is gone for `first`, also from its listing. Resolves to the number of names left. */
export async function removeFile(first: Shelf, second: Shelf, name: string): Promise<number> {
  const { storage, collection, signal } = first
  const info = storage.info(collection, name)
  await second.storage.remove(info, { signal })
  const exists = await storage.exists(info, { signal })
  const names = await storage.ls(collection, { signal })
  if (exists || names.has(name)) throw new Error('The removal was not seen')
  return names.size
}

function* groupsOf(files: readonly StoredFile[]): Generator<StoredFile[], void, undefined> {
  let group: StoredFile[] = []
  let bytes = 0
  for (const file of files) {
    if (group.length > 0 && (group.length === GROUP || bytes + file.size > GROUP_BYTES)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(file)
    bytes += file.size
  }
  if (group.length > 0) yield group
}
