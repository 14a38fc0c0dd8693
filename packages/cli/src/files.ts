import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** A regular file below a folder. */
export interface FoundFile {
  readonly path: string
  /** Its way from the folder, with slashes. */
  readonly name: string
}

export interface Skipped {
  readonly name: string
  readonly reason: string
}

/** All regular files below the folder, in a stable order. Rejects where the folder itself cannot be read. */
export async function filesIn(
  folder: string,
): Promise<{ readonly files: readonly FoundFile[]; readonly skipped: readonly Skipped[] }> {
  const files: FoundFile[] = []
  const skipped: Skipped[] = []
  const walk = async (path: string, prefix: string): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const found = { path: join(path, entry.name), name: prefix + entry.name }
      if (entry.isFile()) files.push(found)
      else if (entry.isDirectory())
        await walk(found.path, `${found.name}/`).catch((error: unknown) => {
          skipped.push({ name: `${found.name}/`, reason: (error as Error).message })
        })
      else skipped.push({ name: found.name, reason: 'no regular file' })
    }
  }
  await walk(folder, '')
  return { files, skipped }
}

/** Whether a resource of this name can be a file below a folder, and nowhere else. */
export function isSafePath(name: string): boolean {
  return !/[\0\\]/.test(name) && name.split('/').every((each) => !['', '.', '..'].includes(each))
}
