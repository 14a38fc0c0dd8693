import { UsageError } from '@larder/example-environment'
import { isStorageError, MAX_COLLECTION_BYTES } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
/** What tools have made or keep in this repository. */
const NOT_WRITTEN_BY_PEOPLE: ReadonlySet<string> = new Set([
  '.git',
  'node_modules',
  'dist',
  'coverage',
  '.tmp',
])
/** What SQLite keeps beside a database, and the database itself. */
const SQLITE_ENDINGS = ['', '-wal', '-shm', '-journal']

export interface FoundFile {
  readonly path: string
  /** Its path from the folder, with slashes: the name of its resource. */
  readonly name: string
}

export interface Skipped {
  readonly name: string
  readonly reason: string
}

/** The folder's real path; this repository where none is given. Rejects with a `UsageError`. */
export async function checkFolder(given = REPOSITORY): Promise<string> {
  const folder = await realpath(given).catch((cause: unknown) => {
    throw new UsageError(`The folder cannot be read: ${given} (${codeOf(cause) ?? String(cause)})`, { cause })
  })
  if (!(await stat(folder)).isDirectory()) throw new UsageError(`This is no folder: ${given}`)
  return folder
}

/** All regular files below the folder in a stable order, without the database that may lie there. */
export async function findFiles(
  folder: string,
  database: string | undefined,
): Promise<{ readonly files: readonly FoundFile[]; readonly skipped: Skipped[] }> {
  const files: FoundFile[] = []
  const skipped: Skipped[] = []
  const isOwn = folder === (await realpath(REPOSITORY))
  const databaseFiles = new Set(SQLITE_ENDINGS.map((ending) => `${database}${ending}`))
  const walk = async (path: string, prefix: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const found = { path: join(path, entry.name), name: prefix + entry.name }
      if (databaseFiles.has(found.path) || (isOwn && NOT_WRITTEN_BY_PEOPLE.has(entry.name))) continue
      if (entry.isFile()) files.push(found)
      else if (entry.isDirectory())
        await walk(found.path, `${found.name}/`).catch((error: unknown) => {
          skipped.push({ name: `${found.name}/`, reason: `unreadable (${codeOf(error) ?? String(error)})` })
        })
      else
        skipped.push({
          name: found.name,
          reason: entry.isSymbolicLink() ? 'a symbolic link' : 'no regular file',
        })
    }
  }
  await walk(folder, '')
  return { files, skipped }
}

/** The collection of a folder: its path, or the digest of it where the path is too long for a name. */
export function collectionOf(folder: string): string {
  if (Buffer.byteLength(folder) <= MAX_COLLECTION_BYTES) return folder
  return createHash('sha256').update(folder).digest('hex')
}

/** What is wrong with this one file; undefined for an error that the next file would meet as well. */
export function reasonToSkip(error: unknown): string | undefined {
  // A storage may pass on the error of a stream as the cause of its own.
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause)
    if (code !== undefined && 'path' in cause) return `unreadable (${code})`
  }
  return error instanceof RangeError || isStorageError(error, 'E_TOO_LARGE') ? error.message : undefined
}

/** The code of an error of the file system, such as `ENOENT`; undefined for other errors. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined
}
