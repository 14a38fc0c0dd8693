import { isStorageError, type ResourceInfo, type Storage } from '@larder/storage-core'
import type { Command } from 'commander'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { eachLimit } from '../each-limit.js'
import { ExitCode, UsageError } from '../exit-code.js'
import { isSafePath, type Skipped } from '../files.js'
import { bytesText, countText, nameText } from '../output.js'
import { writeBelow } from '../whole-file.js'

export const METADATA_SUFFIX = '.metadata'

interface ExportOptions {
  readonly metadataSuffix: string
  readonly ext?: string
  readonly force?: boolean
}

const AT_ONCE = 8

export function addExport(program: Command, act: Act): void {
  program
    .command('export')
    .description('writes the resources of a collection into files below a folder, as import reads them')
    .argument('<collection>')
    .argument('<folder>', 'is made if there is none; must be empty but for --force')
    .option(
      '--metadata-suffix <text>',
      'the metadata of page.html go into page.html.metadata',
      METADATA_SUFFIX,
    )
    .option('--ext <ext>', 'only names that end in it')
    .option('-f, --force', 'writes over files that are there')
    .action(act(exportCollection))
}

async function exportCollection(
  context: Context,
  collection: string,
  folder: string,
  options: ExportOptions,
): Promise<ExitCode> {
  const { output, signal } = context
  if (options.metadataSuffix === '') throw new UsageError('--metadata-suffix needs a text')
  const storage = await context.reading()
  await mkdir(folder, { recursive: true })
  if (options.force !== true && (await readdir(folder)).length > 0)
    throw new UsageError(`${folder} is not empty; --force writes over what is there`)
  const skipped: Skipped[] = []
  let [written, bytes] = [0, 0]
  const progress = output.progress('export', 0)
  try {
    const members = storage.ils(collection, { ext: options.ext, signal })
    await eachLimit(members, AT_ONCE, async ([name, info]) => {
      progress.grow(1)
      try {
        const reason = reasonToSkip(name, options.metadataSuffix)
        if (reason !== undefined) throw new UnfitTarget(reason)
        const size = await exportOne(context, storage, info, join(folder, name), options.metadataSuffix)
        // Not in one expression with the call: others add to it meanwhile.
        bytes += size
        written++
      } catch (error) {
        if (!isOfTarget(error)) throw error
        skipped.push({ name, reason: error.message })
      }
      progress.add()
    })
  } catch (error) {
    output.note(`stopped after ${countText(written, 'resource')}, ${bytesText(bytes)}`)
    throw error
  } finally {
    progress.end()
  }
  for (const { name, reason } of skipped) output.note(`skipped ${nameText(name)}: ${reason}`)
  const text = `${countText(written, 'resource')} written, ${bytesText(bytes)}`
  await output.result(
    { written, bytes, skipped },
    skipped.length > 0 ? `${text}; ${skipped.length} skipped` : text,
  )
  return skipped.length > 0 ? ExitCode.failed : ExitCode.done
}

function reasonToSkip(name: string, suffix: string): string | undefined {
  if (!isSafePath(name)) return 'its name cannot be that of a file below the folder'
  return name.endsWith(suffix) ? `its name ends as those of metadata do: ${suffix}` : undefined
}

/** Resolves to the bytes written. What was removed meanwhile is no failure. */
async function exportOne(
  { signal }: Pick<Context, 'signal'>,
  storage: Storage,
  info: ResourceInfo,
  path: string,
  suffix: string,
): Promise<number> {
  const metadata = await ifThere(storage.getMetaData(info, { signal }))
  const content = await ifThere(storage.openContent(info, { signal }))
  if (metadata === undefined && content === undefined && (await storage.exists(info, { signal })))
    // The two reads are of two moments, between which one part came and the other went.
    return exportOne({ signal }, storage, info, path, suffix)
  if (metadata !== undefined) await writeBelow(path + suffix, [metadata.bytes], signal)
  if (content !== undefined) await writeBelow(path, content.stream, signal)
  return (metadata?.size ?? 0) + (content?.size ?? 0)
}

class UnfitTarget extends Error {}

/** Errors of the file system that the next target will meet as well: no space, no rights to write at all. */
const OF_ALL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EIO'])

/** Whether the error is about this one target: a folder of its name, for example, or a name that is too long. */
function isOfTarget(error: unknown): error is Error {
  if (error instanceof UnfitTarget) return true
  if (!(error instanceof Error) || !('syscall' in error) || !('path' in error)) return false
  return !('code' in error && typeof error.code === 'string' && OF_ALL.has(error.code))
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (isStorageError(error, 'E_NOT_FOUND')) return undefined
    throw error
  }
}
