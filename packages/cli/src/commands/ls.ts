import { type Command, Option } from 'commander'
import type { ListOrder } from '@larder/storage-core'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { countOf } from '../numbers.js'
import { nameText } from '../output.js'

interface LsOptions {
  readonly ext?: string
  readonly long?: boolean
  readonly order?: ListOrder
  readonly limit?: number
}

const PAGE = 1_000

export function addLs(program: Command, act: Act): void {
  program
    .command('ls')
    .description('lists the resources of a collection, a name a line')
    .argument('<collection>')
    .option('--ext <ext>', 'only names that end in it: atom and .atom mean the same')
    .option('-l, --long', 'with version and time of the last write')
    .addOption(new Option('--order <order>', 'default: name').choices(['name', 'newest', 'oldest']))
    .option('--limit <count>', 'so many at most', countOf)
    .action(act(ls))
}

async function ls(context: Context, collection: string, options: LsOptions): Promise<void> {
  const isLong = options.long === true || options.order !== undefined || options.limit !== undefined
  await (isLong ? pages(context, collection, options) : names(context, collection, options))
}

async function names(context: Context, collection: string, { ext }: LsOptions): Promise<void> {
  const { output, signal } = context
  const storage = await context.reading()
  for await (const [name] of storage.ils(collection, { ext, signal })) {
    await output.result({ name }, nameText(name))
  }
}

async function pages(
  context: Context,
  collection: string,
  { ext, long, order, limit }: LsOptions,
): Promise<void> {
  const { output, signal } = context
  const storage = await context.reading({ orderByModified: order !== undefined && order !== 'name' })
  let left = limit ?? Infinity
  let after: string | undefined
  do {
    const page = await storage.page(collection, { ext, order, after, limit: Math.min(PAGE, left), signal })
    for (const { name, version, modifiedAt } of page.entries) {
      const text = `${modifiedAt.toISOString()}  ${String(version).padStart(8)}  ${nameText(name)}`
      await output.result({ name, version, modifiedAt }, long === true ? text : nameText(name))
    }
    left -= page.entries.length
    after = page.next
  } while (after !== undefined && left > 0)
}
