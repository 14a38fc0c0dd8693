import type { PartName } from '@larder/storage-core'
import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { ExitCode } from '../exit-code.js'
import { nameText } from '../output.js'
import { partOption } from '../parts.js'

interface RmOptions {
  readonly part?: PartName
  readonly force?: boolean
}

export function addRm(program: Command, act: Act): void {
  program
    .command('rm')
    .description('removes resources, both parts or one')
    .argument('<collection>')
    .argument('<names...>')
    .addOption(partOption('default: both'))
    .option('-f, --force', 'what is not there is no failure')
    .action(act(rm))
}

async function rm(
  context: Context,
  collection: string,
  names: readonly string[],
  { part, force }: RmOptions,
): Promise<ExitCode> {
  const { output, signal } = context
  const storage = await context.writing()
  let missing = 0
  for (const name of names) {
    const info = storage.info(collection, name)
    const { changed } =
      part === 'content'
        ? await storage.removeContent(info, { signal })
        : part === 'metadata'
          ? await storage.removeMetaData(info, { signal })
          : await storage.remove(info, { signal })
    if (!changed) missing++
    await output.result({ name, removed: changed }, `${changed ? 'removed' : 'not there:'} ${nameText(name)}`)
  }
  return missing > 0 && force !== true ? ExitCode.notFound : ExitCode.done
}
