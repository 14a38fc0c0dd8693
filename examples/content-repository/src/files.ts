import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface FoundFile {
  readonly path: string
  /** Its way from the folder, with slashes: the name of its resource. */
  readonly name: string
}

export interface Skipped {
  readonly name: string
  readonly reason: string
}

export interface Findings {
  readonly files: readonly FoundFile[]
  readonly skipped: readonly Skipped[]
}

/** All regular files below `folder`, in a stable order. `leaveOut` decides over files and whole folders. */
export async function findFiles(folder: string, leaveOut: (found: FoundFile) => boolean): Promise<Findings> {
  const files: FoundFile[] = []
  const skipped: Skipped[] = []
  const walk = async (parent: FoundFile): Promise<void> => {
    for (const entry of await entriesOf(parent, skipped)) {
      const name = decodeName(entry.name)
      if (name === undefined) {
        skipped.push({ name: within(parent, entry.name.toString()), reason: 'its name is not UTF-8' })
        continue
      }
      const found = { path: join(parent.path, name), name: within(parent, name) }
      if (leaveOut(found)) continue
      if (entry.isDirectory()) await walk(found)
      else if (entry.isFile()) files.push(found)
      else
        skipped.push({
          name: found.name,
          reason: entry.isSymbolicLink() ? 'a symbolic link' : 'no regular file',
        })
    }
  }
  await walk({ path: folder, name: '' })
  return { files, skipped }
}

/** Names as bytes, since those of a file system need not be text; a folder that cannot be read has none. */
async function entriesOf({ path, name }: FoundFile, skipped: Skipped[]) {
  try {
    const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' })
    return entries.sort((a, b) => Buffer.compare(a.name, b.name))
  } catch (error) {
    // The folder that was asked for is another matter than one somewhere in it.
    if (name === '') throw error
    skipped.push({ name: `${name}/`, reason: `unreadable (${codeOf(error) ?? String(error)})` })
    return []
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeName(name: Buffer): string | undefined {
  try {
    return utf8.decode(name)
  } catch {
    return undefined
  }
}

function within(parent: FoundFile, name: string): string {
  return parent.name === '' ? name : `${parent.name}/${name}`
}

/** The code of an error of the file system, such as `ENOENT`; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined
}
