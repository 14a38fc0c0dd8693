import { isStorageError, type Parts, type Storage } from '@larder/storage-core'
import type { Command } from 'commander'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { eachLimit } from '../each-limit.js'
import { ExitCode } from '../exit-code.js'
import { filesIn, type FoundFile, type Skipped } from '../files.js'
import { bytesText, countText, nameText } from '../output.js'
import { METADATA_SUFFIX } from './export.js'

interface ImportOptions {
  readonly metadataSuffix: string
  readonly new?: boolean
  readonly dryRun?: boolean
}

/** Resources under way at once: enough to read some while others are being written. */
const AT_ONCE = 8
/** Larger files are read piece by piece. */
const STREAM_FROM_BYTES = 1_048_576

interface Item {
  readonly name: string
  readonly content: FoundFile | undefined
  readonly metadata: FoundFile | undefined
}

export function addImport(program: Command, act: Act): void {
  program
    .command('import')
    .description('stores the files below a folder, each under its way from there')
    .argument('<folder>')
    .argument('<collection>')
    .option('--metadata-suffix <text>', 'page.html.metadata has the metadata of page.html', METADATA_SUFFIX)
    .option('--new', 'leaves alone what is there already')
    .option('--dry-run', 'tells what it would store')
    .action(act(importFolder))
}

async function importFolder(
  context: Context,
  folder: string,
  collection: string,
  options: ImportOptions,
): Promise<ExitCode> {
  const { output } = context
  const { files, skipped } = await filesIn(folder)
  const items = paired(files, options.metadataSuffix)
  if (options.dryRun === true) {
    for (const { name } of items) await output.result({ name }, nameText(name))
    return ExitCode.done
  }
  const storage = await context.writing()
  const outcome = await importAll(context, storage, collection, items, options)
  const passedOver = [...skipped, ...outcome.skipped]
  for (const { name, reason } of passedOver) output.note(`skipped ${nameText(name)}: ${reason}`)
  const { stored, there, bytes } = outcome
  const text =
    `${countText(stored, 'resource')} stored, ${bytesText(bytes)}` +
    (there > 0 ? `; ${there} left alone` : '') +
    (passedOver.length > 0 ? `; ${passedOver.length} skipped` : '')
  await output.result({ stored, there, bytes, skipped: passedOver }, text)
  return passedOver.length > 0 ? ExitCode.failed : ExitCode.done
}

async function importAll(
  { output, signal }: Context,
  storage: Storage,
  collection: string,
  items: readonly Item[],
  options: ImportOptions,
) {
  const outcome = { stored: 0, there: 0, bytes: 0, skipped: [] as Skipped[] }
  const progress = output.progress('import', items.length)
  try {
    await eachLimit(items, AT_ONCE, async (item) => {
      try {
        const { parts, bytes } = await load(item)
        const conditions = options.new === true ? { ifNoneMatch: '*' as const } : {}
        await storage.put(storage.info(collection, item.name), parts, { ...conditions, signal })
        outcome.stored++
        outcome.bytes += bytes
      } catch (error) {
        if (isStorageError(error, 'E_PRECONDITION_FAILED')) outcome.there++
        else if (isOfFile(error)) outcome.skipped.push({ name: item.name, reason: (error as Error).message })
        else throw error
      }
      progress.add()
    })
  } catch (error) {
    output.note(`stopped after ${countText(outcome.stored, 'resource')}, ${bytesText(outcome.bytes)}`)
    throw error
  } finally {
    progress.end()
  }
  return outcome
}

function paired(files: readonly FoundFile[], suffix: string): Item[] {
  const items = new Map<string, Item>()
  for (const file of files) {
    const isMetadata = suffix !== '' && file.name.endsWith(suffix) && file.name.length > suffix.length
    const name = isMetadata ? file.name.slice(0, -suffix.length) : file.name
    const { content, metadata } = items.get(name) ?? {}
    items.set(name, isMetadata ? { name, content, metadata: file } : { name, content: file, metadata })
  }
  return [...items.values()]
}

async function load({ content, metadata }: Item): Promise<{ readonly parts: Parts; readonly bytes: number }> {
  const description = metadata && (await readFile(metadata.path))
  const size = content === undefined ? 0 : (await stat(content.path)).size
  const bytes =
    content === undefined
      ? undefined
      : size > STREAM_FROM_BYTES
        ? () => createReadStream(content.path) as AsyncIterable<Uint8Array>
        : await readFile(content.path)
  return { parts: { content: bytes, metadata: description }, bytes: size + (description?.length ?? 0) }
}

/** What is wrong with this one file, and not with the next one as well. */
function isOfFile(error: unknown): boolean {
  if (error instanceof RangeError || isStorageError(error, 'E_TOO_LARGE')) return true
  return error instanceof Error && 'syscall' in error && 'path' in error
}
