import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A folder that goes when the test has ended. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'larder-example-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A new folder with these files; the names may lead through folders of their own. */
export async function newFiles(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await newFolder()
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  return folder
}

/** So many small files, a hundred in each folder. */
export async function newManyFiles(count: number): Promise<string> {
  const folder = await newFolder()
  for (let first = 0; first < count; first += 100) {
    const part = join(folder, `part-${String(first).padStart(6, '0')}`)
    await mkdir(part)
    const writes = Array.from({ length: Math.min(100, count - first) }, (_, i) =>
      writeFile(join(part, `file ${first + i}.txt`), `This is file ${first + i}.\n`.repeat(1 + (i % 40))),
    )
    await Promise.all(writes)
  }
  return folder
}
