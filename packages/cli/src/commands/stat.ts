import { isStorageError, type PartInfo, type ResourceInfo, type Storage } from '@larder/storage-core'
import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { ExitCode } from '../exit-code.js'
import { nameText } from '../output.js'

export function addStat(program: Command, act: Act): void {
  program
    .command('stat')
    .description('tells version, entity tag, size and time of both parts')
    .argument('<collection>')
    .argument('<name>')
    .action(act(stat))
}

async function stat(context: Context, collection: string, name: string): Promise<ExitCode> {
  const { output, signal } = context
  const storage = await context.reading()
  const info = storage.info(collection, name)
  const parts = await partsOf(storage, info, signal)
  if (parts.content === undefined && parts.metadata === undefined) {
    await output.result({ name }, `There is no ${nameText(name)} in ${nameText(collection)}`)
    return ExitCode.notFound
  }
  const lines = Object.entries(parts).map(([part, found]) => `${part.padEnd(8)}  ${lineOf(found)}`)
  await output.result({ name, ...parts }, lines.join('\n'))
  return ExitCode.done
}

async function partsOf(storage: Storage, info: ResourceInfo, signal: AbortSignal) {
  for (;;) {
    const parts = {
      content: await ifThere(() => contentOf(storage, info, signal)),
      metadata: await ifThere(async () => shown(await storage.getMetaData(info, { signal }))),
    }
    const isFound = parts.content !== undefined || parts.metadata !== undefined
    // The two reads are of two moments, between which one part may come and the other go.
    if (isFound || !(await storage.exists(info, { signal }))) return parts
  }
}

/** Nothing of the stream is read but its beginning. */
async function contentOf(storage: Storage, info: ResourceInfo, signal: AbortSignal): Promise<PartInfo> {
  const part = await storage.openContent(info, { signal })
  await part.stream[Symbol.asyncIterator]().return?.()
  return shown(part)
}

function shown({ version, etag, size, modifiedAt }: PartInfo): PartInfo {
  return { version, etag, size, modifiedAt }
}

async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (isStorageError(error, 'E_NOT_FOUND')) return undefined
    throw error
  }
}

function lineOf(part: PartInfo | undefined): string {
  if (part === undefined) return 'none'
  const { version, etag, size, modifiedAt } = part
  return `version ${version}, etag ${etag}, ${size} bytes, ${modifiedAt.toISOString()}`
}
