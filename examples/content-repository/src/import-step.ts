import { MAX_COLLECTION_BYTES } from '@larder/storage-core'
import type { Client } from '@larder/example-environment'
import { digestOf, type FileEntry } from './file-entry.js'
import type { Findings, Skipped } from './files.js'
import { importFiles } from './import.js'
import type { Work } from './meter.js'
import { Progress } from './progress.js'
import type { Surroundings } from './surroundings.js'
import { bytesText, countText, nameText } from './text.js'

/** How many of the files that were passed over are named. */
const NAMED = 5

/** The collection of a folder: the path itself, where a name may be as long as that. */
export function collectionOf(folder: string): string {
  return Buffer.byteLength(folder) <= MAX_COLLECTION_BYTES ? folder : digestOf(Buffer.from(folder))
}

/** Stores what was found, and tells how far it is. Resolves to the entries in the order of the files. */
export async function importStep(
  { storage }: Client,
  collection: string,
  { files, skipped }: Findings,
  { output, signal, say }: Surroundings,
  verbose: boolean,
): Promise<Work<FileEntry[]>> {
  const progress = new Progress(output, files.length)
  const stored = new Map<string, FileEntry>()
  const passedOver: Skipped[] = [...skipped]
  try {
    await importFiles(storage, collection, files, {
      signal,
      onStored: (entry) => {
        stored.set(entry.name, entry)
        if (verbose) say('stored', `${nameText(entry.name)} ${entry.digest}`)
        else progress.add(entry.size)
      },
      onSkipped: (file) => passedOver.push(file),
    })
  } finally {
    progress.clear()
    say('import', summaryOf([...stored.values()], passedOver))
    for (const { name, reason } of passedOver.slice(0, NAMED)) say('', `skipped ${nameText(name)}: ${reason}`)
    if (passedOver.length > NAMED) say('', `and ${countText(passedOver.length - NAMED)} more`)
  }
  const entries = files.flatMap(({ name }) => stored.get(name) ?? [])
  return { result: entries, operations: entries.length }
}

function summaryOf(stored: readonly FileEntry[], skipped: readonly Skipped[]): string {
  const bytes = stored.reduce((sum, { size }) => sum + size, 0)
  const text = `${countText(stored.length)} files stored, ${bytesText(bytes)}`
  return skipped.length === 0 ? text : `${text}; ${countText(skipped.length)} skipped`
}
