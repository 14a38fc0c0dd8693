import { isStorageError, type Storage } from '@larder/storage-core'
import { codeOf, type FoundFile, type Skipped } from './files.js'
import { entryCodec, FileChangedError, type FileEntry, loadFile } from './file-entry.js'
import { forEachLimit } from './for-each-limit.js'

/** Files under way at once: enough to read some while others are being written. */
const AT_ONCE = 8

export interface ImportOptions {
  readonly signal: AbortSignal
  /** Called once the file is stored for good. */
  readonly onStored: (entry: FileEntry) => void
  readonly onSkipped: (skipped: Skipped) => void
}

/** Stores each file as a resource of the collection: bytes and entry in one write, so that they always match. */
export async function importFiles(
  storage: Storage,
  collection: string,
  files: readonly FoundFile[],
  { signal, onStored, onSkipped }: ImportOptions,
): Promise<void> {
  await forEachLimit(files, AT_ONCE, async (file) => {
    try {
      const info = storage.info(collection, file.name)
      const { content, entry } = await loadFile(file)
      await storage.put(info, { content, metadata: entryCodec.encode(entry).bytes }, { signal })
      onStored(entry)
    } catch (error) {
      const reason = reasonToSkip(error)
      if (reason === undefined) throw error
      onSkipped({ name: file.name, reason })
    }
  })
}

/** What is wrong with this one file; undefined for an error that the next file would meet as well. */
function reasonToSkip(error: unknown): string | undefined {
  // A storage may hand on the error of a stream as the cause of its own.
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause)
    if (cause instanceof FileChangedError) return cause.message
    if (code !== undefined && FILE_TROUBLE.has(code)) return `unreadable (${code})`
  }
  if (error instanceof RangeError || isStorageError(error, 'E_TOO_LARGE')) return error.message
  return undefined
}

const FILE_TROUBLE: ReadonlySet<string> = new Set(
  'EACCES EBUSY EIO EISDIR ELOOP ENAMETOOLONG ENOENT ENOTDIR ENXIO EPERM ESTALE'.split(' '),
)
