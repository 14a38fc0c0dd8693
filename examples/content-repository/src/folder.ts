import { realpath, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@larder/example-environment'
import { codeOf, findFiles, type Findings } from './files.js'

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))

/** What a tool has made or keeps in this repository. */
const NOT_OURS: ReadonlySet<string> = new Set(['.git', 'node_modules', 'dist', 'coverage', '.tmp'])

/** What SQLite keeps beside a database, and the database itself. */
const SQLITE_FILES = ['', '-wal', '-shm', '-journal']

/** The folder's real path. */
export async function checkFolder(given: string = REPOSITORY): Promise<string> {
  try {
    const folder = await realpath(given)
    if ((await stat(folder)).isDirectory()) return folder
  } catch (cause) {
    throw new UsageError(`The folder cannot be read: ${given} (${codeOf(cause) ?? String(cause)})`, { cause })
  }
  throw new UsageError(`This is no folder: ${given}`)
}

/** All files of a folder that was given; of this repository, those that people write. */
export function filesOf(
  folder: string,
  given: string | undefined,
  database: string | undefined,
): Promise<Findings> {
  // The folder may be the one where the database lies, which would then store itself while it grows.
  const kept = new Set(database === undefined ? [] : SQLITE_FILES.map((ending) => `${database}${ending}`))
  return findFiles(folder, ({ path, name }) => {
    if (kept.has(path)) return true
    return given === undefined && NOT_OURS.has(name.slice(name.lastIndexOf('/') + 1))
  })
}
